import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { splitOperation } from '#sync/log/index.ts';
import type { OperationStore } from '../ports.ts';
import { makeOperation, named } from './sync-world.ts';

/** A chain of operations of one log. */
function chain(author: string, log: string, bodies: readonly string[]): Uint8Array[] {
  const operations: Uint8Array[] = [];
  let backlink: Uint8Array | undefined;
  for (const [seq, body] of bodies.entries()) {
    const bytes = makeOperation({ author, log, seq, backlink }, body);
    backlink = splitOperation({ blake3 }, bytes).id;
    operations.push(bytes);
  }
  return operations;
}

const idOf = (bytes: Uint8Array) => toHex(splitOperation({ blake3 }, bytes).id);

/** What every store of operations keeps to. `openEmpty` gives a store that does not look at signatures. */
export function operationStoreContract(openEmpty: () => Promise<OperationStore>): void {
  const place = [named('author'), named('log')] as const;

  describe('a store of operations', () => {
    test('starts empty', async () => {
      const store = await openEmpty();
      expect(await Array.fromAsync(store.tips())).toEqual([]);
      expect(await store.tip(...place)).toBeUndefined();
      expect(await store.lastArrival()).toBe(0);
      expect(await Array.fromAsync(store.operationsFrom(...place, 0))).toEqual([]);
    });

    test('keeps the bytes of a log in order, and knows where it ends', async () => {
      const store = await openEmpty();
      const operations = chain('author', 'log', ['one', 'two', 'three']);
      for (const [i, bytes] of operations.entries()) {
        const result = await store.append(bytes);
        expect(result).toMatchObject({ outcome: 'stored', operation: { seq: i }, arrival: i + 1 });
        expect(result.outcome === 'stored' && toHex(result.operation.operationId)).toBe(idOf(bytes));
      }
      expect(await Array.fromAsync(store.operationsFrom(...place, 1))).toEqual(operations.slice(1));
      expect(await store.byteCount(...place, 1, 1)).toBe(operations[1]!.length);
      expect(await store.byteCount(...place, 0, 2)).toBe(operations.reduce((sum, { length }) => sum + length, 0));
      const tip = await store.tip(...place);
      expect([tip?.seq, toHex(tip!.operationId)]).toEqual([2, idOf(operations[2]!)]);
      expect(await Array.fromAsync(store.tips())).toEqual([tip]);
    });

    test('numbers arrivals over all logs', async () => {
      const store = await openEmpty();
      const [one, two] = chain('author', 'log', ['one', 'two']);
      const [other] = chain('other', 'log', ['one']);
      for (const bytes of [one!, other!, two!]) await store.append(bytes);
      expect(await store.lastArrival()).toBe(3);
      const arrivals = await Array.fromAsync(store.arrivalsAfter(1));
      expect(arrivals.map(({ author, seq }) => [toHex(author), seq])).toEqual([
        [toHex(named('other')), 0],
        [toHex(named('author')), 1],
      ]);
    });

    test('says what it does not store', async () => {
      const store = await openEmpty();
      const operations = chain('author', 'log', ['one', 'two', 'three']);
      await store.append(operations[0]!);
      expect(await store.append(operations[0]!)).toMatchObject({ outcome: 'known', operation: { seq: 0 } });
      expect(await store.append(operations[2]!)).toEqual({ outcome: 'refused', reason: 'gap' });
      expect(await store.append(Uint8Array.of(1, 2, 3))).toEqual({ outcome: 'refused', reason: 'invalid' });
      expect(await store.append(operations[1]!.subarray(0, -1))).toEqual({ outcome: 'refused', reason: 'invalid' });
      expect(await store.lastArrival()).toBe(1);
    });

    test('gives the same tip of a fork whichever branch came first', async () => {
      const [this_, that] = [chain('author', 'log', ['this']), chain('author', 'log', ['that'])];
      const tips = [];
      for (const [first, second] of [
        [this_, that],
        [that, this_],
      ] as const) {
        const store = await openEmpty();
        await store.append(first[0]!);
        const result = await store.append(second[0]!);
        expect(result.outcome).toBe('fork');
        tips.push(result.outcome === 'fork' ? result.tip : undefined);
        expect(await store.tip(...place)).toEqual(tips.at(-1));
      }
      expect(tips[0]).toEqual(tips[1]);
    });
  });
}
