import { equalBytes } from '#core/kernel/index.ts';
import type { ChangedLog } from './agreement.ts';
import { ROUND_OPERATIONS_MAX } from './limits.ts';
import type { LogTip } from './log-tip.ts';
import type { TipTree, TreeEntry } from './tip-tree.ts';

/** What the other side says of one of its logs. */
export interface ListedTip {
  readonly hint: Uint8Array;
  readonly seq: number;
  /** Compares operations of one seq; absent where forks are not looked for. */
  readonly check?: Uint8Array;
}

/** Operations of one log, both ends inclusive. */
export interface LogRange {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seqStart: number;
  readonly seqEnd: number;
}

/** A log of the other side's list, by its place there, from `seqStart` on. */
export interface Want {
  readonly index: number;
  readonly seqStart: number;
}

export interface ExchangePlan {
  readonly pushes: readonly LogRange[];
  readonly wants: readonly Want[];
  readonly wantedCount: number;
}

export const countOf = ({ seqStart, seqEnd }: LogRange): number => seqEnd - seqStart + 1;

/**
 * Which operations go which way. `listed` are tips of the other side; of the logs in `scope` that it does not list, it
 * has what `seqBefore` says. A log of one seq and two operations goes both ways with its last operation, so that both
 * sides hold the proof of the fork. At most `ROUND_OPERATIONS_MAX` operations go each way.
 */
export function planExchange(
  tree: TipTree,
  listed: readonly ListedTip[],
  scope: Iterable<ChangedLog>,
  tipCheck: (operationId: Uint8Array) => Uint8Array,
): ExchangePlan {
  const pushes: LogRange[] = [];
  const wants: Want[] = [];
  const compared = new Set<TreeEntry>();
  let pushedCount = 0;
  let wantedCount = 0;
  const push = ({ author, logId, seq }: LogTip, seqStart: number) => {
    const seqEnd = Math.min(seq, seqStart + ROUND_OPERATIONS_MAX - pushedCount - 1);
    if (seqEnd < seqStart) return;
    pushes.push({ author, logId, seqStart, seqEnd });
    pushedCount += seqEnd - seqStart + 1;
  };
  const want = (index: number, seqStart: number, seqEnd: number) => {
    if (wantedCount >= ROUND_OPERATIONS_MAX) return;
    wants.push({ index, seqStart });
    wantedCount = Math.min(ROUND_OPERATIONS_MAX, wantedCount + seqEnd - seqStart + 1);
  };
  for (const [index, { hint, seq, check }] of listed.entries()) {
    const entry = tree.findHint(hint);
    if (entry) compared.add(entry);
    const mine = entry?.tip;
    if (!mine || mine.seq < seq) want(index, mine ? mine.seq + 1 : 0, seq);
    else if (mine.seq > seq) push(mine, seq + 1);
    else if (check && !equalBytes(check, tipCheck(mine.operationId))) {
      want(index, seq, seq);
      push(mine, seq);
    }
  }
  for (const { entry, seqBefore } of scope) if (!compared.has(entry)) push(entry.tip, seqBefore + 1);
  return { pushes, wants, wantedCount };
}

/** The ranges that the other side wants of the listed logs, cut to `ROUND_OPERATIONS_MAX` as its plan is. */
export function wantedRanges(listed: readonly LogTip[], wants: readonly Want[]): readonly LogRange[] {
  let rest = ROUND_OPERATIONS_MAX;
  return wants.flatMap(({ index, seqStart }) => {
    const { author, logId, seq } = listed[index]!;
    const seqEnd = Math.min(seq, seqStart + rest - 1);
    if (seqEnd < seqStart) return [];
    rest -= seqEnd - seqStart + 1;
    return [{ author, logId, seqStart, seqEnd }];
  });
}
