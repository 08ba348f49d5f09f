import { toHex } from '#core/kernel/index.ts';
import type { ChangedLog } from './agreement.ts';
import { ROUND_OPERATIONS_MAX } from './limits.ts';
import { itemCount, type LogTip } from './log-tip.ts';
import type { TipTree, TreeEntry } from './tip-tree.ts';

/** What the other side says of one of its logs. */
export interface ListedTip {
  readonly hint: Uint8Array;
  readonly logOperations: number;
  /** 0, or the seq of its fork and 1. */
  readonly fork: number;
  /** Compares last operations; absent where forks are not looked for. */
  readonly check?: Uint8Array;
}

/** Items of one log: operations from `itemStart` on, and behind the last of them the proof of its fork. */
export interface LogRange {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly itemStart: number;
  readonly itemCount: number;
  /** The last item is the proof. */
  readonly withProof: boolean;
}

/** Items of a log of the other side's list, by its place there. */
export interface Want {
  readonly index: number;
  readonly itemStart: number;
  readonly itemCount: number;
}

export interface ExchangePlan {
  readonly pushes: readonly LogRange[];
  readonly wants: readonly Want[];
  readonly wantedCount: number;
}

export function rangeOf(tip: LogTip, itemStart: number, count: number): LogRange {
  const { author, logId } = tip;
  const withProof = tip.forkSeq !== undefined && itemStart + count === itemCount(tip);
  return { author, logId, itemStart, itemCount: count, withProof };
}

/**
 * Which operations and proofs go which way. `listed` are tips of the other side; of the logs in `scope` that it does not
 * list, it has what `seqBefore` says. Behind the earlier fork of the two nothing goes; of a log that `forkStarts` names,
 * what both have is wanted from there on, because it is not the same. At most `ROUND_OPERATIONS_MAX` items go each way.
 */
export function planExchange(
  tree: TipTree,
  listed: readonly ListedTip[],
  scope: Iterable<ChangedLog>,
  forkStarts: ReadonlyMap<string, number>,
): ExchangePlan {
  const pushes: LogRange[] = [];
  const wants: Want[] = [];
  const compared = new Set<TreeEntry>();
  let pushedCount = 0;
  let wantedCount = 0;
  const push = (tip: LogTip, itemStart: number, itemEnd: number) => {
    const count = Math.min(itemEnd - itemStart, ROUND_OPERATIONS_MAX - pushedCount);
    if (count <= 0) return;
    pushes.push(rangeOf(tip, itemStart, count));
    pushedCount += count;
  };
  const want = (index: number, itemStart: number, itemEnd: number) => {
    const count = Math.min(itemEnd - itemStart, ROUND_OPERATIONS_MAX - wantedCount);
    if (count <= 0) return;
    wants.push({ index, itemStart, itemCount: count });
    wantedCount += count;
  };
  for (const [index, { hint, logOperations: theirs, fork }] of listed.entries()) {
    const entry = tree.findHint(hint);
    if (entry) compared.add(entry);
    const mine = entry ? entry.tip.seq + 1 : 0;
    const forkStart = entry && forkStarts.get(toHex(entry.key));
    if (forkStart !== undefined) {
      want(index, forkStart, Math.min(mine, theirs));
      continue;
    }
    const myFork = entry?.tip.forkSeq ?? Infinity;
    const theirFork = fork > 0 ? fork - 1 : Infinity;
    // Who has the earlier fork has no operations behind it, so that its proof follows the last operation that goes.
    if (theirFork < myFork) want(index, Math.min(mine, theirs), theirs + 1);
    else want(index, mine, Math.min(theirs, myFork));
    if (!entry) continue;
    if (myFork < theirFork) push(entry.tip, Math.min(mine, theirs), mine + 1);
    else push(entry.tip, theirs, Math.min(mine, theirFork));
  }
  for (const { entry, seqBefore } of scope) {
    if (!compared.has(entry)) push(entry.tip, seqBefore + 1, itemCount(entry.tip));
  }
  return { pushes, wants, wantedCount };
}
