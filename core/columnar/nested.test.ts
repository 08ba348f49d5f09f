import { Data, type DataType, DenseUnion, Field, Int32, List, Null, Utf8, vectorFromArray } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { bytesOf } from './words.ts';
import { rowsOf } from './testing/rows-of.ts';
import { checkNested } from './check-nested.ts';
import { nestedFromIpc, nestedToIpc } from './nested.ts';

const lists = vectorFromArray([[1, 2], null, [3], []], new List(new Field('item', new Int32(), true))).data[0]! as Data;
const unionType = new DenseUnion([3, 7], [new Field('a', new Int32(), true), new Field('b', new Utf8(), true)]);

/** The IPC stream with the first place that holds `from`, as 32-bit words, holding `to`. */
function withWords(stream: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array {
  const result = stream.slice();
  const [old, next] = [from, to].map((words) => bytesOf(Int32Array.from(words)));
  const at = Array.from({ length: result.length - old!.length + 1 }, (_, i) => i).find((i) =>
    old!.every((byte, k) => result[i + k] === byte),
  );
  result.set(next!, at);
  return result;
}

describe('an Arrow stream of lists', () => {
  const type = lists.type as DataType;
  const stream = nestedToIpc(lists);
  const offsets = [0, 2, 2, 3, 3];

  test('comes back', () => {
    expect(nestedFromIpc(stream, type, 4).length).toBe(4);
  });

  test.each([
    ['beyond the items', [0, 2, 2, 3, 2_000_000]],
    ['that fall', [0, 2, 1, 3, 3]],
    ['below 0', [-1, 2, 2, 3, 3]],
  ])('with offsets %s is refused', (_, wrong) => {
    expect(() => nestedFromIpc(withWords(stream, offsets, wrong), type, 4)).toThrow('A nested column is damaged');
  });

  test('with any length or offset of its messages forged is read or refused, and at once', () => {
    const expected = rowsOf(nestedFromIpc(stream, type, 4));
    let refused = 0;
    for (let at = 0; at + 4 <= stream.length; at += 4)
      for (const word of [0x7fff_ffff, 0x00ff_ffff, -1, -4, 0, 4, 8]) {
        const forged = stream.slice();
        new DataView(forged.buffer).setInt32(at, word, true);
        try {
          expect(rowsOf(nestedFromIpc(forged, type, 4))).toHaveLength(expected.length);
        } catch (error) {
          // What is left of Arrow's own errors becomes SEGMENT_CORRUPT in decodeChunk.
          expect(error).toBeInstanceOf(Error);
          refused++;
        }
      }
    expect(refused).toBeGreaterThan(300);
  });

  test('with items of no bytes that would take for ever is refused', () => {
    const data = vectorFromArray([null, null], new Null()).data[0]! as Data;
    expect(() => checkNested(data, 1)).toThrow('2 items');
    expect(() => checkNested(data, 2)).not.toThrow();
  });
});

test('a union whose type ids are not those of the schema is refused', () => {
  const { children } = unionType;
  const values = [vectorFromArray([5], new Int32()), vectorFromArray(['x'], new Utf8())].map(
    (vector) => vector.data[0]!,
  );
  const buffers = [Int32Array.of(0, 0), undefined, undefined, Int8Array.of(3, 7)] as unknown as Data['buffers'];
  const stream = nestedToIpc(new Data(unionType, 0, 2, 0, buffers, values));
  expect(nestedFromIpc(stream, unionType, 2).length).toBe(2);
  expect(() => nestedFromIpc(stream, new DenseUnion([4, 7], children), 2)).toThrow('A nested column is damaged');
});
