import { equalBytes, toHex } from '#core/kernel/index.ts';
import type { Header } from './header.ts';
import type { LogTip } from './log-keys.ts';
import type { SignedOperation } from './operation.ts';
import { operationInvalid } from './operation-invalid.ts';

/**
 * Where an operation stands to the tip of its log: it is the one that can come `next`; it leaves a `gap`; its place is
 * `taken`; or it has the next seq and is `unlinked`, because its backlink names another operation than the tip.
 */
export type Place = 'next' | 'gap' | 'taken' | 'unlinked';

/** `tip` is undefined for an empty log; that `header` is of the same author and log is the caller's to know. */
export function placeAfter(tip: LogTip | undefined, header: Header): Place {
  const expectedSeq = tip ? tip.seq + 1 : 0;
  if (header.seq !== expectedSeq) return header.seq < expectedSeq ? 'taken' : 'gap';
  return !tip || (header.backlink && equalBytes(header.backlink, tip.operationId)) ? 'next' : 'unlinked';
}

/**
 * Checks that `operation` is the one entry that can follow `previous` in its log: same author, same log, the next seq,
 * and a backlink to exactly that entry. `previous` is undefined for an empty log. A second entry for a place that is
 * taken is a fork and is refused. Errors: `OPERATION_INVALID`, whose details name the fault.
 */
export function checkSuccessor(previous: SignedOperation | undefined, operation: SignedOperation): void {
  const refuse = (fault: string, text: string) =>
    operationInvalid(text, { fault, seq: operation.header.seq, operationId: toHex(operation.id) });
  const { header } = operation;
  if (previous && !equalBytes(header.publicKey, previous.header.publicKey)) {
    throw refuse('author', 'it continues a log of another author');
  }
  if (previous && !sameLog(previous, operation)) throw refuse('log', 'it belongs to another log');
  const tip = previous && { seq: previous.header.seq, operationId: previous.id };
  switch (placeAfter(tip, header)) {
    case 'next':
      return;
    case 'taken':
      throw refuse('fork', `place ${header.seq} of its log is taken by another operation`);
    case 'gap':
      throw refuse('gap', `operation ${tip ? tip.seq + 1 : 0} of its log is missing`);
    case 'unlinked':
      throw refuse('fork', 'it does not follow the operation before it');
  }
}

function sameLog(left: SignedOperation, right: SignedOperation): boolean {
  const [a, b] = [left.header.extensions?.logId, right.header.extensions?.logId];
  return a && b ? equalBytes(a, b) : a === b;
}
