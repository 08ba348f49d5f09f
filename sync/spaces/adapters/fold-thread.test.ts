import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toHex, type Uuid } from '#core/kernel/index.ts';
import { startFoldWorker } from '#core/node/sync/start-fold-worker.ts';
import { Commit, prefixRange } from '#core/platform/ports.ts';
import { replicaPrefix } from '../space-keys.ts';
import { admit, context, type MemoryNode, meet, emptyHome, openMemoryNode } from '../testing/memory-node.ts';
import { createFoldThread, type FoldThread } from './fold-thread.ts';

const ASSETS = 100;

const names = Array.from({ length: ASSETS }, (_, i) => `asset ${i}`);

async function founderOf(...guests: readonly MemoryNode[]): Promise<MemoryNode> {
  const founder = await openMemoryNode(emptyHome('founder'));
  await founder.spaces.createSpace('all');
  for (const guest of guests) await admit(founder, 'all', guest, 'write');
  for (const [i, name] of names.entries()) {
    const { id } = await founder.createAsset(name);
    if (i % 3 === 0) await founder.appendRows(id, i);
  }
  await founder.spaces.shareAssets('all', names, 'metadata', context);
  await founder.spaces.settle();
  return founder;
}

async function replicasOf({ home, spaces }: MemoryNode): Promise<ReadonlyMap<string, string>> {
  const prefix = replicaPrefix((await spaces.find('all')).record.space as Uuid);
  const replicas = new Map<string, string>();
  for await (const [key, bytes] of home.store.entries(prefixRange(prefix))) replicas.set(key, toHex(bytes));
  return replicas;
}

/** A thread that counts its batches. */
function counted({ fold }: FoldThread) {
  const counts = { batches: 0 };
  const foldAside: FoldThread['fold'] = (...given) => {
    counts.batches += 1;
    return fold(...given);
  };
  return { counts, foldAside };
}

function newThread(startWorker = startFoldWorker): FoldThread {
  const thread = createFoldThread(startWorker);
  onTestFinished(() => thread[Symbol.asyncDispose]());
  return thread;
}

describe('operations that are folded on another thread', () => {
  test('give the same bytes as on the thread of the node', async () => {
    const { counts, foldAside } = counted(newThread());
    const aside = await openMemoryNode(emptyHome('aside'), { deps: { foldAside, batchOperations: 100 } });
    const here = await openMemoryNode(emptyHome('here'));
    const founder = await founderOf(aside, here);
    await meet(aside, founder);
    await meet(here, founder);
    expect(counts.batches).toBeGreaterThan(0);
    const replicas = await replicasOf(aside);
    expect(replicas.size).toBe(ASSETS);
    expect(replicas).toEqual(await replicasOf(here));
    expect(replicas).toEqual(await replicasOf(founder));
    expect(await aside.catalog.assetNames()).toEqual(await founder.catalog.assetNames());

    // What comes later is judged by what came later, such as the right of another member.
    for (const name of names) {
      const { id } = await here.catalog.getAsset(name);
      await here.appendRows(id, 1000);
    }
    await here.spaces.settle();
    const before = counts.batches;
    await meet(aside, here);
    expect(counts.batches).toBeGreaterThan(before);
    expect(await replicasOf(aside)).toEqual(await replicasOf(here));
  });

  test('are folded with the next settling when the thread dies', async () => {
    const started: Worker[] = [];
    const dying = () => {
      const worker = started.length === 0 ? new Worker('process.exit(3)', { eval: true }) : startFoldWorker();
      started.push(worker);
      return worker;
    };
    const guest = await openMemoryNode(emptyHome('guest'), {
      deps: { foldAside: newThread(dying).fold, batchOperations: 100 },
    });
    const founder = await founderOf(guest);
    await expect(meet(guest, founder)).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await replicasOf(guest)).toEqual(new Map());
    await guest.spaces.settle();
    expect(started).toHaveLength(2);
    expect(await replicasOf(guest)).toEqual(await replicasOf(founder));
  });

  test('say what was wrong with the store, and leave the thread usable', async () => {
    const { foldAside } = counted(newThread());
    const guest = await openMemoryNode(emptyHome('guest'), { deps: { foldAside, batchOperations: 100 } });
    const founder = await founderOf(guest);
    await meet(guest, founder);
    const [key] = (await replicasOf(guest)).keys();
    const kept = (await guest.home.store.get(key!))!;
    const { store } = guest.home;
    await store.write(new Commit().put(key!, kept.with(20, kept[20]! ^ 1)), { sync: true });
    for (const name of names) {
      const { id } = await founder.catalog.getAsset(name);
      await founder.appendRows(id, 1000);
    }
    await founder.spaces.settle();
    await expect(meet(founder, guest)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await store.write(new Commit().put(key!, kept), { sync: true });
    await guest.spaces.settle();
    expect(await replicasOf(guest)).toEqual(await replicasOf(founder));
  });

  test('end with CANCELLED when the thread is closed', async () => {
    const thread = newThread();
    const guest = await openMemoryNode(emptyHome('guest'), { deps: { foldAside: thread.fold, batchOperations: 100 } });
    const founder = await founderOf(guest);
    await thread[Symbol.asyncDispose]();
    await expect(meet(guest, founder)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
