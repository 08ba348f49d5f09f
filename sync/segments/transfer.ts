import { createMutex, equalBytes } from '#core/kernel/index.ts';
import { type HashTree, layoutOfRoot, pageHashOf } from './hash-tree.ts';
import { createPartial, type PartialSegment, resumePartial } from './partial-segment.ts';
import type { SealedFolder } from './ports.ts';
import { createRangePool } from './range-pool.ts';
import { HASH_BYTES, LEAF_BYTES, leafBytes, PAGE_LEAVES, pageLeaves } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';

/** Pages whose leaves are asked for at a time: 32 MiB of the segment for 64 KiB of hashes in memory. */
export const PAGES_OPEN_MAX = 4;

/** Something to ask a peer for. */
export type TransferTask =
  | { readonly kind: 'root' }
  | { readonly kind: 'page'; readonly page: number }
  | { readonly kind: 'leaves'; readonly first: number; readonly end: number };

/** What became of something that arrived: `unneeded` is neither looked at nor kept. */
export type Verdict = 'taken' | 'unneeded' | 'wrong';

/**
 * One segment on its way here: what to ask for next, and what arrived checked and stored. It knows nothing of peers. An
 * error of the disk goes to `onError`, and the transfer rests.
 */
export interface Transfer {
  /** Bytes of ciphertext; undefined until the root is known. */
  readonly byteCount: number | undefined;
  /** Bytes of ciphertext that are stored. */
  readonly haveBytes: number;
  /** True while all that can be asked for has been, so that only taking from another peer speeds it up. */
  readonly isDraining: boolean;
  /** Takes the next task, of at most so many leaves; undefined when there is none now. */
  next(leavesMax: number): TransferTask | undefined;
  /** A task, or what is left of it, that its peer will not do. */
  giveBack(task: TransferTask): void;
  takeRoot(rootRecord: Uint8Array): Promise<Verdict>;
  takePage(page: number, leafHashes: Uint8Array): Promise<Verdict>;
  takeLeaf(leaf: number, bytes: Uint8Array): Promise<Verdict>;
  /** Waits for what is being stored and lets go of the file. */
  close(): Promise<void>;
}

export interface TransferDeps {
  readonly tree: HashTree;
  readonly openPartial: SealedFolder['openPartial'];
  /** There may be a new task. */
  readonly onChange: () => void;
  /** The file has its name. */
  readonly onDone: () => void;
  readonly onError: (error: unknown) => void;
}

interface OpenPage {
  /** Undefined until they are known. */
  hashes: Uint8Array | undefined;
  /** Leaves of the page that are not stored yet. */
  left: number;
}

/** Goes on with what an earlier transfer of the segment left. */
export function startTransfer(deps: TransferDeps, name: SealedName): Transfer {
  const { tree, openPartial } = deps;
  const inOrder = createMutex();
  const pool = createRangePool();
  const pages = new Map<number, OpenPage>();
  const pagesToAsk = new Set<number>();
  /** Leaves that are being written. */
  const storing = new Set<number>();
  let partial: PartialSegment | undefined;
  let isRootWanted = false;
  let nextPage = 0;
  let isClosed = false;
  let pending: Promise<unknown> = Promise.resolve();

  /** Runs work on the file; its failure ends the transfer. */
  async function onDisk<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (isClosed) return undefined;
    const running = work();
    pending = Promise.allSettled([pending, running]).then(() => undefined);
    try {
      return await running;
    } catch (error) {
      isClosed = true;
      deps.onError(error);
      return undefined;
    }
  }

  async function openPages(): Promise<void> {
    const { layout } = partial!;
    while (!isClosed && pages.size < PAGES_OPEN_MAX && nextPage < layout.pageCount) {
      const page = nextPage++;
      pages.set(page, { hashes: undefined, left: pageLeaves(layout, page) });
      const hashes = await partial!.readPage(page);
      if (hashes) await openPage(page, hashes);
      else pagesToAsk.add(page);
    }
    if (!isClosed && nextPage === layout.pageCount && pages.size === 0) {
      isClosed = true;
      await partial!.publish();
      deps.onDone();
      return;
    }
    deps.onChange();
  }

  async function openPage(page: number, hashes: Uint8Array): Promise<void> {
    const { layout, have } = partial!;
    await partial!.checkPage(page, hashes);
    const open = pages.get(page)!;
    open.left = 0;
    for (let leaf = page * PAGE_LEAVES; leaf < page * PAGE_LEAVES + pageLeaves(layout, page); leaf++) {
      if (have.has(leaf)) continue;
      open.left += 1;
      pool.put({ first: leaf, end: leaf + 1 });
    }
    open.hashes = hashes;
    if (open.left === 0) pages.delete(page);
  }

  void onDisk(() =>
    inOrder(async () => {
      partial = await resumePartial(tree, openPartial, name);
      isRootWanted = !partial;
      if (partial) await openPages();
      else deps.onChange();
    }),
  );

  return {
    get byteCount() {
      return partial?.layout.byteCount;
    },
    get haveBytes() {
      return partial ? Math.min(partial.layout.byteCount, partial.have.count * LEAF_BYTES) : 0;
    },
    get isDraining() {
      if (!partial || pagesToAsk.size > 0 || !pool.isEmpty) return false;
      return nextPage === partial.layout.pageCount || pages.size === PAGES_OPEN_MAX;
    },

    next(leavesMax) {
      if (isClosed) return undefined;
      if (isRootWanted) {
        isRootWanted = false;
        return { kind: 'root' };
      }
      for (const page of pagesToAsk) {
        pagesToAsk.delete(page);
        return { kind: 'page', page };
      }
      const range = pool.take(leavesMax);
      return range && { kind: 'leaves', ...range };
    },

    giveBack(task) {
      if (task.kind === 'root') isRootWanted = !partial;
      if (task.kind === 'page' && pages.get(task.page)?.hashes === undefined) pagesToAsk.add(task.page);
      if (task.kind !== 'leaves' || !partial) return;
      for (let leaf = task.first; leaf < task.end; leaf++) {
        if (!partial.have.has(leaf) && !storing.has(leaf)) pool.put({ first: leaf, end: leaf + 1 });
      }
    },

    async takeRoot(rootRecord) {
      if (partial || isClosed) return 'unneeded';
      const layout = layoutOfRoot(rootRecord);
      if (layout?.rootBytes !== rootRecord.length || tree.nameOf(rootRecord) !== name) return 'wrong';
      const record = rootRecord.slice();
      await onDisk(() =>
        inOrder(async () => {
          if (partial || isClosed) return;
          isRootWanted = false;
          partial = await createPartial(tree, openPartial, name, record);
          await openPages();
        }),
      );
      return 'taken';
    },

    async takePage(page, leafHashes) {
      const open = pages.get(page);
      if (!partial || !open || open.hashes || isClosed) return 'unneeded';
      const { layout, rootRecord } = partial;
      const isRight =
        leafHashes.length === HASH_BYTES * pageLeaves(layout, page) &&
        equalBytes(tree.pageHash(leafHashes), pageHashOf(rootRecord, page));
      if (!isRight) return 'wrong';
      pagesToAsk.delete(page);
      const hashes = leafHashes.slice();
      await onDisk(() =>
        inOrder(async () => {
          if (isClosed || open.hashes) return;
          await partial!.writePage(page, hashes);
          await openPage(page, hashes);
          await openPages();
        }),
      );
      return 'taken';
    },

    async takeLeaf(leaf, bytes) {
      const page = Math.floor(leaf / PAGE_LEAVES);
      const open = pages.get(page);
      if (!partial || !open?.hashes || isClosed) return 'unneeded';
      if (leaf >= partial.layout.leafCount || partial.have.has(leaf) || storing.has(leaf)) return 'unneeded';
      const isRight =
        bytes.length === leafBytes(partial.layout, leaf) && tree.isLeaf(bytes, open.hashes, leaf % PAGE_LEAVES);
      if (!isRight) return 'wrong';
      storing.add(leaf);
      pool.remove(leaf);
      await onDisk(() => partial!.writeLeaf(leaf, bytes));
      storing.delete(leaf);
      open.left -= 1;
      if (open.left === 0) {
        pages.delete(page);
        await onDisk(() => inOrder(openPages));
      }
      return 'taken';
    },

    async close() {
      isClosed = true;
      await pending;
      await partial?.close();
    },
  };
}
