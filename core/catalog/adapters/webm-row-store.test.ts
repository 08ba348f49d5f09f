import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createInlineRowGroupEncoder } from '#core/columnar/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import { createMemoryFileSystem } from '#core/platform/testing/memory-file-system.ts';
import { cellsOf, readCells } from '../testing/row-cells.ts';
import { describeRowStore, everything, targetOf, write } from '../testing/row-store-contract.ts';
import { sampleRows } from '../testing/table-rows.ts';
import { createWebmRowStore } from './webm-row-store.ts';

const FOLDER = '/home/segments';

function open() {
  const files = createMemoryFileSystem();
  const store = createWebmRowStore({ files, folder: FOLDER, encoder: createInlineRowGroupEncoder() });
  return { files, store, fileNames: () => fileNames(files) };
}

async function fileNames(files: FileSystem): Promise<string[]> {
  const names: string[] = [];
  await files.makeDirectory(FOLDER);
  for (const { name, kind } of await files.list(FOLDER)) {
    if (kind !== 'directory') names.push(name);
    else names.push(...(await files.list(join(FOLDER, name))).map((entry) => entry.name));
  }
  return names;
}

describeRowStore('WEBM_COLUMNAR', async () => {
  const { files, store, fileNames: names } = open();
  return {
    store,
    commit: async () => {},
    pieceCount: async () => (await names()).length,
    async flipBit({ id }) {
      const bytes = await files.readFile(store.path(id));
      bytes[bytes.length >> 1]! ^= 1;
      await files.writeFileAtomic(store.path(id), bytes);
    },
    lose: ({ id }) => files.remove(store.path(id)),
    fillDisk: (isFull) => files.limitFreeBytes(isFull ? 100 : undefined),
    close: async () => {},
  };
});

describe('WEBM_COLUMNAR', () => {
  test('names files by the hash of their bytes and stores equal rows once', async () => {
    const { store, files, fileNames: names } = open();
    const table = sampleRows(100);
    const [first] = await write(store, targetOf(table.schema), table.batches);
    const steps = files.stepCount;
    const [second] = await write(store, targetOf(table.schema), table.batches);
    expect(second).toEqual(first);
    expect(files.stepCount).toBe(steps);
    expect(await names()).toEqual([`${first!.id}.webm`]);
    expect(store.path(first!.id)).toBe(join(FOLDER, first!.id.slice(0, 2), `${first!.id}.webm`));
  });

  test('writes a file anew that was cut off', async () => {
    const { store, files } = open();
    const table = sampleRows(100);
    const target = targetOf(table.schema);
    const segments = await write(store, target, table.batches);
    const path = store.path(segments[0]!.id);
    await files.writeFileAtomic(path, (await files.readFile(path)).subarray(0, 500));
    await write(store, target, table.batches);
    expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
  });

  test('keeps what it has yielded through a power loss, whatever the disk made of the rest', async () => {
    for (const unsynced of ['lost', 'kept', 'torn'] as const) {
      for (let steps = 0; ; steps++) {
        const { store, files, fileNames: names } = open();
        const [kept, cut] = [sampleRows(50), sampleRows(50, 100)];
        const target = targetOf(kept.schema);
        const segments = await write(store, target, kept.batches);
        files.cutPowerAfter(steps);
        const outcome = await write(store, target, cut.batches).catch(() => undefined);
        files.crash({ unsynced });
        expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(kept.batches));
        expect(await Array.fromAsync(store.verify(target, [...segments, ...(outcome ?? [])]))).toEqual([]);
        if (outcome) break;
        await store.removeUnreferenced((id) => id === segments[0]!.id);
        expect(await names()).toEqual([`${segments[0]!.id}.webm`]);
      }
    }
  });

  test('leaves files alone that are not its own', async () => {
    const { store, files, fileNames: names } = open();
    const path = join(FOLDER, 'ab', 'notes.txt');
    await files.makeDirectory(join(FOLDER, 'ab'));
    await files.writeFileAtomic(path, new Uint8Array(3));
    expect(await store.removeUnreferenced(() => false)).toBe(0);
    expect(await names()).toEqual(['notes.txt']);
  });

  test('names asset, column and row group of damage', async () => {
    const { store, files } = open();
    const table = sampleRows(5000);
    const target = targetOf(table.schema);
    const [segment] = await write(store, target, table.batches);
    const path = store.path(segment!.id);
    const intact = await files.readFile(path);
    const damagedColumns = new Set<unknown>();
    for (let at = intact.length - 20; at > intact.length / 2; at -= 997) {
      const bytes = intact.slice();
      bytes[at]! ^= 4;
      await files.writeFileAtomic(path, bytes);
      const faults = await Array.fromAsync(store.verify(target, [segment!]));
      expect(faults[0]).toMatchObject({ code: 'SEGMENT_CORRUPT', segmentId: segment!.id });
      for (const fault of faults.filter(({ column }) => column !== undefined)) {
        expect(fault.rowGroup).toBe(0);
        damagedColumns.add(fault.column);
        const scan = store.scan(target, [segment!], { columns: [fault.column!], filters: [] });
        await expect(readCells(scan)).rejects.toMatchObject({
          code: 'SEGMENT_CORRUPT',
          details: { asset: target.assetName, segment: segment!.id, column: fault.column, rowGroup: 0 },
        });
        const others = table.schema.fields.map((field) => field.name).filter((name) => name !== fault.column);
        await readCells(store.scan(target, [segment!], { columns: others, filters: [] }));
      }
    }
    expect(damagedColumns.size).toBeGreaterThan(0);
  });

  test('reads only the chunks of the columns that are asked for, and of no row group that a filter excludes', async () => {
    const { files, store: writer } = open();
    const table = sampleRows(20_000);
    const target = targetOf(table.schema);
    const segments = await write(writer, target, table.batches);
    let bytesRead = 0;
    const counting: FileSystem = {
      ...files,
      async open(path) {
        const source = await files.open(path);
        return {
          ...source,
          async read(offset, byteCount) {
            bytesRead += byteCount;
            return source.read(offset, byteCount);
          },
        };
      },
    };
    const store = createWebmRowStore({ files: counting, folder: FOLDER, encoder: createInlineRowGroupEncoder() });
    const measure = async (columns: string[], filters: Parameters<typeof store.scan>[2]['filters']) => {
      bytesRead = 0;
      const rows = await readCells(store.scan(target, segments, { columns, filters }));
      return { rows: rows.length, bytesRead };
    };
    const nothing = await measure(['id'], [{ column: 'id', op: '>', value: 30_000 }]);
    const one = await measure(['id'], [{ column: 'id', op: '>', value: 10_000 }]);
    const all = await measure(['id', 'name', 'price', 'at'], []);
    expect(nothing.rows).toBe(0);
    expect([one.rows, all.rows]).toEqual([20_000, 20_000]);
    expect(nothing.bytesRead).toBeLessThan(one.bytesRead);
    expect(one.bytesRead).toBeLessThan(all.bytesRead);
  });
});
