import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLeafSet } from './leaf-set.ts';
import { createRangePool } from './range-pool.ts';

const LEAVES = 60;
const leaf = fc.nat(LEAVES - 1);
const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), first: leaf, count: fc.nat(10) }),
  fc.record({ kind: fc.constant('take' as const), count: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant('remove' as const), leaf }),
);

test('a pool holds what a set would, and hands out the lowest first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = createRangePool();
      const model = new Set<number>();
      for (const each of steps) {
        if (each.kind === 'put') {
          pool.put({ first: each.first, end: each.first + each.count });
          for (let i = 0; i < each.count; i++) model.add(each.first + i);
        } else if (each.kind === 'remove') {
          pool.remove(each.leaf);
          model.delete(each.leaf);
        } else {
          const range = pool.take(each.count);
          expect(range === undefined).toBe(model.size === 0);
          if (!range) continue;
          expect(range.first).toBe(Math.min(...model));
          expect(range.end - range.first).toBeLessThanOrEqual(each.count);
          for (let taken = range.first; taken < range.end; taken++) expect(model.delete(taken)).toBe(true);
          // Cut short only by the end of what follows.
          if (range.end - range.first < each.count) expect(model.has(range.end)).toBe(false);
        }
        expect(pool.isEmpty).toBe(model.size === 0);
      }
    }),
  );
});

test('a leaf set counts what it has, and not the bits beyond its end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 3, maxLength: 3 }), fc.array(fc.nat(19)), (bytes, toggled) => {
      const set = createLeafSet(bytes, 20);
      for (const leaf of toggled) {
        if (set.has(leaf)) set.delete(leaf);
        else set.add(leaf);
      }
      expect(set.count).toBe(Array.from({ length: 20 }, (_, i) => i).filter((i) => set.has(i)).length);
      expect(set.bytes[2]! >> 4).toBe(0);
    }),
  );
});
