import { createMutex, toHex } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { AppendOutcome, Arrival, OperationStore } from './ports.ts';
import { TipTree } from './tip-tree.ts';

/** The operations of one space in one access view, with the tree of their tips kept up to date. */
export interface SpaceView {
  /** 32 bytes, known to members alone. */
  readonly spaceId: Uint8Array;
  readonly store: OperationStore;
  /** Hash over all tips of the last `refresh` or `append`, 32 bytes. */
  readonly root: Uint8Array;
  /** The tree and the last arrival of one moment; the tree is the caller's. */
  snapshot(): { readonly tree: TipTree; readonly arrival: number };
  /** Stores operations and proofs of forks in one batch. */
  append(operations: readonly Uint8Array[]): Promise<AppendOutcome[]>;
  /** Takes notice of whatever changed in the store; costs as much as changed. A session begins with it. */
  refresh(): Promise<void>;
}

/** Reads the tips of a store. */
export async function openSpaceView(
  deps: { readonly blake3: Blake3 },
  spaceId: Uint8Array,
  store: OperationStore,
): Promise<SpaceView> {
  // What arrives between the two is looked at again by the next refresh.
  let arrival = await store.lastArrival();
  const tree = TipTree.of(deps.blake3, await Array.fromAsync(store.tips()));
  const serially = createMutex();

  async function note({ author, logId }: Pick<Arrival, 'author' | 'logId'>): Promise<void> {
    const tip = await store.tip(author, logId);
    if (tip) tree.set(tip);
    else tree.delete(author, logId);
  }

  async function follow(): Promise<void> {
    const last = await store.lastArrival();
    if (last === arrival) return;
    const changed = new Map<string, Arrival>();
    for await (const log of store.arrivalsAfter(arrival)) changed.set(toHex(log.author) + toHex(log.logId), log);
    for (const log of changed.values()) await note(log);
    arrival = last;
  }

  return {
    spaceId,
    store,
    get root() {
      return tree.root;
    },
    snapshot: () => ({ tree: tree.copy(), arrival }),
    append: (operations) =>
      serially(async () => {
        const outcomes = await store.append(operations);
        await follow();
        // A proof that another space brought before arrives here without a change of the log.
        for (const each of outcomes)
          if (each.outcome !== 'refused' && each.tip.forkSeq !== undefined) await note(each.tip);
        return outcomes;
      }),
    refresh: () => serially(follow),
  };
}
