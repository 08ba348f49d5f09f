import { equalBytes, toHex } from '#core/kernel/index.ts';
import type { SignedOperation } from './operation.ts';
import { operationInvalid } from './operation-invalid.ts';

/**
 * Checks that `operation` is the one entry that can follow `previous` in its log: same author, same log, the next seq,
 * and a backlink to exactly that entry. `previous` is undefined for an empty log. A second entry for a place that is
 * taken is a fork and is refused. Errors: `OPERATION_INVALID`, whose details name the fault.
 */
export function checkSuccessor(previous: SignedOperation | undefined, operation: SignedOperation): void {
  const refuse = (fault: string, text: string) =>
    operationInvalid(text, { fault, seq: operation.header.seq, operationId: toHex(operation.id) });
  const expectedSeq = previous ? previous.header.seq + 1 : 0;
  const { header } = operation;
  if (previous && !equalBytes(header.publicKey, previous.header.publicKey)) {
    throw refuse('author', 'it continues a log of another author');
  }
  if (previous && !sameLog(previous, operation)) throw refuse('log', 'it belongs to another log');
  if (header.seq < expectedSeq) throw refuse('fork', `place ${header.seq} of its log is taken by another operation`);
  if (header.seq > expectedSeq) throw refuse('gap', `operation ${expectedSeq} of its log is missing`);
  if (previous && !(header.backlink && equalBytes(header.backlink, previous.id))) {
    throw refuse('fork', 'it does not follow the operation before it');
  }
}

function sameLog(left: SignedOperation, right: SignedOperation): boolean {
  const [a, b] = [left.header.extensions?.logId, right.header.extensions?.logId];
  return a && b ? equalBytes(a, b) : a === b;
}
