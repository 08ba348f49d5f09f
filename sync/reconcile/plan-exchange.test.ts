import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { ROUND_OPERATIONS_MAX } from './limits.ts';
import { compareBytes, type LogTip } from './log-tip.ts';
import { countOf, planExchange, wantedRanges } from './plan-exchange.ts';
import { named } from './testing/sync-world.ts';
import { HINT_BYTES, TipTree } from './tip-tree.ts';

/** The tip of a log with so many operations, of which those of one seq are alike unless `branch` differs. */
const tipOf = (log: number, count: number, branch = ''): LogTip => {
  const seq = count - 1;
  return { author: named('author'), logId: named(`log ${log}`), seq, operationId: named(`${log}/${seq}/${branch}`) };
};
const tipCheck = (operationId: Uint8Array) => operationId.subarray(0, 4);
const treeOf = (tips: readonly LogTip[]) => TipTree.of(blake3, tips);
const listOf = (tree: TipTree) => {
  const entries = [...tree.entries()].sort((left, right) => compareBytes(left.key, right.key));
  const listed = entries.map(({ key, tip }) => {
    return { hint: key.subarray(0, HINT_BYTES), seq: tip.seq, check: tipCheck(tip.operationId) };
  });
  return { listed, tips: entries.map(({ tip }) => tip) };
};
const everything = (tree: TipTree) => [...tree.entries()].map((entry) => ({ entry, seqBefore: -1 }));

test('after the plan both sides have every operation, and none went over for nothing', () => {
  const counts = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 40 });
  fc.assert(
    fc.property(counts, (logs) => {
      const side = (which: 0 | 1) => logs.flatMap((both, log) => (both[which] > 0 ? [tipOf(log, both[which])] : []));
      const [mine, theirs] = [treeOf(side(0)), treeOf(side(1))];
      const { listed, tips } = listOf(theirs);
      const { pushes, wants, wantedCount } = planExchange(mine, listed, everything(mine), tipCheck);
      const supplied = wantedRanges(tips, wants);
      expect(supplied.reduce((sum, range) => sum + countOf(range), 0)).toBe(wantedCount);
      const moved = (ranges: typeof pushes) =>
        ranges.map(({ logId, seqStart, seqEnd }) => `${toHex(logId)} ${seqStart} ${seqEnd}`).sort();
      const expected = (from: 0 | 1, to: 0 | 1) =>
        logs
          .flatMap((both, log) =>
            both[from] > both[to] ? [`${toHex(named(`log ${log}`))} ${both[to]} ${both[from] - 1}`] : [],
          )
          .sort();
      expect(moved(pushes)).toEqual(expected(0, 1));
      expect(moved(supplied)).toEqual(expected(1, 0));
    }),
  );
});

test('two operations of one seq both go over', () => {
  const [mine, theirs] = [treeOf([tipOf(1, 4, 'this')]), treeOf([tipOf(1, 4, 'that')])];
  const { pushes, wants } = planExchange(mine, listOf(theirs).listed, everything(mine), tipCheck);
  expect(pushes).toMatchObject([{ seqStart: 3, seqEnd: 3 }]);
  expect(wants).toEqual([{ index: 0, seqStart: 3 }]);
});

test('a round stays within its limit, both ways', () => {
  const counts = [400_000, 400_000, 400_000, 400_000];
  const full = treeOf(counts.map((count, log) => tipOf(log, count)));
  const empty = treeOf([]);
  const { pushes } = planExchange(full, [], everything(full), tipCheck);
  expect(pushes.reduce((sum, range) => sum + countOf(range), 0)).toBe(ROUND_OPERATIONS_MAX);
  const { listed, tips } = listOf(full);
  const { wants, wantedCount } = planExchange(empty, listed, [], tipCheck);
  const supplied = wantedRanges(tips, wants).reduce((sum, range) => sum + countOf(range), 0);
  expect([wantedCount, supplied]).toEqual([ROUND_OPERATIONS_MAX, ROUND_OPERATIONS_MAX]);
});
