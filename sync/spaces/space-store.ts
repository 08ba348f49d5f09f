import { createMutex, isGranaryError, toHex, type Uuid } from '#core/kernel/index.ts';
import {
  checkForkProof,
  controlLogOf,
  type Ed25519,
  type IngestOutcome,
  isForkProof,
  isSigned,
  type LogHead,
  type LogKind,
  operationCount,
  peekOperation,
  registeredLog,
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
import { type DeviceUse, openSpaceIndex, type SpaceIndexDeps, type SpaceLog } from './space-index.ts';

/** Logs of one device in one space: two for each incarnation that a device may have. */
export const SPACE_DEVICE_LOGS_MAX = 2048;

/** Logs in one space: each costs some hundred bytes of memory, and 32 devices could have all that are theirs. */
export const SPACE_LOGS_MAX = 65_536;

/** Bytes of operations of one device in one space: what a person edits in a life, or years of a sensor's records. */
export const SPACE_DEVICE_BYTES_MAX = 8 * 2 ** 30;

/** Bytes of operations in one space: a small disk must not fill because of one membership. */
export const SPACE_BYTES_MAX = 64 * 2 ** 30;

export interface SpaceQuotas {
  readonly deviceLogs: number;
  readonly logs: number;
  readonly deviceBytes: number;
  readonly bytes: number;
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
  /** From 0 for the founder, up to 2^32 - 1; what earlier devices say is sent first. */
  readonly rank: (author: Uint8Array) => number;
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
  /** The control logs in an order in which another node can take them in. */
  controlLogs(): SpaceLog[];
  /** The logs of the space, as far as they were followed; those of one kind when it is named. */
  logs(kind?: LogKind): SpaceLog[];
}

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
  const { isAdmitted, isMember, rank, quotas = QUOTAS } = options;
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
      use: new Map<string, { logCount: number; byteCount: number }>(),
      total: { logCount: 0, byteCount: 0 },
    };
  }
  type Batch = ReturnType<typeof openBatch>;

  /** Counts what comes in; the reason when it is too much. */
  function charge(batch: Batch, author: Uint8Array, logCount: number, byteCount: number): MissingReason | undefined {
    const key = isMember(author) ? toHex(author) : OUTSIDERS;
    const pending = batch.use.get(key) ?? { logCount: 0, byteCount: 0 };
    const known = isMember(author) ? index.useOf(author) : useOfOutsiders();
    const isOver =
      (logCount > 0 && known.logCount + pending.logCount + logCount > quotas.deviceLogs) ||
      (logCount > 0 && index.use.logCount + batch.total.logCount + logCount > quotas.logs) ||
      known.byteCount + pending.byteCount + byteCount > quotas.deviceBytes ||
      index.use.byteCount + batch.total.byteCount + byteCount > quotas.bytes;
    if (isOver) return 'quota';
    batch.use.set(key, pending);
    for (const each of [pending, batch.total]) {
      each.logCount += logCount;
      each.byteCount += byteCount;
    }
    return undefined;
  }

  /** Whoever let in many devices and was removed could have them all write on. */
  function useOfOutsiders(): DeviceUse {
    const use = { logCount: 0, byteCount: 0 };
    for (const author of index.authors()) {
      if (isMember(author)) continue;
      const { logCount, byteCount } = index.useOf(author);
      use.logCount += logCount;
      use.byteCount += byteCount;
    }
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
    if (log?.kind === 'data') return charge(batch, author, 0, byteCount);
    const path = toHex(author) + toHex(extensions.logId);
    const begins = !log && !batch.controlLogs.has(path);
    if (begins && !controlLogOf(blake3, space, operation)) return 'gap';
    if (!isSigned({ ed25519 }, operation)) return 'invalid';
    const registers = begins || registeredLog(blake3, space, operation)?.kind === 'data';
    const reason = charge(batch, author, registers ? 1 : 0, byteCount);
    if (!reason) batch.controlLogs.add(path);
    return reason;
  }

  async function append(operations: readonly Uint8Array[]): Promise<AppendOutcome[]> {
    await follow();
    const outcomes: AppendOutcome[] = [];
    let batch = openBatch();
    const flush = async () => {
      const { admitted } = batch;
      batch = openBatch();
      if (admitted.length === 0) return;
      const results = await logs.ingest(admitted.map(({ bytes }) => bytes));
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
      // What waits to be stored may grant or register what is missing.
      if (operation && (reason === 'forbidden' || reason === 'gap') && batch.controlLogs.size > 0) {
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
      if (charge(openBatch(), author, 1, 0)) return refused('quota');
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
    controlOperations,
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
