import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { ROUND_OPERATIONS_MAX } from './limits.ts';
import { compareBytes, type LogTip, NO_OPERATION } from './log-tip.ts';
import { type LogRange, planExchange, rangeOf } from './plan-exchange.ts';
import { named } from './testing/sync-world.ts';
import { HINT_BYTES, TipTree } from './tip-tree.ts';

/** The tip of a log with so many operations. */
const tipOf = (log: number, count: number, forkSeq?: number): LogTip => {
  const operationId = count > 0 ? named(`${log}/${count}`) : NO_OPERATION;
  return { author: named('author'), logId: named(`log ${log}`), seq: count - 1, operationId, forkSeq };
};
const none: ReadonlyMap<string, number> = new Map();
const treeOf = (tips: readonly LogTip[]) => TipTree.of(blake3, tips);
const listOf = (tree: TipTree) => {
  const entries = [...tree.entries()].sort((left, right) => compareBytes(left.key, right.key));
  const listed = entries.map(({ key, tip }) => ({
    hint: key.subarray(0, HINT_BYTES),
    logOperations: tip.seq + 1,
    fork: (tip.forkSeq ?? -1) + 1,
  }));
  return { listed, tips: entries.map(({ tip }) => tip) };
};
const everything = (tree: TipTree) => [...tree.entries()].map((entry) => ({ entry, seqBefore: -1 }));
const countOf = (ranges: readonly { readonly itemCount: number }[]) =>
  ranges.reduce((sum, range) => sum + range.itemCount, 0);

/** So many operations of a log, and where it forks; no log is longer than its fork allows. */
const side = fc
  .record({ count: fc.nat(5), forkSeq: fc.option(fc.nat(5), { nil: undefined, freq: 2 }) })
  .map(({ count, forkSeq }) => ({ count: Math.min(count, forkSeq ?? Infinity), forkSeq }));

test('after the plan both sides have the same, and none went over for nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side), { maxLength: 40 }), (logs) => {
      const tipsOf = (which: 0 | 1) =>
        logs.flatMap((both, log) => {
          const { count, forkSeq } = both[which];
          return count > 0 || forkSeq !== undefined ? [tipOf(log, count, forkSeq)] : [];
        });
      const [mine, theirs] = [treeOf(tipsOf(0)), treeOf(tipsOf(1))];
      const { listed, tips } = listOf(theirs);
      const { pushes, wants, wantedCount } = planExchange(mine, listed, everything(mine), none);
      const supplied = wants.map(({ index, itemStart, itemCount }) => rangeOf(tips[index]!, itemStart, itemCount));
      expect(countOf(supplied)).toBe(wantedCount);
      const told = (ranges: readonly LogRange[]) =>
        ranges.map(({ logId, itemStart, itemCount, withProof }) => {
          const operationCount = itemCount - (withProof ? 1 : 0);
          return [toHex(logId), operationCount > 0 ? itemStart : 0, operationCount, withProof].join(' ');
        });
      const expected = (from: 0 | 1) =>
        logs.flatMap((both, log) => {
          const [sender, receiver] = [both[from], both[from === 0 ? 1 : 0]];
          const operationCount = Math.max(0, Math.min(sender.count, receiver.forkSeq ?? Infinity) - receiver.count);
          const withProof = (sender.forkSeq ?? Infinity) < (receiver.forkSeq ?? Infinity);
          const first = operationCount > 0 ? receiver.count : 0;
          return operationCount > 0 || withProof
            ? [[toHex(named(`log ${log}`)), first, operationCount, withProof].join(' ')]
            : [];
        });
      expect(told(pushes).sort()).toEqual(expected(0).sort());
      expect(told(supplied).sort()).toEqual(expected(1).sort());
    }),
  );
});

test('where a fork is looked for, the other branch is wanted as far as the shorter one goes', () => {
  const [mine, theirs] = [treeOf([tipOf(1, 9)]), treeOf([tipOf(1, 4)])];
  const key = toHex([...mine.entries()][0]!.key);
  const { pushes, wants } = planExchange(mine, listOf(theirs).listed, everything(mine), new Map([[key, 2]]));
  expect(pushes).toEqual([]);
  expect(wants).toEqual([{ index: 0, itemStart: 2, itemCount: 2 }]);
});

test('a round stays within its limit, both ways', () => {
  const counts = [400_000, 400_000, 400_000, 400_000];
  const full = treeOf(counts.map((count, log) => tipOf(log, count)));
  const empty = treeOf([]);
  expect(countOf(planExchange(full, [], everything(full), none).pushes)).toBe(ROUND_OPERATIONS_MAX);
  const { wants, wantedCount } = planExchange(empty, listOf(full).listed, [], none);
  expect([wantedCount, countOf(wants)]).toEqual([ROUND_OPERATIONS_MAX, ROUND_OPERATIONS_MAX]);
});
