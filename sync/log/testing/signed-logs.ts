import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import { joinOperation, type OperationContent, type SignedOperation, signOperation } from '../operation.ts';
import { blake3, ed25519, extensions, upstreamKey } from './fixtures.ts';

/** A log of nobody in particular. */
export const LOG_ID = extensions.logId;
export const AUTHOR = upstreamKey.publicKey;

export const keyOf = (fill: number) => ed25519.keyFromSeed(new Uint8Array(32).fill(fill));
export const logIdOf = (fill: number) => blake3(Uint8Array.of(fill));

export interface Next {
  readonly key?: typeof upstreamKey;
  readonly logId?: Uint8Array;
  readonly body?: string;
  readonly pruneFlag?: boolean;
}

/** Signs the operation that follows `previous`; undefined starts the log. */
export function signNext(previous: SignedOperation | undefined, next: Next = {}): SignedOperation {
  const { key = upstreamKey, logId = LOG_ID, body = 'x', pruneFlag = false } = next;
  const content: OperationContent = {
    seq: previous ? previous.header.seq + 1 : 0,
    backlink: previous?.id,
    extensions: { ...extensions, logId, pruneFlag },
    body: toUtf8(body),
  };
  return signOperation({ key, blake3 }, content);
}

/** `count` operations that follow `previous`. */
export function signChain(count: number, next: Next = {}, previous?: SignedOperation): SignedOperation[] {
  const chain: SignedOperation[] = [];
  for (let i = 0; i < count; i++)
    chain.push(signNext(chain.at(-1) ?? previous, { ...next, body: `${next.body ?? ''}${i}` }));
  return chain;
}

/** The same operation with a signature that does not hold, and so with another id. */
export function withBadSignature(operation: SignedOperation): SignedOperation {
  const headerBytes = operation.headerBytes.slice();
  // Byte 40 lies within R: array head, version, 34 bytes of the key, two bytes of the signature's head.
  headerBytes[40]! ^= 1;
  const signature = headerBytes.slice(38, 102);
  return { ...operation, id: blake3(headerBytes), headerBytes, header: { ...operation.header, signature } };
}

export const bytesOf = (operations: readonly SignedOperation[]): Uint8Array[] => operations.map(joinOperation);

/** The same header with a body that is not its own. */
export const withOtherBody = ({ headerBytes }: SignedOperation): Uint8Array =>
  concatBytes([headerBytes, toUtf8('another body')]);
