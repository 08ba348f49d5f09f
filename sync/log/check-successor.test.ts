import { expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { checkSuccessor } from './check-successor.ts';
import { type OperationContent, signOperation } from './operation.ts';
import { blake3, extensions, otherKey, upstreamKey } from './testing/fixtures.ts';

const sign = (content: Partial<OperationContent>, key = upstreamKey) =>
  signOperation({ key, blake3 }, { seq: 0, backlink: undefined, extensions, body: toUtf8('x'), ...content });
const refusedAs = (fault: string) =>
  expect.objectContaining({ code: 'OPERATION_INVALID', details: expect.objectContaining({ fault }) });

const first = sign({});
const second = sign({ seq: 1, backlink: first.id });
const third = sign({ seq: 2, backlink: second.id });

test('a chain is accepted', () => {
  checkSuccessor(undefined, first);
  checkSuccessor(first, second);
  checkSuccessor(second, third);
});

test.each([
  ['a gap at the start', undefined, second, 'gap'],
  ['a gap in the middle', first, third, 'gap'],
  ['the same operation again', second, second, 'fork'],
  ['a second operation for a place', second, sign({ seq: 1, backlink: first.id, body: toUtf8('y') }), 'fork'],
  ['a second start', first, sign({ body: toUtf8('y') }), 'fork'],
  ['a backlink to another operation', first, sign({ seq: 1, backlink: third.id }), 'fork'],
  ['another author', first, sign({ seq: 1, backlink: first.id }, otherKey), 'author'],
  [
    'another log',
    first,
    sign({ seq: 1, backlink: first.id, extensions: { ...extensions, logId: new Uint8Array(32) } }),
    'log',
  ],
  ['no log', first, sign({ seq: 1, backlink: first.id, extensions: undefined }), 'log'],
  [
    'a jump under the prune flag',
    first,
    sign({ seq: 7, backlink: third.id, extensions: { ...extensions, pruneFlag: true } }),
    'gap',
  ],
])('%s is refused', (_, previous, operation, fault) => {
  expect(() => checkSuccessor(previous, operation)).toThrow(refusedAs(fault));
});
