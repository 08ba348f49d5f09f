import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EvictOutput, FetchOutput, JoinOutput, TicketOutput } from '#sync/peers/index.ts';
import { homesFolder, type LocalNode, openLocalNode } from './testing/local-nodes.ts';

const rowsFrom = (start: number, count: number) =>
  `id\n${Array.from({ length: count }, (_, i) => start + i).join('\n')}\n`;

async function joinBy(issuer: LocalNode, joiner: LocalNode): Promise<void> {
  const { ticket } = await issuer.call<TicketOutput>('invitePeer', { space: 'Harvest' });
  await joiner.call<JoinOutput>('joinSpace', { ticket });
}

/** The segment files of a home. */
async function segmentFiles(node: LocalNode): Promise<string[]> {
  const names = await readdir(join(node.home, 'segments'), { recursive: true });
  return names.filter((name) => name.endsWith('.webm')).toSorted();
}

const evict = (node: LocalNode, asset: string) => node.call<EvictOutput>('evictAsset', { asset });
const fetchRows = (node: LocalNode, asset: string) => node.call<FetchOutput>('fetchAsset', { asset });

describe('evicting', () => {
  test('two members: the last copy stays, the other one goes and comes back', async () => {
    await using folder = await homesFolder();
    await using mill = await openLocalNode(folder.path, 'mill');
    await using field = await openLocalNode(folder.path, 'field');
    await mill.ingest('readings', rowsFrom(1, 50));
    await mill.ingest('alone', rowsFrom(1000, 5));
    await mill.call('createSpace', { name: 'Harvest' });
    await mill.call('shareAssets', { space: 'Harvest', assets: ['readings'] });
    await expect(evict(mill, 'alone')).rejects.toMatchObject({ code: 'UNSUPPORTED' });

    await mill.startSync();
    // Nobody else is there.
    expect(await evict(mill, 'readings')).toEqual({
      asset: 'readings',
      evictedCount: 0,
      byteCount: 0,
      kept: { 'no-peer': 1 },
    });
    await joinBy(mill, field);
    // The other one knows of the rows and does not have them.
    expect(await evict(mill, 'readings')).toMatchObject({ evictedCount: 0, kept: { 'too-few': 1 } });
    expect(await mill.count('readings')).toBe(50);

    expect(await fetchRows(field, 'readings')).toMatchObject({ fetchedCount: 1 });
    const before = await segmentFiles(mill);
    const gone = await evict(mill, 'readings');
    expect(gone).toMatchObject({ evictedCount: 1, kept: {} });
    expect(gone.byteCount).toBeGreaterThan(0);
    expect((await segmentFiles(mill)).length).toBe(before.length - 1);
    expect(await readdir(join(mill.home, 'sealed'))).toEqual([]);
    await expect(mill.count('readings')).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
    expect(await evict(mill, 'readings')).toEqual({ asset: 'readings', evictedCount: 0, byteCount: 0, kept: {} });

    // The one that promised is bound by its word, and has the rows still.
    expect(await evict(field, 'readings')).toMatchObject({ evictedCount: 0, kept: { bound: 1 } });
    expect(await field.count('readings')).toBe(50);
    expect(await fetchRows(mill, 'readings')).toMatchObject({ fetchedCount: 1 });
    expect(await mill.count('readings')).toBe(50);
    expect(await segmentFiles(mill)).toEqual(before);
  });

  test('rows that another asset has as well stay', async () => {
    await using folder = await homesFolder();
    await using mill = await openLocalNode(folder.path, 'mill');
    await using field = await openLocalNode(folder.path, 'field');
    await mill.ingest('copy', rowsFrom(900, 20));
    await mill.ingest('same', rowsFrom(900, 20));
    await mill.call('createSpace', { name: 'Harvest' });
    await mill.call('shareAssets', { space: 'Harvest', assets: ['copy'] });
    await mill.startSync();
    await joinBy(mill, field);
    await fetchRows(field, 'copy');
    expect(await evict(mill, 'copy')).toMatchObject({ evictedCount: 0, kept: { 'in-use': 1 } });
    expect(await mill.count('same')).toBe(20);
  });

  test('three members: two have to promise, and of two that evict at once one keeps what the other leans on', async () => {
    await using folder = await homesFolder();
    await using mill = await openLocalNode(folder.path, 'mill');
    await using field = await openLocalNode(folder.path, 'field');
    await using barn = await openLocalNode(folder.path, 'barn');
    await mill.ingest('readings', rowsFrom(1, 50));
    await mill.call('createSpace', { name: 'Harvest' });
    await mill.call('shareAssets', { space: 'Harvest', assets: ['readings'] });
    await mill.startSync();
    await joinBy(mill, field);
    await joinBy(mill, barn);
    await fetchRows(field, 'readings');
    expect(await evict(mill, 'readings')).toMatchObject({ evictedCount: 0, kept: { 'too-few': 1 } });
    await fetchRows(barn, 'readings');
    const outcomes = await Promise.all([mill, field, barn].map((node) => evict(node, 'readings')));
    expect(outcomes.reduce((sum, { evictedCount }) => sum + evictedCount, 0)).toBeLessThanOrEqual(1);
    const counts = await Promise.allSettled([mill, field, barn].map((node) => node.count('readings')));
    expect(counts.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(2);
  });
});
