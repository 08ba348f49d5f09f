import { equalBytes, type GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { placeAfter } from './check-successor.ts';
import { encodeForkProof } from './fork-proof.ts';
import { HEADER_BYTES_MAX } from './header.ts';
import type { LogBatch, LogDraft } from './log-batch.ts';
import { operationCount } from './log-state.ts';
import {
  checkBody,
  isPruned,
  isSigned,
  OPERATION_BODY_BYTES_MAX,
  peekOperation,
  type SignedOperation,
} from './operation.ts';
import type { Blake3, Ed25519 } from './ports.ts';

/** Header and body of the largest operation. */
export const OPERATION_BYTES_MAX = HEADER_BYTES_MAX + OPERATION_BODY_BYTES_MAX;

/** A device needs two logs a space and incarnation; a million tiny logs are an attack on every node that keeps a tip. */
export const DEVICE_LOGS_MAX = 4096;

/**
 * Bytes of one device that a node keeps on the word of the hash chain alone. Who fills them waits for the check of the
 * signatures, some tens of seconds.
 */
export const DEVICE_PROVISIONAL_BYTES_MAX = 64 * 2 ** 20;

/** Why an operation was refused; each is counted by whoever talks to the peer it came from. */
export type RefusalReason =
  /** Over `OPERATION_BYTES_MAX`. */
  | 'size'
  /** Not the canonical bytes of an operation. */
  | 'malformed'
  /** Its header names no log. */
  | 'no-log'
  /** Its device reached `DEVICE_LOGS_MAX` or `DEVICE_PROVISIONAL_BYTES_MAX`. */
  | 'quota'
  /** Its log ends before it, because of a fork. */
  | 'frozen'
  /** It does not follow the operation before it, though both are of one author. */
  | 'backlink'
  /** Its body is missing, or not the one its header names. */
  | 'body'
  /** Its signature does not hold. */
  | 'signature';

export type IngestOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'known' }
  /** Operation `seq` of its log must come first. */
  | { readonly kind: 'gap'; readonly seq: number }
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  /** Its author signed another operation for this place: `proof` says so to everybody. The log ends before it. */
  | { readonly kind: 'fork'; readonly proof: Uint8Array };

export interface IngestDeps {
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  /** True for an operation that is taken in without its body; without it, none is. */
  readonly mayLackBody?: ((operation: SignedOperation) => boolean) | undefined;
}

const STORED: IngestOutcome = { kind: 'stored' };
const KNOWN: IngestOutcome = { kind: 'known' };
const refused = (reason: RefusalReason): IngestOutcome => ({ kind: 'refused', reason });

/**
 * Takes one operation of any device into a batch, cheap checks before dear ones. An operation that comes next is taken
 * on its hash chain; its signature is checked later, or at once when another operation claims the same place. A prune
 * flag is kept as it is and followed by nothing. Errors: `STORE_DAMAGED`.
 */
export async function ingestOperation(deps: IngestDeps, batch: LogBatch, bytes: Uint8Array): Promise<IngestOutcome> {
  if (bytes.length > OPERATION_BYTES_MAX) return refused('size');
  const operation = orInvalid(() => peekOperation(deps, bytes));
  if (!operation) return refused('malformed');
  const { publicKey: author, extensions, seq } = operation.header;
  if (!extensions) return refused('no-log');
  const log = await batch.open({ author, logId: extensions.logId });
  if (log.state.frozenFrom !== undefined && seq >= log.state.frozenFrom) return refused('frozen');
  if (placeAfter(log.state.tip, operation.header) === 'taken') {
    const outcome = await compareWithStored(deps, batch, log, operation);
    if (outcome) return outcome;
  }
  switch (placeAfter(log.state.tip, operation.header)) {
    case 'gap':
      return { kind: 'gap', seq: operationCount(log.state) };
    case 'next':
      return append(deps, batch, log, operation, bytes);
    default:
      // Who forged the tip must not make the operations of honest devices look wrong.
      if (await isTipSigned(deps, batch, log)) return refused('backlink');
      return { kind: 'gap', seq: operationCount(log.state) };
  }
}

/** False, and the tip is gone, when it stood on the hash chain alone and its signature does not hold. */
async function isTipSigned(deps: IngestDeps, batch: LogBatch, log: LogDraft): Promise<boolean> {
  const { tip, verifiedCount } = log.state;
  if (!tip || tip.seq < verifiedCount || isSigned(deps, await batch.read(log, tip.seq))) return true;
  await batch.cut(log, tip.seq, tip.operationId);
  return false;
}

/** Undefined when the place has become free, because the operation in it was not signed. */
async function compareWithStored(
  deps: IngestDeps,
  batch: LogBatch,
  log: LogDraft,
  operation: SignedOperation,
): Promise<IngestOutcome | undefined> {
  const { seq } = operation.header;
  const stored = await batch.read(log, seq);
  if (equalBytes(stored.id, operation.id)) return KNOWN;
  if (!isSigned(deps, operation)) return refused('signature');
  if (seq >= log.state.verifiedCount && !isSigned(deps, stored)) {
    await batch.cut(log, seq, stored.id);
    return undefined;
  }
  const proof = encodeForkProof(stored, operation);
  await batch.freeze(log, seq, proof);
  return { kind: 'fork', proof };
}

function append(
  deps: IngestDeps,
  batch: LogBatch,
  log: LogDraft,
  operation: SignedOperation,
  bytes: Uint8Array,
): IngestOutcome {
  const { refusedId } = log.state;
  if (refusedId && equalBytes(refusedId, operation.id)) return refused('signature');
  const isFull = log.isNew && log.state === log.before && log.author.logCount >= DEVICE_LOGS_MAX;
  if (isFull || log.author.provisionalBytes + bytes.length > DEVICE_PROVISIONAL_BYTES_MAX) return refused('quota');
  const isTaken = isPruned(operation) ? deps.mayLackBody?.(operation) : isWhole(deps, operation);
  if (!isTaken) return refused('body');
  batch.append(log, operation, bytes);
  return STORED;
}

const isWhole = (deps: IngestDeps, operation: SignedOperation): boolean =>
  orInvalid(() => {
    checkBody(deps, operation);
    return true;
  }) ?? false;

/** What `work` returns, or undefined when it refuses the operation. */
export function orInvalid<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

const isRefusal = (error: unknown): error is GranaryError =>
  isGranaryError(error, 'OPERATION_INVALID') || isGranaryError(error, 'LIMIT_EXCEEDED');
