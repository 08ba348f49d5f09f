/** Changes to logs while they are planned: states and entries as they will be once the batch is written. */
import { equalBytes, GranaryError } from '#core/kernel/index.ts';
import { Commit, type KeyRange, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { encodeArray, encodeUnsigned, readArrayLength, readEnd, readUnsigned } from './canonical-cbor.ts';
import {
  arrivalKey,
  authorKey,
  decodeTip,
  encodeArrival,
  encodeTip,
  entryKey,
  entryPrefix,
  forkKey,
  type LogName,
  logPath,
  type LogTip,
  stateKey,
  tipKey,
  unverifiedKey,
} from './log-keys.ts';
import { decodeLogState, EMPTY_LOG, encodeLogState, type LogState, operationCount } from './log-state.ts';
import { peekOperation, type SignedOperation } from './operation.ts';
import type { Blake3 } from './ports.ts';

/** What the limits of one device are counted by. */
interface AuthorUse {
  logCount: number;
  provisionalBytes: number;
}

/** One log in a batch. */
export interface LogDraft {
  readonly name: LogName;
  readonly path: string;
  readonly author: AuthorUse;
  readonly isNew: boolean;
  readonly before: LogState;
  state: LogState;
  /** Operations that the batch adds, by seq. */
  readonly entries: Map<number, Uint8Array>;
  forkProof: Uint8Array | undefined;
  /** The least seq whose place the batch filled, emptied or froze. */
  changedFrom: number;
  /** Entries behind the tip are garbage since the log was cut. */
  isCut: boolean;
}

export type LogBatch = ReturnType<typeof createLogBatch>;

/** Reads what the store knows about one log; undefined for a log it never heard of. Errors: `STORE_DAMAGED`. */
export async function readLogState(store: KeyValueStore, path: string): Promise<LogState | undefined> {
  const [tipBytes, stateBytes] = await store.getMany([tipKey(path), stateKey(path)]);
  return decodeStoredLog(path, tipBytes, stateBytes);
}

/** Errors: `STORE_DAMAGED`. */
export function decodeStoredLog(
  path: string,
  tipBytes: Uint8Array | undefined,
  stateBytes: Uint8Array | undefined,
): LogState | undefined {
  const tip = tipBytes && decodeTip(tipBytes);
  if (tipBytes && !tip) throw logDamaged(path, 'its tip cannot be read');
  if (!stateBytes) return tip && { ...EMPTY_LOG, tip };
  try {
    return decodeLogState(stateBytes, tip);
  } catch (cause) {
    throw logDamaged(path, 'its state cannot be read', cause);
  }
}

export const logDamaged = (path: string, fault: string, cause?: unknown): GranaryError =>
  new GranaryError(
    'STORE_DAMAGED',
    `The log ${path} is damaged: ${fault}. Restore the home from a backup.`,
    {},
    { cause },
  );

export function createLogBatch({ store, blake3 }: { readonly store: KeyValueStore; readonly blake3: Blake3 }) {
  const drafts = new Map<string, LogDraft>();
  const authors = new Map<string, AuthorUse>();
  let last: LogDraft | undefined;

  async function openAuthor(author: Uint8Array): Promise<AuthorUse> {
    const key = authorKey(author);
    const known = authors.get(key);
    if (known) return known;
    const bytes = await store.get(key);
    const use = bytes ? decodeAuthorUse(bytes) : { logCount: 0, provisionalBytes: 0 };
    authors.set(key, use);
    return use;
  }

  /** The log as the batch will leave it. Errors: `STORE_DAMAGED`. */
  async function open(name: LogName): Promise<LogDraft> {
    // Operations of one log come in a row.
    if (last && equalBytes(last.name.logId, name.logId) && equalBytes(last.name.author, name.author)) return last;
    const path = logPath(name.author, name.logId);
    last = drafts.get(path);
    if (last) return last;
    const state = await readLogState(store, path);
    const before = state ?? EMPTY_LOG;
    const author = await openAuthor(name.author);
    const draft = { name, path, author, isNew: !state, before, state: before, entries: new Map() };
    last = { ...draft, forkProof: undefined, changedFrom: Infinity, isCut: false };
    drafts.set(path, last);
    return last;
  }

  /** An operation before or at the tip. Errors: `STORE_DAMAGED`. */
  async function read(log: LogDraft, seq: number): Promise<SignedOperation> {
    const bytes = log.entries.get(seq) ?? (await store.get(entryKey(log.path, seq)));
    if (!bytes) throw logDamaged(log.path, `operation ${seq} is missing`);
    try {
      return peekOperation({ blake3 }, bytes);
    } catch (cause) {
      throw logDamaged(log.path, `operation ${seq} cannot be read`, cause);
    }
  }

  function replace(log: LogDraft, state: LogState): void {
    if (log.isNew && log.state === log.before) log.author.logCount += 1;
    log.author.provisionalBytes += state.provisionalBytes - log.state.provisionalBytes;
    log.state = state;
  }

  /** Adds the operation that comes next. */
  function append(log: LogDraft, { id, header }: SignedOperation, bytes: Uint8Array): void {
    log.entries.set(header.seq, bytes);
    log.changedFrom = Math.min(log.changedFrom, header.seq);
    const tip = { seq: header.seq, operationId: id };
    replace(log, {
      ...log.state,
      tip,
      byteCount: log.state.byteCount + bytes.length,
      provisionalBytes: log.state.provisionalBytes + bytes.length,
    });
  }

  /** The state in which no operation from `seq` on counts. */
  async function endedBefore(log: LogDraft, seq: number): Promise<LogState> {
    if (operationCount(log.state) <= seq) return log.state;
    const tip: LogTip | undefined = seq > 0 ? { seq: seq - 1, operationId: (await read(log, seq - 1)).id } : undefined;
    const verifiedCount = Math.min(log.state.verifiedCount, seq);
    return {
      ...log.state,
      tip,
      // This device's log of its own commits has a tip and no count.
      byteCount: Math.max(0, log.state.byteCount - (await byteCount(log, seq, operationCount(log.state)))),
      verifiedCount,
      provisionalBytes: await byteCount(log, verifiedCount, seq),
    };
  }

  /** Bytes of the operations from `seqStart` to before `seqEnd`. */
  async function byteCount(log: LogDraft, seqStart: number, seqEnd: number): Promise<number> {
    let sum = 0;
    const range = { gte: entryKey(log.path, seqStart), lt: entryKey(log.path, seqEnd) };
    for await (const [key, bytes] of store.entries(range)) {
      if (!log.entries.has(Number(key.slice(entryPrefix(log.path).length)))) sum += bytes.length;
    }
    for (const [seq, bytes] of log.entries) if (seq >= seqStart && seq < seqEnd) sum += bytes.length;
    return sum;
  }

  /** Cuts the log before an operation whose signature does not hold; what followed it goes too. */
  async function cut(log: LogDraft, seq: number, refusedId: Uint8Array): Promise<void> {
    replace(log, { ...(await endedBefore(log, seq)), frozenBytes: 0, refusedId });
    log.changedFrom = Math.min(log.changedFrom, seq);
    log.isCut = true;
  }

  /** Ends the log before a fork. What was stored from there on stays on the disk, for whoever resolves the fork. */
  async function freeze(log: LogDraft, seq: number, forkProof: Uint8Array): Promise<void> {
    const ended = await endedBefore(log, seq);
    const frozenBytes = log.state.frozenBytes + log.state.byteCount - ended.byteCount;
    replace(log, { ...ended, frozenFrom: seq, frozenBytes });
    log.changedFrom = Math.min(log.changedFrom, seq);
    log.forkProof = forkProof;
  }

  /**
   * Leaves the header of an operation and nothing of its body; returns the bytes that are saved. The log itself is the same
   * to others. Errors: `STORE_DAMAGED`.
   */
  async function dropBody(log: LogDraft, seq: number): Promise<number> {
    const { headerBytes, body } = await read(log, seq);
    if (!body) return 0;
    // What was read shares the memory of the whole.
    log.entries.set(seq, headerBytes.slice());
    replace(log, { ...log.state, byteCount: log.state.byteCount - body.length });
    return body.length;
  }

  /** Takes note that the signatures before `seq` hold; `checkedBytes` is the size of those that were checked. */
  function markVerified(log: LogDraft, seq: number, checkedBytes: number): void {
    if (seq === log.state.verifiedCount) return;
    const provisionalBytes = log.state.provisionalBytes - checkedBytes;
    replace(log, { ...log.state, verifiedCount: seq, provisionalBytes });
  }

  /** The writes of the whole batch; logs whose tip or fork changed are numbered from `arrivalNext` on. */
  function toCommit(arrivalNext: number): { readonly commit: Commit; readonly arrivalNext: number } {
    const commit = new Commit();
    const changed = [...drafts.values()].filter((log) => log.state !== log.before);
    let arrival = arrivalNext;
    for (const log of changed) {
      if (log.state.tip !== log.before.tip || log.state.frozenFrom !== log.before.frozenFrom) {
        commit.put(arrivalKey(arrival), encodeArrival({ ...log.name, seq: log.changedFrom }));
        log.state = { ...log.state, arrival };
        arrival += 1;
      }
      putLog(commit, log);
      commit.put(authorKey(log.name.author), encodeAuthorUse(log.author));
    }
    return { commit, arrivalNext: arrival };
  }

  /**
   * The entries behind the tips of logs that were cut. They are never read, and overwritten by what comes next; a crash
   * before they are removed does no harm.
   */
  function garbage(): KeyRange[] {
    return [...drafts.values()]
      .filter((log) => log.isCut)
      .map(({ path, state }) => ({
        gte: entryKey(path, operationCount(state)),
        lt: prefixRange(entryPrefix(path)).lt,
      }));
  }

  return { open, read, append, cut, freeze, dropBody, markVerified, toCommit, garbage };
}

function putLog(commit: Commit, { path, state, before, entries, forkProof }: LogDraft): void {
  for (const [seq, bytes] of entries) commit.put(entryKey(path, seq), bytes);
  if (state.tip) commit.put(tipKey(path), encodeTip(state.tip));
  else if (before.tip) commit.delete(tipKey(path));
  commit.put(stateKey(path), encodeLogState(state));
  if (forkProof) commit.put(forkKey(path), forkProof);
  if (state.verifiedCount < operationCount(state)) commit.put(unverifiedKey(path), new Uint8Array());
  else commit.delete(unverifiedKey(path));
}

const encodeAuthorUse = ({ logCount, provisionalBytes }: AuthorUse): Uint8Array =>
  encodeArray([encodeUnsigned(logCount), encodeUnsigned(provisionalBytes)]);

function decodeAuthorUse(bytes: Uint8Array): AuthorUse {
  const cursor = { bytes, offset: 0 };
  readArrayLength(cursor);
  const read = () => Number(readUnsigned(cursor, BigInt(Number.MAX_SAFE_INTEGER)));
  const use = { logCount: read(), provisionalBytes: read() };
  readEnd(cursor);
  return use;
}
