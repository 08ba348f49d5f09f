import { equalBytes, toHex } from '#core/kernel/index.ts';
import { type LogTip, logKey } from './log-tip.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { ListedTip } from './plan-exchange.ts';
import type { OperationStore } from './ports.ts';
import type { TipTree } from './tip-tree.ts';

/**
 * Looks for the first seq at which the two sides have different operations of a log, over the rounds of one session.
 * Each round asks for twice as many of the last operations as the one before, so that a fork costs no more than twice
 * what lies behind it. What comes contradicts what is here and proves the fork; the next round hands the proof over.
 */
export class ForkSearch {
  readonly #blake3: Blake3;
  readonly #steps = new Map<string, number>();
  readonly #noted = new Set<string>();

  constructor(blake3: Blake3) {
    this.#blake3 = blake3;
  }

  /** An operation of the other side contradicts what is here. */
  note({ author, logId }: LogTip): void {
    this.#noted.add(toHex(logKey(this.#blake3, author, logId)));
  }

  /** By the key of each listed log that is not the same here as there: the seq from which to ask for what both have. */
  async starts(
    store: OperationStore,
    tree: TipTree,
    listed: readonly ListedTip[],
    tipCheck: (operationId: Uint8Array) => Uint8Array,
  ): Promise<ReadonlyMap<string, number>> {
    const starts = new Map<string, number>();
    for (const { hint, logOperations, fork, check } of listed) {
      const entry = tree.findHint(hint);
      const common = Math.min(logOperations, (entry?.tip.seq ?? -1) + 1);
      if (!entry || !check || common === 0) continue;
      const key = toHex(entry.key);
      const { author, logId, seq, operationId, forkSeq } = entry.tip;
      // Both must know the same proof first: what lies behind it is never asked for.
      if (fork !== (forkSeq ?? -1) + 1) continue;
      if (logOperations > seq + 1) {
        if (!this.#noted.delete(key)) continue;
      } else {
        const id = logOperations === seq + 1 ? operationId : await store.operationId(author, logId, logOperations - 1);
        if (!id || equalBytes(check, tipCheck(id))) continue;
      }
      const step = this.#steps.get(key) ?? 1;
      this.#steps.set(key, 2 * step);
      starts.set(key, Math.max(0, common - step));
    }
    return starts;
  }
}
