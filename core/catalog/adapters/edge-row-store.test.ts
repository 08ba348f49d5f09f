import { describe, expect, test } from 'vitest';
import { systemClock, systemRandom } from '#core/platform/index.ts';
import { Commit, prefixRange } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { cellsOf, readCells } from '../testing/row-cells.ts';
import { describeRowStore, everything, targetOf, write } from '../testing/row-store-contract.ts';
import { sampleRows } from '../testing/table-rows.ts';
import { createEdgeRowStore, EDGE_CHUNK_ROWS_MAX, EDGE_REMOVALS_MAX } from './edge-row-store.ts';

function open() {
  const memory = openMemoryStore();
  const keys = async () => (await Array.fromAsync(memory.entries(prefixRange('edge')))).map(([key]) => key);
  let isFull = false;
  const syncs: number[] = [];
  const store = createEdgeRowStore({
    store: {
      ...memory,
      async write(commit, options) {
        if (isFull) memory.failNextWrite('DISK_FULL');
        await memory.write(commit, options);
        if (options.sync) syncs.push(commit.writes.length);
      },
    },
    clock: systemClock,
    random: systemRandom,
  });
  const fillDisk = (full: boolean) => {
    isFull = full;
  };
  return { memory, store, keys, syncs, fillDisk };
}

describeRowStore('EDGE', async () => {
  const { memory, store, keys, fillDisk } = open();
  const chunksOf = async (id: string) => Array.fromAsync(memory.entries(prefixRange(`edge/${id}/`)));
  return {
    store,
    fillDisk,
    commit: async () => {},
    pieceCount: async () => (await keys()).length,
    async flipBit({ id }) {
      const [key, value] = (await chunksOf(id))[0]!;
      value[value.length >> 1]! ^= 1;
      await memory.write(new Commit().put(key, value), { sync: true });
    },
    async lose({ id }) {
      for (const [key] of await chunksOf(id)) await memory.write(new Commit().delete(key), { sync: true });
    },
    close: () => memory.close(),
  };
});

describe('EDGE', () => {
  test('keeps every chunk of a run it has yielded through a power loss', async () => {
    const { memory, store } = open();
    const table = sampleRows(3 * EDGE_CHUNK_ROWS_MAX + 1);
    const target = targetOf(table.schema);
    const segments = await write(store, target, table.batches);
    memory.crash();
    expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
  });

  test('numbers the chunks of a run', async () => {
    const { store, keys } = open();
    const table = sampleRows(2 * EDGE_CHUNK_ROWS_MAX);
    const target = targetOf(table.schema);
    const [run] = await write(store, target, table.batches);
    expect(run!.id.startsWith(`${target.assetId}/`)).toBe(true);
    expect(await keys()).toEqual([`edge-run/${run!.id}`, `edge/${run!.id}/00000000`, `edge/${run!.id}/00000001`]);
  });

  test('shares a sync between small writes that are under way together', async () => {
    const { store, syncs } = open();
    const table = sampleRows(200);
    const target = targetOf(table.schema);
    const batch = table.batches[0]!;
    const rows = Array.from({ length: 200 }, (_, i) => batch.slice(i, i + 1));
    const segments = await Promise.all(rows.map((row) => store.append(target, row)));
    expect(syncs.length).toBeLessThan(10);
    expect(new Set(segments.map((segment) => segment.id)).size).toBe(200);
    expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf([batch]));
  });

  test('fails the writes of one group together and goes on', async () => {
    const { store, keys, fillDisk } = open();
    const table = sampleRows(2);
    const target = targetOf(table.schema);
    fillDisk(true);
    const failed = await Promise.allSettled(table.batches.concat(table.batches).map((b) => store.append(target, b)));
    expect(failed.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    fillDisk(false);
    await store.append(target, table.batches[0]!);
    expect(await keys()).toHaveLength(2);
  });

  test('refuses to append nothing', async () => {
    const { store } = open();
    const { schema, batches } = sampleRows(0);
    await expect(store.append(targetOf(schema), batches[0]!)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  test('names the chunk that is damaged, exchanged or gone', async () => {
    const { memory, store } = open();
    const table = sampleRows(3 * EDGE_CHUNK_ROWS_MAX);
    const target = targetOf(table.schema);
    const segments = await write(store, target, table.batches);
    const chunk = (number: number) => `edge/${segments[0]!.id}/0000000${number}`;
    const faults = () => Array.fromAsync(store.verify(target, segments));
    const second = (await memory.get(chunk(1)))!;

    await memory.write(new Commit().put(chunk(1), (await memory.get(chunk(2)))!), { sync: true });
    expect(await faults()).toMatchObject([{ code: 'SEGMENT_CORRUPT', rowGroup: 1 }]);
    await memory.write(new Commit().put(chunk(1), second.subarray(0, 3)), { sync: true });
    expect(await faults()).toMatchObject([{ code: 'SEGMENT_CORRUPT', rowGroup: 1 }]);
    await memory.write(new Commit().delete(chunk(1)), { sync: true });
    expect((await faults())[0]).toMatchObject({ code: 'SEGMENT_CORRUPT', rowGroup: 1 });
    await memory.write(new Commit().put(chunk(1), second).delete(chunk(2)), { sync: true });
    expect(await faults()).toMatchObject([{ code: 'SEGMENT_CORRUPT', rowGroup: 2 }]);
    await expect(readCells(store.scan(target, segments, everything(target)))).rejects.toMatchObject({
      code: 'SEGMENT_CORRUPT',
    });
  });

  test('removes a long run in bounded commits, and takes up a removal that was cut short', async () => {
    const { memory, store, keys } = open();
    const { schema } = sampleRows(0);
    const target = targetOf(schema);
    const batches = Array.from({ length: EDGE_REMOVALS_MAX + 5 }, (_, i) => sampleRows(1, i).batches[0]!);
    await write(store, target, batches);
    let writes = 0;
    const failing = createEdgeRowStore({
      store: {
        ...memory,
        async write(commit, options) {
          if (++writes === 2) throw new Error('power cut');
          await memory.write(commit, options);
        },
      },
      clock: systemClock,
      random: systemRandom,
    });
    await expect(failing.removeUnreferenced(() => false)).rejects.toThrow('power cut');
    expect((await keys()).length).toBeGreaterThan(0);
    expect(await store.removeUnreferenced(() => false)).toBe(1);
    expect(await keys()).toEqual([]);
  });
});
