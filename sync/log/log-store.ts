import { type AbortOptions, createMutex, equalBytes, GranaryError, throwIfAborted } from '#core/kernel/index.ts';
import { Commit, type KeyRange, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { placeAfter } from './check-successor.ts';
import { checkForkProof } from './fork-proof.ts';
import {
  DEVICE_LOGS_MAX,
  ingestOperation,
  type IngestOutcome,
  orInvalid,
  type RefusalReason,
} from './ingest-operation.ts';
import {
  createLogBatch,
  decodeStoredLog,
  type LogBatch,
  type LogDraft,
  logDamaged,
  readLogState,
} from './log-batch.ts';
import {
  ARRIVALS,
  arrivalKey,
  decodeArrival,
  entryKey,
  entryPrefix,
  forkKey,
  FORKS,
  type LogName,
  logPath,
  parseLogPath,
  STATES,
  tipKey,
  UNVERIFIED,
} from './log-keys.ts';
import { type LogHead, type LogState, operationCount } from './log-state.ts';
import { isSigned, isSignedAside, peekOperation, type SignedOperation } from './operation.ts';
import type { Blake3, Ed25519 } from './ports.ts';

/** Signatures checked at a time: some milliseconds in which files and the store wait for the threads that check them. */
export const VERIFY_BATCH_OPERATIONS = 128;

/** Bytes of operations held while their signatures are checked. */
export const VERIFY_BATCH_BYTES_MAX = 4 * 2 ** 20;

/** Logs whose tips are read at a time, and entries removed at a time. */
const CHUNK = 1000;

export interface LogStoreDeps {
  readonly store: KeyValueStore;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
}

/** What changed in a log by one batch. */
export interface Arrival extends LogName {
  /** Numbers the changes of this store, from 1. */
  readonly arrival: number;
  /** The first operation that is new, or that counts no more. */
  readonly seq: number;
}

/** What one batch of signature checks found in one log. */
export interface VerifyReport extends LogName {
  readonly checkedCount: number;
  /** The log was cut before this operation. */
  readonly cut: { readonly seq: number; readonly operationId: Uint8Array; readonly reason: RefusalReason } | undefined;
}

export interface IngestOptions {
  /** True for an operation that may come without its body, as its header alone. Without it, none may. */
  readonly mayLackBody?: (operation: SignedOperation) => boolean;
}

/** Places in a log, both ends inclusive. */
export interface SeqRange {
  readonly seqStart: number;
  readonly seqEnd: number;
}

/** What was dropped. */
export interface DroppedBodies {
  readonly operationCount: number;
  readonly byteCount: number;
}

export interface ExtendOptions {
  readonly alsoWrite?: Commit;
}

export type ProofOutcome =
  | { readonly kind: 'fork' }
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason };

/** The logs of all devices, as their signed bytes. Every call may run beside every other. */
export interface LogStore {
  /**
   * Takes operations in, in order, in one synced batch, and says for each what became of it. Nothing is stored when it
   * throws. The bytes are kept: do not change them afterwards. Errors: `STORE_DAMAGED`, those of the store's writes.
   */
  ingest(operations: readonly Uint8Array[], options?: IngestOptions): Promise<IngestOutcome[]>;
  /**
   * Continues a log of this device, all or nothing: `sign` gets the state of the log and returns what follows. Before it
   * is asked, signatures that nobody has checked yet are, and nothing else is taken in meanwhile: neither a forged
   * operation nor this device's own ones that a peer hands back can turn the next one into a fork.
   * `alsoWrite` is stored in the same batch, and read only once `sign` has returned: a cursor moves together with the
   * operations that it stands for. Errors: `LIMIT_EXCEEDED` for a device with too many logs, `INTERNAL` for anything that
   * does not follow.
   */
  extend(name: LogName, sign: (state: LogState) => readonly Uint8Array[], options?: ExtendOptions): Promise<void>;
  /** Takes in what another node proves: the log ends before the fork, also where it had only one branch. */
  ingestForkProof(proof: Uint8Array): Promise<ProofOutcome>;
  /**
   * Every log that has operations or a fork, in the order of author and log id. One whose operations all turned out not
   * to be signed is left out, as on nodes that never took them.
   */
  tips(options?: AbortOptions): AsyncIterable<LogHead>;
  /** One log; undefined when nothing of it has arrived. */
  tip(author: Uint8Array, logId: Uint8Array): Promise<LogHead | undefined>;
  /**
   * The operations from `seqStart` (inclusive) to the tip, as the bytes that were taken in; of those whose bodies were
   * dropped, the headers: see `splitStored`.
   */
  operationsFrom(
    author: Uint8Array,
    logId: Uint8Array,
    seqStart: number,
    options?: AbortOptions,
  ): AsyncIterable<Uint8Array>;
  /**
   * What this node had of a log from its fork on: one branch, none of which counts, in order, as far as it follows. Nobody
   * may have looked at the signatures.
   */
  operationsBehindFork(author: Uint8Array, logId: Uint8Array, options?: AbortOptions): AsyncIterable<Uint8Array>;
  /** The bytes of the operations from `seqStart` to `seqEnd` (both inclusive) or the tip. */
  byteCount(author: Uint8Array, logId: Uint8Array, seqStart: number, seqEnd: number): Promise<number>;
  /**
   * Drops bodies of operations whose signatures were checked, in one synced batch; the headers stay, and to others the log
   * is the same. Places beyond the checked ones, and those without a body, are passed over. Only a caller that knows the kind
   * of the log may call this: what control logs say is never dropped. Errors: `STORE_DAMAGED`, those of the store.
   */
  dropBodies(name: LogName, ranges: readonly SeqRange[]): Promise<DroppedBodies>;
  /** The number of the last change; 0 in an empty store. It means nothing in another incarnation. */
  lastArrival(): Promise<number>;
  /** The changes of numbers greater than `after`, in order: one for each log and batch. */
  arrivalsAfter(after: number, options?: AbortOptions): AsyncIterable<Arrival>;
  /** One proof for each log that is frozen. */
  forkProofs(options?: AbortOptions): AsyncIterable<Uint8Array>;
  /** The proof that froze one log; undefined when it is not frozen. */
  forkProof(author: Uint8Array, logId: Uint8Array): Promise<Uint8Array | undefined>;
  /** Checks the next signatures that nobody has checked yet; undefined when there are none left. */
  verifyNext(options?: AbortOptions): Promise<VerifyReport | undefined>;
}

/** Opens the logs in `store`. One at a time may be open on a store. */
export async function openLogStore(deps: LogStoreDeps): Promise<LogStore> {
  const { store } = deps;
  const mutex = createMutex();
  let arrivalNext = (await readLastArrival(store)) + 1;
  /** The log that was looked at last, so that one with much to check does not keep the others waiting. */
  let verifiedLast = '';

  /** Plans changes and writes them as one batch; a batch that cannot be written leaves nothing behind. */
  const change = <T>(
    plan: (batch: LogBatch) => Promise<T>,
    { sync = true, alsoWrite }: ExtendOptions & { readonly sync?: boolean } = {},
  ): Promise<T> =>
    mutex(async () => {
      const batch = createLogBatch(deps);
      const result = await plan(batch);
      const planned = batch.toCommit(arrivalNext);
      if (alsoWrite) addWrites(planned.commit, alsoWrite);
      if (planned.commit.writes.length === 0) return result;
      await store.write(planned.commit, { sync });
      arrivalNext = planned.arrivalNext;
      for (const range of batch.garbage()) await removeRange(store, range);
      return result;
    });

  async function ingestInto(
    batch: LogBatch,
    operations: readonly Uint8Array[],
    { mayLackBody }: IngestOptions = {},
  ): Promise<IngestOutcome[]> {
    const outcomes: IngestOutcome[] = [];
    for (const bytes of operations) outcomes.push(await ingestOperation({ ...deps, mayLackBody }, batch, bytes));
    return outcomes;
  }

  const ingest: LogStore['ingest'] = (operations, options) => change((batch) => ingestInto(batch, operations, options));

  const dropBodies: LogStore['dropBodies'] = (name, ranges) =>
    change(async (batch) => {
      const log = await batch.open(name);
      let [operationCount, byteCount] = [0, 0];
      for (const { seqStart, seqEnd } of ranges) {
        for (let seq = seqStart; seq <= Math.min(seqEnd, log.state.verifiedCount - 1); seq++) {
          const dropped = await batch.dropBody(log, seq);
          if (dropped > 0) operationCount += 1;
          byteCount += dropped;
        }
      }
      return { operationCount, byteCount };
    });

  const extend: LogStore['extend'] = (name, sign, options) =>
    change(async (batch) => {
      const log = await batch.open(name);
      await checkSignatures(batch, log);
      const outcomes = await ingestInto(batch, sign(log.state));
      const other = outcomes.find(({ kind }) => kind !== 'stored');
      if (other) throw notExtended(log.path, other);
      batch.markVerified(log, operationCount(log.state), log.state.provisionalBytes);
    }, options);

  async function checkSignatures(batch: LogBatch, log: LogDraft): Promise<void> {
    for (let seq = log.state.verifiedCount; seq < operationCount(log.state); seq++) {
      const operation = await batch.read(log, seq);
      if (!isSigned(deps, operation)) await batch.cut(log, seq, operation.id);
    }
  }

  async function ingestForkProof(bytes: Uint8Array): Promise<ProofOutcome> {
    const proof = orInvalid(() => checkForkProof(deps, bytes));
    if (!proof) return { kind: 'refused', reason: 'malformed' };
    return change(async (batch) => {
      const log = await batch.open(proof.name);
      if (log.state.frozenFrom !== undefined && log.state.frozenFrom <= proof.seq) return { kind: 'known' };
      if (log.isNew && log.author.logCount >= DEVICE_LOGS_MAX) return { kind: 'refused', reason: 'quota' };
      await batch.freeze(log, proof.seq, bytes);
      return { kind: 'fork' };
    });
  }

  async function* tips({ signal }: AbortOptions = {}): AsyncIterable<LogHead> {
    let chunk: (readonly [path: string, state: Uint8Array])[] = [];
    for await (const [key, state] of store.entries(prefixRange(STATES), { signal })) {
      chunk.push([key.slice(STATES.length), state]);
      if (chunk.length < CHUNK) continue;
      yield* await headsOf(chunk);
      chunk = [];
    }
    yield* await headsOf(chunk);
  }

  async function headsOf(chunk: readonly (readonly [path: string, state: Uint8Array])[]): Promise<LogHead[]> {
    const tipBytes = await store.getMany(chunk.map(([path]) => tipKey(path)));
    return chunk.flatMap(([path, stateBytes], i) => {
      const state = decodeStoredLog(path, tipBytes[i], stateBytes);
      return state && counts(state) ? [{ ...parseLogPath(path), ...state }] : [];
    });
  }

  async function tip(author: Uint8Array, logId: Uint8Array): Promise<LogHead | undefined> {
    const state = await readLogState(store, logPath(author, logId));
    return state && { author, logId, ...state };
  }

  async function* operationsFrom(
    author: Uint8Array,
    logId: Uint8Array,
    seqStart: number,
    { signal }: AbortOptions = {},
  ): AsyncIterable<Uint8Array> {
    const path = logPath(author, logId);
    const state = await readLogState(store, path);
    const end = state ? operationCount(state) : 0;
    if (seqStart >= end) return;
    for await (const [, bytes] of store.entries(
      { gte: entryKey(path, seqStart), lt: entryKey(path, end) },
      { signal },
    )) {
      throwIfAborted(signal);
      yield bytes;
    }
  }

  async function* operationsBehindFork(
    author: Uint8Array,
    logId: Uint8Array,
    { signal }: AbortOptions = {},
  ): AsyncIterable<Uint8Array> {
    const path = logPath(author, logId);
    const state = await readLogState(store, path);
    if (state?.frozenFrom === undefined) return;
    let { tip } = state;
    const range = { gte: entryKey(path, state.frozenFrom), lt: prefixRange(entryPrefix(path)).lt };
    for await (const [, bytes] of store.entries(range, { signal })) {
      throwIfAborted(signal);
      const operation = orInvalid(() => peekOperation(deps, bytes));
      if (!operation || placeAfter(tip, operation.header) !== 'next') return;
      yield bytes;
      tip = { seq: operation.header.seq, operationId: operation.id };
    }
  }

  async function byteCount(author: Uint8Array, logId: Uint8Array, seqStart: number, seqEnd: number): Promise<number> {
    let sum = 0;
    let seq = seqStart;
    for await (const bytes of operationsFrom(author, logId, seqStart)) {
      if (seq > seqEnd) break;
      sum += bytes.length;
      seq += 1;
    }
    return sum;
  }

  async function* arrivalsAfter(after: number, { signal }: AbortOptions = {}): AsyncIterable<Arrival> {
    const range = { gte: arrivalKey(after + 1), lt: prefixRange(ARRIVALS).lt };
    for await (const [key, value] of store.entries(range, { signal })) {
      const change = decodeArrival(value);
      if (!change) throw logDamaged(key, 'an arrival cannot be read');
      yield { ...change, arrival: Number(key.slice(ARRIVALS.length)) };
    }
  }

  async function* forkProofs({ signal }: AbortOptions = {}): AsyncIterable<Uint8Array> {
    for await (const [, proof] of store.entries(prefixRange(FORKS), { signal })) yield proof;
  }

  const forkProof = (author: Uint8Array, logId: Uint8Array): Promise<Uint8Array | undefined> =>
    store.get(forkKey(logPath(author, logId)));

  async function nextUnverified(): Promise<string | undefined> {
    const all = prefixRange(UNVERIFIED);
    const later = { ...all, gte: `${UNVERIFIED}${verifiedLast}~` };
    for (const range of [later, all]) {
      for await (const [key] of store.entries({ ...range, limit: 1 })) return key.slice(UNVERIFIED.length);
    }
    return undefined;
  }

  async function readUnverified(name: LogName, seqStart: number, options: AbortOptions) {
    const operations: { readonly operation: SignedOperation; readonly bytes: Uint8Array }[] = [];
    let byteCount = 0;
    for await (const bytes of operationsFrom(name.author, name.logId, seqStart, options)) {
      const operation = orInvalid(() => peekOperation(deps, bytes));
      if (!operation) {
        const path = logPath(name.author, name.logId);
        throw logDamaged(path, `operation ${seqStart + operations.length} cannot be read`);
      }
      operations.push({ operation, bytes });
      byteCount += bytes.length;
      if (operations.length >= VERIFY_BATCH_OPERATIONS || byteCount >= VERIFY_BATCH_BYTES_MAX) break;
    }
    return operations;
  }

  async function verifyNext({ signal }: AbortOptions = {}): Promise<VerifyReport | undefined> {
    throwIfAborted(signal);
    const path = await nextUnverified();
    if (path === undefined) return undefined;
    verifiedLast = path;
    const name = parseLogPath(path);
    const start = (await readLogState(store, path))?.verifiedCount ?? 0;
    const operations = await readUnverified(name, start, { signal });
    const signed = await Promise.all(operations.map(({ operation }) => isSignedAside(deps, operation)));
    const goodCount = signed.includes(false) ? signed.indexOf(false) : signed.length;
    const good = operations.slice(0, goodCount);
    const byteCount = good.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const seq = start + goodCount;
    const lastId = good.at(-1)?.operation.id;
    const badId = operations[goodCount]?.operation.id;
    // Meanwhile the log may have been cut or frozen; what was checked counts if it is still there.
    // That signatures hold can be found out again; that one does not must not be forgotten.
    const sync = badId !== undefined;
    const isCut = await change(
      async (batch) => {
        const log = await batch.open(name);
        if (log.state.verifiedCount !== start) return false;
        if (lastId && (await holds(batch, log, seq - 1, lastId))) batch.markVerified(log, seq, byteCount);
        if (!badId || !(await holds(batch, log, seq, badId))) return false;
        await batch.cut(log, seq, badId);
        return true;
      },
      { sync },
    );
    const cut = isCut && badId ? { seq, operationId: badId, reason: 'signature' as const } : undefined;
    return { ...name, checkedCount: seq - start + (badId ? 1 : 0), cut };
  }

  return {
    ingest,
    extend,
    ingestForkProof,
    tips,
    tip,
    operationsFrom,
    operationsBehindFork,
    byteCount,
    dropBodies,
    lastArrival: async () => arrivalNext - 1,
    arrivalsAfter,
    forkProofs,
    forkProof,
    verifyNext,
  };
}

const counts = ({ tip, frozenFrom }: LogState): boolean => tip !== undefined || frozenFrom !== undefined;

function addWrites(commit: Commit, more: Commit): void {
  for (const write of more.writes) {
    if (write.kind === 'put') commit.put(write.key, write.value);
    else commit.delete(write.key);
  }
}

/** True when operation `seq` of the log is the one of the given id. */
async function holds(batch: LogBatch, log: LogDraft, seq: number, id: Uint8Array): Promise<boolean> {
  return seq < operationCount(log.state) && equalBytes((await batch.read(log, seq)).id, id);
}

function notExtended(path: string, outcome: IngestOutcome): GranaryError {
  const reason = outcome.kind === 'refused' ? outcome.reason : outcome.kind;
  return reason === 'quota'
    ? new GranaryError(
        'LIMIT_EXCEEDED',
        `This device has ${DEVICE_LOGS_MAX} logs, which is all it may (DEVICE_LOGS_MAX). Set up a new device.`,
        { limit: DEVICE_LOGS_MAX },
      )
    : new GranaryError('INTERNAL', `The log ${path} was not continued: ${reason}.`, { reason });
}

async function readLastArrival(store: KeyValueStore): Promise<number> {
  for await (const [key] of store.entries({ ...prefixRange(ARRIVALS), reverse: true, limit: 1 })) {
    return Number(key.slice(ARRIVALS.length));
  }
  return 0;
}

async function removeRange(store: KeyValueStore, range: KeyRange): Promise<void> {
  for (;;) {
    const commit = new Commit();
    for await (const [key] of store.entries({ ...range, limit: CHUNK })) commit.delete(key);
    if (commit.writes.length === 0) return;
    await store.write(commit, { sync: false });
  }
}
