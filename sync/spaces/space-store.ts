import { createMutex, GranaryError, isGranaryError, toHex, type Uuid } from '#core/kernel/index.ts';
import { CONTROL_OPERATIONS_MAX, type Level } from '#sync/access/index.ts';
import {
  checkForkProof,
  controlLogOf,
  type DroppedBodies,
  type Ed25519,
  type IngestOutcome,
  isForkProof,
  isPruned,
  isSigned,
  type LogHead,
  type LogKind,
  type LogName,
  operationCount,
  peekOperation,
  registeredLog,
  type SeqRange,
  type SignedOperation,
  splitOperation,
} from '#sync/log/index.ts';
import {
  type AppendOutcome,
  type LogTip,
  type MissingReason,
  NO_OPERATION,
  type OperationStore,
} from '#sync/reconcile/index.ts';
import {
  addUse,
  type DeviceUse,
  NO_USE,
  openSpaceIndex,
  type SpaceIndexDeps,
  type SpaceLog,
  useOf,
} from './space-index.ts';

/** Logs of one device in one space: two for each incarnation that a device may have. */
export const SPACE_DEVICE_LOGS_MAX = 2048;

/** Logs in one space: each costs some hundred bytes of memory, and 32 devices could have all that are theirs. */
export const SPACE_LOGS_MAX = 65_536;

/** Bytes of operations of one device in one space: what a person edits in a life, or years of a sensor's records. */
export const SPACE_DEVICE_BYTES_MAX = 8 * 2 ** 30;

/** Bytes of operations in one space: a small disk must not fill because of one membership. */
export const SPACE_BYTES_MAX = 64 * 2 ** 30;

/**
 * Control logs of a device that may not manage: one for each incarnation, of which a home has another whenever it is
 * restored. Each can be a head that the next signature has to name.
 */
export const MEMBER_CONTROL_LOGS_MAX = 64;

/** Control operations of a device that may not manage: two for each of its logs, keys, and acknowledgements. */
export const MEMBER_CONTROL_OPERATIONS_MAX = 1024;

/** Bytes of control operations of a device that may not write, and so makes no keys: each stays in memory. */
export const READER_CONTROL_BYTES_MAX = 2 ** 20;

/** Bytes of control operations of a device that may write: a hundred keys for a thousand readers. */
export const WRITER_CONTROL_BYTES_MAX = 16 * 2 ** 20;

/** Control operations of a device that may, or might, manage: it lets in thousands of others and hands each the key. */
export const MANAGER_CONTROL_OPERATIONS_MAX = 8192;

/** Bytes of control operations of a device that may manage. */
export const MANAGER_CONTROL_BYTES_MAX = 64 * 2 ** 20;

/** Control operations of a space that are kept for those who manage it: whoever used up the others can be removed. */
export const MANAGERS_CONTROL_OPERATIONS_MIN = 8192;

export interface SpaceQuotas {
  readonly deviceLogs: number;
  readonly logs: number;
  readonly deviceBytes: number;
  readonly bytes: number;
}

/** What of its control logs a device has, by the most that it was ever let do. */
interface ControlQuota {
  readonly logs: number;
  readonly operations: number;
  readonly bytes: number;
  /** Of all devices of the space together. */
  readonly allOperations: number;
}

function controlQuota(level: Level): ControlQuota {
  if (level === 'manage') {
    return {
      logs: SPACE_DEVICE_LOGS_MAX,
      operations: MANAGER_CONTROL_OPERATIONS_MAX,
      bytes: MANAGER_CONTROL_BYTES_MAX,
      allOperations: CONTROL_OPERATIONS_MAX,
    };
  }
  return {
    logs: MEMBER_CONTROL_LOGS_MAX,
    operations: MEMBER_CONTROL_OPERATIONS_MAX,
    bytes: level === 'write' ? WRITER_CONTROL_BYTES_MAX : READER_CONTROL_BYTES_MAX,
    allOperations: CONTROL_OPERATIONS_MAX - MANAGERS_CONTROL_OPERATIONS_MIN,
  };
}

const QUOTAS: SpaceQuotas = {
  deviceLogs: SPACE_DEVICE_LOGS_MAX,
  logs: SPACE_LOGS_MAX,
  deviceBytes: SPACE_DEVICE_BYTES_MAX,
  bytes: SPACE_BYTES_MAX,
};

/** Names the account of all who are no members. */
const OUTSIDERS = '';

/** Data logs come after all control logs, whatever their authors' rank. */
const DATA_RANK = 2 ** 32;

export interface SpaceStoreDeps extends SpaceIndexDeps {
  readonly ed25519: Ed25519;
}

/** None of the functions may call the store, but for `controlOperations`: it waits for them. */
export interface SpaceStoreOptions {
  /** Of this node's store, see `Incarnation`. */
  readonly incarnation: Uint8Array;
  /** True for the founder, and for a device that somebody let in, see `AccessState.admitted`: its logs are the space's. */
  readonly isAdmitted: (author: Uint8Array) => boolean;
  /** True for one whose grant counts or did so until it was removed; all others have the quota of one device together. */
  readonly isMember: (author: Uint8Array) => boolean;
  /** The most that a device was ever let do; of one that is no member, what might have been. */
  readonly highestLevel: (author: Uint8Array) => Level;
  /** From 0 for the founder, up to 2^32 - 1; what earlier devices say is sent first. */
  readonly rank: (author: Uint8Array) => number;
  /** True for a place of a data log whose body may be missing, as members acknowledged what it amounts to; else none may. */
  readonly isCovered?: (log: LogName, seq: number) => boolean;
  /**
   * Hears of operations of control logs: when the store is opened of all, later of those that count from now on, before
   * anything is judged that came after them.
   */
  readonly onControl: (operations: readonly SignedOperation[]) => Promise<void> | void;
  /** Operations of control logs count no more, because a log forked: what they said is to be read again. */
  readonly onControlCut: () => Promise<void> | void;
  readonly quotas?: SpaceQuotas;
}

/**
 * The operations of one space: the logs of all who were let in, as the control operations say that are here. Logs of others,
 * whose grant was lost when a log forked, stay on the disk and come back with another grant. Whoever else writes the logs
 * need not tell: every call sees what is there.
 */
export interface SpaceStore extends OperationStore {
  /** All operations of control logs that count, log after log; also of those who were not let in. */
  controlOperations(): AsyncIterable<SignedOperation>;
  /**
   * Drops bodies of a data log, see `LogStore.dropBodies`. Errors: `INTERNAL` for a control log, whose bodies stay, and for one
   * that is not of the space; those of the store.
   */
  dropBodies(log: LogName, ranges: readonly SeqRange[]): Promise<DroppedBodies>;
  /** The control logs in an order in which another node can take them in. */
  controlLogs(): SpaceLog[];
  /**
   * Whether so many more control operations of a device, and bytes of them where that is asked, are within its quota, here and on
   * nodes with the same operations.
   */
  hasControlRoom(author: Uint8Array, operationCount: number, byteCount?: number): boolean;
  /** The logs of the space, as far as they were followed; those of one kind when it is named. */
  logs(kind?: LogKind): SpaceLog[];
}

const WAITS_FOR_CONTROL: ReadonlySet<MissingReason> = new Set(['forbidden', 'gap', 'pruned']);

const refused = (reason: MissingReason): AppendOutcome => ({ outcome: 'refused', reason });

/**
 * Opens what one space has of the logs of all devices. `append` takes operations of known devices into logs that the
 * space knows; those of control logs have their signatures checked at once. Errors: `STORE_DAMAGED`, those of the store.
 */
export async function openSpaceStore(
  deps: SpaceStoreDeps,
  space: Uuid,
  options: SpaceStoreOptions,
): Promise<SpaceStore> {
  const { logs, blake3, ed25519 } = deps;
  const { isAdmitted, isMember, highestLevel, rank, isCovered = () => false, quotas = QUOTAS } = options;
  const index = await openSpaceIndex(deps, space);
  const serially = createMutex();

  /** Whether each author of a log was let in, when the logs were last looked at. */
  const admissions = new Map<string, boolean>();

  const follow = (): Promise<void> =>
    index.follow(async ({ control, isControlCut }) => {
      if (isControlCut) await options.onControlCut();
      if (control.length > 0) await options.onControl(control);
      noteAdmissions();
    });

  /** Logs come and go with the admission of their authors. */
  function noteAdmissions(): void {
    for (const author of index.authors()) {
      const name = toHex(author);
      const isIn = isAdmitted(author);
      if (admissions.get(name) === !isIn) index.markMoved(author);
      admissions.set(name, isIn);
    }
  }

  /** A log of the space. */
  const find = (author: Uint8Array, logId: Uint8Array): SpaceLog | undefined =>
    isAdmitted(author) ? index.get(author, logId) : undefined;

  const tipOf = (author: Uint8Array, logId: Uint8Array): LogTip | undefined => {
    const head = find(author, logId)?.head;
    return head && toLogTip(head);
  };

  /** Operations that were let in and are not stored yet, with what they will cost. */
  function openBatch() {
    return {
      admitted: [] as { readonly place: number; readonly operation: SignedOperation; readonly bytes: Uint8Array }[],
      controlLogs: new Set<string>(),
      use: new Map<string, DeviceUse>(),
      total: NO_USE,
    };
  }
  type Batch = ReturnType<typeof openBatch>;

  /** Counts what comes in; the reason when it is too much. */
  function charge(batch: Batch, author: Uint8Array, more: DeviceUse): MissingReason | undefined {
    const key = isMember(author) ? toHex(author) : OUTSIDERS;
    const pending = addUse(batch.use.get(key) ?? NO_USE, more);
    const total = addUse(batch.total, more);
    const device = addUse(pending, isMember(author) ? index.useOf(author) : useOfOutsiders());
    const space = addUse(total, index.use);
    const isOver =
      (more.logCount > 0 && (device.logCount > quotas.deviceLogs || space.logCount > quotas.logs)) ||
      device.byteCount > quotas.deviceBytes ||
      space.byteCount > quotas.bytes ||
      (more.controlCount > 0 && isOverControl(controlQuota(highestLevel(author)), device, space, more));
    if (isOver) return 'quota';
    batch.use.set(key, pending);
    batch.total = total;
    return undefined;
  }

  const isOverControl = (quota: ControlQuota, device: DeviceUse, space: DeviceUse, more: DeviceUse): boolean =>
    (more.controlLogCount > 0 && device.controlLogCount > quota.logs) ||
    device.controlCount > quota.operations ||
    device.controlByteCount > quota.bytes ||
    space.controlCount > quota.allOperations;

  /** Whoever let in many devices and was removed could have them all write on. */
  function useOfOutsiders(): DeviceUse {
    let use = NO_USE;
    for (const author of index.authors()) if (!isMember(author)) use = addUse(use, index.useOf(author));
    return use;
  }

  /** Why an operation may not even be compared with what is here; cheap questions first. */
  function judge(batch: Batch, operation: SignedOperation, byteCount: number): MissingReason | undefined {
    const { publicKey: author, seq, extensions } = operation.header;
    if (!extensions) return 'invalid';
    if (!isAdmitted(author)) return 'forbidden';
    const log = index.get(author, extensions.logId);
    // What has its place taken is compared by the logs and costs nothing new.
    if (log?.head && seq < operationCount(log.head)) return undefined;
    if (log?.kind === 'data') {
      return mayComeAsItIs(operation) ? charge(batch, author, useOf('data', 0, byteCount, 1)) : 'pruned';
    }
    const path = toHex(author) + toHex(extensions.logId);
    const begins = !log && !batch.controlLogs.has(path);
    // What control logs say is always there; a data log is not known yet.
    if (isPruned(operation)) return begins ? 'gap' : 'invalid';
    if (begins && !controlLogOf(blake3, space, operation)) return 'gap';
    if (!isSigned({ ed25519 }, operation)) return 'invalid';
    const use = useOf('control', Number(begins), byteCount, 1);
    const registers = !begins && registeredLog(blake3, space, operation)?.kind === 'data';
    const reason = charge(batch, author, registers ? addUse(use, useOf('data', 1, 0, 0)) : use);
    if (!reason) batch.controlLogs.add(path);
    return reason;
  }

  /** With its body, or without it where it stands in a data log at a place that is covered. */
  function mayComeAsItIs(operation: SignedOperation): boolean {
    if (!isPruned(operation)) return true;
    const { publicKey: author, seq, extensions } = operation.header;
    const log = extensions && index.get(author, extensions.logId);
    return log?.kind === 'data' && isCovered(log, seq);
  }

  async function append(operations: readonly Uint8Array[]): Promise<AppendOutcome[]> {
    await follow();
    const outcomes: AppendOutcome[] = [];
    let batch = openBatch();
    const flush = async () => {
      const { admitted } = batch;
      batch = openBatch();
      if (admitted.length === 0) return;
      const results = await logs.ingest(
        admitted.map(({ bytes }) => bytes),
        { mayLackBody: mayComeAsItIs },
      );
      await follow();
      for (const [i, { place, operation }] of admitted.entries()) outcomes[place] = toOutcome(results[i]!, operation);
    };
    for (const [place, bytes] of operations.entries()) {
      if (isForkProof(bytes)) {
        await flush();
        outcomes[place] = await appendProof(bytes);
        continue;
      }
      const operation = orUndefined(() => peekOperation({ blake3 }, bytes));
      let reason: MissingReason | undefined = 'invalid';
      if (operation) reason = judge(batch, operation, bytes.length);
      // What waits to be stored may grant, register or acknowledge what is missing.
      if (operation && reason && WAITS_FOR_CONTROL.has(reason) && batch.controlLogs.size > 0) {
        await flush();
        reason = judge(batch, operation, bytes.length);
      }
      if (operation && !reason) batch.admitted.push({ place, operation, bytes });
      else outcomes[place] = refused(reason ?? 'invalid');
    }
    await flush();
    return outcomes;
  }

  function toOutcome(result: IngestOutcome, operation: SignedOperation): AppendOutcome {
    const { publicKey: author, seq, extensions } = operation.header;
    const { logId } = extensions!;
    const fork = (): AppendOutcome => {
      const tip = tipOf(author, logId);
      return tip ? { outcome: 'fork', tip } : refused('fork');
    };
    switch (result.kind) {
      case 'stored':
      case 'known':
        return { outcome: result.kind, tip: { author, logId, seq, operationId: operation.id, forkSeq: undefined } };
      case 'gap':
        return refused('gap');
      case 'fork':
        return fork();
      case 'refused':
        if (result.reason === 'frozen') return refused('fork');
        if (result.reason === 'quota') return refused('quota');
        if (result.reason === 'body' && isPruned(operation)) return refused('pruned');
        // Anybody can name a wrong predecessor; only the author can sign it.
        return result.reason === 'backlink' && isSigned({ ed25519 }, operation) ? fork() : refused('invalid');
    }
  }

  async function appendProof(bytes: Uint8Array): Promise<AppendOutcome> {
    const proof = orUndefined(() => checkForkProof({ blake3, ed25519 }, bytes));
    if (!proof) return refused('invalid');
    const { author, logId } = proof.name;
    if (!isAdmitted(author)) return refused('forbidden');
    const isHeld = index.get(author, logId) !== undefined;
    if (!isHeld) {
      // No operation that could register such a log counts; all nodes must hold the proof, or their roots differ.
      if (proof.seq > 0) return refused('gap');
      if (charge(openBatch(), author, useOf('data', 1, 0, 0))) return refused('quota');
      await index.holdForked(proof.name);
    }
    const result = await logs.ingestForkProof(bytes);
    await follow();
    const tip = tipOf(author, logId);
    if (!tip) return refused('gap');
    if (result.kind === 'refused') return refused(result.reason === 'quota' ? 'quota' : 'invalid');
    return { outcome: result.kind === 'known' && isHeld ? 'known' : 'stored', tip };
  }

  async function* tips(): AsyncIterable<LogTip> {
    await follow();
    for (const { author, head } of index.all()) if (head && hasItems(head) && isAdmitted(author)) yield toLogTip(head);
  }

  async function operationId(author: Uint8Array, logId: Uint8Array, seq: number): Promise<Uint8Array | undefined> {
    const tip = tipOf(author, logId);
    if (!tip || seq > tip.seq) return undefined;
    if (seq === tip.seq) return tip.operationId;
    for await (const bytes of logs.operationsFrom(author, logId, seq)) return peekOperation({ blake3 }, bytes).id;
    return undefined;
  }

  async function* operationsFrom(author: Uint8Array, logId: Uint8Array, seqStart: number): AsyncIterable<Uint8Array> {
    if (find(author, logId)) yield* logs.operationsFrom(author, logId, seqStart);
  }

  async function byteCount(author: Uint8Array, logId: Uint8Array, seqStart: number, seqEnd: number): Promise<number> {
    const head = find(author, logId)?.head;
    if (!head) return 0;
    const isWhole = seqStart === 0 && seqEnd === operationCount(head) - 1;
    return isWhole ? head.byteCount : logs.byteCount(author, logId, seqStart, seqEnd);
  }

  async function dropBodies(name: LogName, ranges: readonly SeqRange[]): Promise<DroppedBodies> {
    await follow();
    if (index.get(name.author, name.logId)?.kind !== 'data') {
      throw new GranaryError('INTERNAL', 'Bodies can be dropped from data logs of the space alone.', { space });
    }
    const dropped = await logs.dropBodies(name, ranges);
    await index.reread(name);
    return dropped;
  }

  async function* controlOperations(): AsyncIterable<SignedOperation> {
    const control = [...index.all()].filter(({ kind }) => kind === 'control');
    for (const { author, logId } of control) {
      for await (const bytes of logs.operationsFrom(author, logId, 0)) yield splitOperation({ blake3 }, bytes);
    }
  }

  await options.onControl(await Array.fromAsync(controlOperations()));
  noteAdmissions();
  return {
    incarnation: options.incarnation,
    tips,
    async tip(author, logId) {
      await follow();
      const head = find(author, logId)?.head;
      return head && hasItems(head) ? toLogTip(head) : undefined;
    },
    operationsFrom,
    byteCount,
    operationId,
    forkProof: async (author, logId) => (find(author, logId) ? logs.forkProof(author, logId) : undefined),
    rank: (author, logId) => rank(author) + (index.get(author, logId)?.kind === 'control' ? 0 : DATA_RANK),
    async lastArrival() {
      await follow();
      return index.arrival;
    },
    arrivalsAfter: (after) => index.arrivalsAfter(after),
    append: (operations) => serially(() => append(operations)),
    dropBodies: (name, ranges) => serially(() => dropBodies(name, ranges)),
    controlOperations,
    hasControlRoom(author, operationCount, byteCount = 0) {
      const more = useOf('control', 0, byteCount, operationCount);
      const device = addUse(index.useOf(author), more);
      return !isOverControl(controlQuota(highestLevel(author)), device, addUse(index.use, more), more);
    },
    controlLogs: () =>
      [...index.all()]
        .filter(({ kind, author }) => kind === 'control' && isAdmitted(author))
        .sort((left, right) => rank(left.author) - rank(right.author)),
    logs: (kind) => [...index.all()].filter((log) => (!kind || log.kind === kind) && isAdmitted(log.author)),
  };
}

const hasItems = ({ tip, frozenFrom }: LogHead): boolean => tip !== undefined || frozenFrom !== undefined;

const toLogTip = ({ author, logId, tip, frozenFrom }: LogHead): LogTip => {
  const { seq, operationId } = tip ?? { seq: -1, operationId: NO_OPERATION };
  return { author, logId, seq, operationId, forkSeq: frozenFrom };
};

/** What `work` reads; undefined for what is no operation or proof. */
function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isGranaryError(error, 'OPERATION_INVALID') || isGranaryError(error, 'LIMIT_EXCEEDED')) return undefined;
    throw error;
  }
}
