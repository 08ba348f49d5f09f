import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { logKey, type LogTip } from './log-tip.ts';
import { named } from './testing/sync-world.ts';
import { BUCKET_COUNT, TipTree } from './tip-tree.ts';

const logs = fc.record({ author: fc.nat(3), log: fc.nat(200) });
const tips = fc
  .uniqueArray(fc.tuple(logs, fc.nat(9), fc.nat(3), fc.constantFrom(undefined, 10, 11)), {
    selector: ([{ author, log }]) => `${author}/${log}`,
    maxLength: 60,
  })
  .map((items) =>
    items.map(([{ author, log }, seq, id, forkSeq]): LogTip => {
      const name = { author: named(`author ${author}`), logId: named(`log ${log}`) };
      return { ...name, seq, operationId: named(`id ${id}`), forkSeq };
    }),
  );
const rootOf = (some: Iterable<LogTip>) => toHex(TipTree.of(blake3, some).root);

describe('the root', () => {
  test('depends on the set of tips and not on their order or history', () => {
    fc.assert(
      fc.property(
        tips.chain((some) => fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length }))),
        tips,
        ([some, shuffled], detour) => {
          const grown = TipTree.of(blake3, []);
          for (const tip of shuffled) {
            if (tip.seq > 0) grown.set({ ...tip, seq: tip.seq - 1 });
            grown.set(tip);
          }
          expect(toHex(grown.root)).toBe(rootOf(some));
          for (const tip of detour) grown.set({ ...tip, logId: named('another log') });
          expect(detour.length > 0 ? toHex(grown.root) : '').not.toBe(rootOf(some));
          for (const tip of detour) grown.delete(tip.author, named('another log'));
          expect(toHex(grown.root)).toBe(rootOf(some));
          expect([...grown.entries()].map(({ tip }) => tip)).toHaveLength(some.length);
        },
      ),
    );
  });

  test('differs for any other set of tips', () => {
    fc.assert(
      fc.property(tips, tips, (left, right) => {
        const set = (some: readonly LogTip[]) =>
          some
            .map((tip) => [tip.author, tip.logId, tip.operationId].map(toHex).join() + `${tip.seq} ${tip.forkSeq}`)
            .sort();
        expect(rootOf(left) === rootOf(right)).toBe(JSON.stringify(set(left)) === JSON.stringify(set(right)));
      }),
    );
  });

  test('follows every part of a tip', () => {
    const tip: LogTip = { author: named('a'), logId: named('l'), seq: 3, operationId: named('o'), forkSeq: 4 };
    const others = [
      { ...tip, author: named('b') },
      { ...tip, logId: named('m') },
      { ...tip, author: tip.logId, logId: tip.author },
      { ...tip, seq: 4 },
      { ...tip, operationId: named('p') },
      { ...tip, forkSeq: 5 },
      { ...tip, forkSeq: undefined },
    ];
    const roots = [[], [tip], ...others.map((other) => [other]), ...others.map((other) => [tip, other])].map(rootOf);
    // A changed tip takes the place of the one before only through `set`; here both stand, as they would for two logs.
    expect(new Set(roots).size).toBe(roots.length);
  });
});

test('a copy goes its own way, and what differs is found by buckets', () => {
  fc.assert(
    fc.property(tips, tips, (before, changes) => {
      const tree = TipTree.of(blake3, before);
      const root = toHex(tree.root);
      const copy = tree.copy();
      for (const tip of changes) copy.set(tip);
      expect(toHex(tree.root)).toBe(root);
      const changed = [...copy.changesFrom(tree)];
      const replayed = tree.copy();
      for (const { tip } of changed) replayed.set(tip);
      expect(replayed.root).toEqual(copy.root);
      for (const { tip, before } of changed) expect(tree.get(tip.author, tip.logId)?.tip).toEqual(before);
      const differing = new Set(changed.map(({ tip }) => logKey(blake3, tip.author, tip.logId)[0]));
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        expect(toHex(copy.bucketHash(bucket)) !== toHex(tree.bucketHash(bucket))).toBe(differing.has(bucket));
      }
    }),
  );
});

test('logs are found by the start of their key', () => {
  const some = Array.from({ length: 2000 }, (_, i): LogTip => {
    return { author: named('a'), logId: named(`log ${i}`), seq: i, operationId: named('o'), forkSeq: undefined };
  });
  const tree = TipTree.of(blake3, some);
  for (const tip of some) {
    expect(tree.findHint(logKey(blake3, tip.author, tip.logId).subarray(0, 8))?.tip).toEqual(tip);
  }
  expect(tree.findHint(new Uint8Array(8))).toBeUndefined();
  expect(tree.findHint(new Uint8Array(8).fill(255))).toBeUndefined();
});
