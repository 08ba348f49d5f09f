/** Single operations to and from other programs that speak p2panda-core 0.7, with or without our extensions. */
import { decodeOperation, joinOperation, splitOperation, verifyOperation } from './operation.ts';
import type { Blake3, Ed25519 } from './ports.ts';

/** An operation as p2panda exchanges it: a header, and a body where the header names one. */
export interface P2pandaOperation {
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array | undefined;
}

/**
 * Checks an operation whole, its signature too, and returns it as a log store takes it in. Whether it follows in a log is
 * for the log to say; an operation without extensions names none. Errors: `OPERATION_INVALID`, `LIMIT_EXCEEDED`.
 */
export function importP2pandaOperation(
  deps: { readonly blake3: Blake3; readonly ed25519: Ed25519 },
  { headerBytes, body }: P2pandaOperation,
): Uint8Array {
  const operation = decodeOperation(deps, headerBytes, body ?? new Uint8Array());
  verifyOperation(deps, operation);
  return joinOperation(operation);
}

/** The parts of an operation that a log store handed out, as they were signed. Errors: `OPERATION_INVALID`, `LIMIT_EXCEEDED`. */
export function exportP2pandaOperation(deps: { readonly blake3: Blake3 }, bytes: Uint8Array): P2pandaOperation {
  const { headerBytes, body } = splitOperation(deps, bytes);
  return { headerBytes, body };
}
