/**
 * The log of this device: what the node has said so far, signed, in order, without gaps.
 *
 * | key                                       | value                                       |
 * | ----------------------------------------- | ------------------------------------------- |
 * | `log-topic/<author>`                      | the topic of the author's log, 32 bytes     |
 * | `log/<author>/<log id>/<seq, 10 digits>`  | header, then body                           |
 * | `log-tip/<author>/<log id>`               | id of the last operation (32), its seq (u32, big endian) |
 *
 * Author and log id are hexadecimal. The tip is never kept in memory: an append reads it from the commit at hand or else
 * from the store. So an operation whose commit was never written leaves no trace, and its place is taken by the next one.
 */
import {
  type AbortOptions,
  type Clock,
  equalBytes,
  type ErrorCode,
  GranaryError,
  isGranaryError,
  type Random,
  throwIfAborted,
  toHex,
} from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { checkSuccessor } from './check-successor.ts';
import {
  decodeTip,
  encodeTip,
  entryKey,
  entryPrefix,
  logPath,
  type LogTip,
  stateKey,
  TIP_BYTES,
  tipKey,
  TIPS,
} from './log-keys.ts';
import { joinOperation, type SignedOperation, signOperation, splitOperation, verifyOperation } from './operation.ts';
import type { Blake3, Ed25519, SigningKey } from './ports.ts';

/** The format counts operations of a log in 32 bits; at one commit a second that is 136 years. */
export const OPERATION_SEQ_MAX = 0xffff_ffff;

const TOPIC_BYTES = 32;

export interface LocalLogDeps {
  readonly store: KeyValueStore;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
}

/** What a check of the whole log found. Operations before the fault are in order. */
export interface LogVerification {
  readonly operationCount: number;
  readonly fault: { readonly seq: number; readonly message: string } | undefined;
}

export interface LocalLog {
  /**
   * Signs `body` as the next operation and adds it to `commit`; the log has grown once that commit is written. Several
   * operations may go into one commit. Calls are the caller's to serialise: no append to another commit between an
   * append and the end of the write of its commit. Errors: `LIMIT_EXCEEDED`, `STORE_DAMAGED`.
   */
  append(body: Uint8Array, commit: Commit): Promise<{ operationId: string }>;
  /** The last operation; undefined while the log is empty. Errors: `STORE_DAMAGED`. */
  tip(): Promise<LogTip | undefined>;
  /**
   * The operations from `seqStart` (inclusive) on, in order, decoded and with their bodies checked; chain and signatures
   * are not. Errors: `OPERATION_INVALID`, `STORE_DAMAGED`.
   */
  entries(seqStart?: number, options?: AbortOptions): AsyncIterable<SignedOperation>;
  /** Reads the whole log and checks bytes, chain, signatures and tip; stops at the first fault. */
  verifyAll(options?: AbortOptions): Promise<LogVerification>;
}

/** True when the store holds a log of any author: the node has signed before, and must not get a new key. */
export async function hasLocalLog(store: KeyValueStore): Promise<boolean> {
  return hasKey(store, TIPS);
}

/** Opens the log of `key`'s device in `store`; nothing is read or written before the first call. */
export function createLocalLog(deps: LocalLogDeps): LocalLog {
  const { store, key, clock, random, blake3, ed25519 } = deps;
  const author = toHex(key.publicKey);
  const topicKey = `log-topic/${author}`;

  /** The bytes under a key as the store will have them once `commit` is written. */
  const read = async (storeKey: string, commit?: Commit): Promise<Uint8Array | undefined> =>
    (commit && lastPut(commit, storeKey)) ?? store.get(storeKey);

  const readTopic = async (commit?: Commit): Promise<Uint8Array | undefined> => {
    const topic = await read(topicKey, commit);
    if (!topic && (await hasLogWithoutState(store, author))) throw damaged('its topic is missing');
    if (topic && topic.length !== TOPIC_BYTES) throw damaged('its topic is not of 32 bytes');
    return topic;
  };

  const readTip = async (logId: Uint8Array, commit?: Commit): Promise<LogTip | undefined> => {
    const bytes = await read(tipKey(logPath(key.publicKey, logId)), commit);
    return bytes && readStoredTip(bytes);
  };

  async function append(body: Uint8Array, commit: Commit): Promise<{ operationId: string }> {
    const knownTopic = await readTopic(commit);
    const topic = knownTopic ?? random.bytes(TOPIC_BYTES);
    const logId = blake3(topic);
    const tip = await readTip(logId, commit);
    const seq = tip ? tip.seq + 1 : 0;
    if (seq > OPERATION_SEQ_MAX) throw logFull();
    const extensions = { logId, timestampMicros: BigInt(clock.now()) * 1000n, pruneFlag: false };
    const operation = signOperation({ key, blake3 }, { seq, backlink: tip?.operationId, extensions, body });
    if (!knownTopic) commit.put(topicKey, topic);
    const path = logPath(key.publicKey, logId);
    commit.put(entryKey(path, seq), joinOperation(operation));
    commit.put(tipKey(path), encodeTip({ seq, operationId: operation.id }));
    return { operationId: toHex(operation.id) };
  }

  async function tip(): Promise<LogTip | undefined> {
    const topic = await readTopic();
    return topic && readTip(blake3(topic));
  }

  async function* entries(seqStart = 0, { signal }: AbortOptions = {}): AsyncIterable<SignedOperation> {
    const topic = await readTopic();
    if (!topic) return;
    const path = logPath(key.publicKey, blake3(topic));
    const range = { gte: entryKey(path, seqStart), lt: prefixRange(entryPrefix(path)).lt };
    for await (const [storeKey, bytes] of store.entries(range, { signal })) {
      throwIfAborted(signal);
      const operation = splitOperation({ blake3 }, bytes);
      const { publicKey, seq, extensions } = operation.header;
      if (!extensions || storeKey !== entryKey(logPath(publicKey, extensions.logId), seq)) {
        throw damaged(`the entry at ${storeKey} belongs elsewhere`);
      }
      yield operation;
    }
  }

  async function verifyAll(options: AbortOptions = {}): Promise<LogVerification> {
    let previous: SignedOperation | undefined;
    let operationCount = 0;
    try {
      for await (const operation of entries(0, options)) {
        checkSuccessor(previous, operation);
        verifyOperation({ ed25519 }, operation);
        previous = operation;
        operationCount += 1;
      }
      checkTip(await tip(), previous);
    } catch (error) {
      if (!isFault(error)) throw error;
      return { operationCount, fault: { seq: operationCount, message: error.message } };
    }
    return { operationCount, fault: undefined };
  }

  return { append, tip, entries, verifyAll };
}

/** This log keeps no state beside its tip; those that the device has in spaces do. */
async function hasLogWithoutState(store: KeyValueStore, author: string): Promise<boolean> {
  for await (const [key] of store.entries(prefixRange(`${TIPS}${author}/`))) {
    if (!(await store.get(stateKey(key.slice(TIPS.length))))) return true;
  }
  return false;
}

async function hasKey(store: KeyValueStore, prefix: string): Promise<boolean> {
  for await (const _ of store.entries({ ...prefixRange(prefix), limit: 1 })) return true;
  return false;
}

function lastPut(commit: Commit, key: string): Uint8Array | undefined {
  const write = commit.writes.findLast((candidate) => candidate.key === key);
  return write?.kind === 'put' ? write.value : undefined;
}

function readStoredTip(bytes: Uint8Array): LogTip {
  const tip = decodeTip(bytes);
  if (!tip) throw damaged(`its tip has ${bytes.length} instead of ${TIP_BYTES} bytes`);
  return tip;
}

function checkTip(tip: LogTip | undefined, last: SignedOperation | undefined): void {
  const agrees = tip && last ? tip.seq === last.header.seq && equalBytes(tip.operationId, last.id) : !tip && !last;
  if (!agrees) throw damaged('its tip is not its last operation');
}

const FAULTS: ReadonlySet<ErrorCode> = new Set(['OPERATION_INVALID', 'STORE_DAMAGED', 'LIMIT_EXCEEDED']);
const isFault = (error: unknown): error is GranaryError => isGranaryError(error) && FAULTS.has(error.code);

const damaged = (fault: string) =>
  new GranaryError('STORE_DAMAGED', `The operation log of this node is damaged: ${fault}. Restore it from a backup.`);

const logFull = () =>
  new GranaryError(
    'LIMIT_EXCEEDED',
    `The operation log of this node holds ${OPERATION_SEQ_MAX + 1} operations, which is all that fit ` +
      '(OPERATION_SEQ_MAX). Start a new home.',
    { limit: OPERATION_SEQ_MAX },
  );
