import { createMutex } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import type { AppendOutcome, OperationStore } from './ports.ts';
import { TipTree } from './tip-tree.ts';

/** The operations of one space in one access view, with the tree of their tips kept up to date. */
export interface SpaceView {
  /** 32 bytes, known to members alone. */
  readonly spaceId: Uint8Array;
  readonly store: OperationStore;
  /** Hash over all tips, 32 bytes. */
  readonly root: Uint8Array;
  /** The tree and the last arrival of one moment; the tree is the caller's. */
  snapshot(): { readonly tree: TipTree; readonly arrival: number };
  /** Stores one operation. Everything that is appended to the store while the view is open goes through here. */
  append(bytes: Uint8Array): Promise<AppendOutcome>;
}

/** Reads the tips of a store, which nobody else appends to from then on. */
export async function openSpaceView(
  deps: { readonly blake3: Blake3 },
  spaceId: Uint8Array,
  store: OperationStore,
): Promise<SpaceView> {
  const tree = TipTree.of(deps.blake3, await Array.fromAsync(store.tips()));
  let arrival = await store.lastArrival();
  const serially = createMutex();
  return {
    spaceId,
    store,
    get root() {
      return tree.root;
    },
    snapshot: () => ({ tree: tree.copy(), arrival }),
    append: (bytes) =>
      serially(async () => {
        const result = await store.append(bytes);
        if (result.outcome === 'stored') {
          tree.set(result.operation);
          ({ arrival } = result);
        } else if (result.outcome === 'fork') tree.set(result.tip);
        return result;
      }),
  };
}
