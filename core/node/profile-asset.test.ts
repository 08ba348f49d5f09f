import { Field, Float64, Int32, Schema, vectorFromArray } from 'apache-arrow';
import { expect, test } from 'vitest';
import type { Catalog, CatalogAsset } from '#core/catalog/index.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { encodeOne } from '#core/columnar/testing/sample-table.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { isGranaryError, type OperationContext } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';
import { profileAsset } from './profile-asset.ts';

const ROWS = 160_000;
const random = seededRandom(1);
const sensor = vectorFromArray(
  Array.from({ length: ROWS }, (_, i) => (i >= 90_000 && i < 100_000 ? 7.5 : random() * 100)),
  new Float64(),
);
const steps = vectorFromArray(
  Array.from({ length: ROWS }, () => Math.floor(random() * 1000)),
  new Int32(),
);
const schema = new Schema([new Field('sensor', sensor.type, true), new Field('steps', steps.type, true)]);

/** A node's files and catalog with one asset, counting what is read. */
async function world(storageFormat = 'WEBM_COLUMNAR') {
  const { bytes } = await encodeOne(batchOf(schema, ROWS, [sensor.data[0]!, steps.data[0]!]), 10_000);
  let bytesRead = 0;
  const files = {
    open: async () => ({
      byteCount: bytes.length,
      async read(offset: number, byteCount: number) {
        bytesRead += byteCount;
        return bytes.subarray(offset, offset + byteCount);
      },
      close: async () => undefined,
    }),
  } as unknown as FileSystem;
  const asset = {
    id: 'a',
    name: 'readings',
    version: 1,
    rowCount: ROWS,
    schema,
    storageFormat,
  } as unknown as CatalogAsset;
  const catalog = {
    getAsset: async () => asset,
    getManifest: async () => [{ id: 'one' }],
  } as unknown as Catalog;
  return {
    deps: { catalog, files, segmentPath: (id: string) => id },
    fileBytes: bytes.length,
    bytesRead: () => bytesRead,
  };
}

const context = { signal: new AbortController().signal, report: () => undefined } as unknown as OperationContext;

test('a profile finds the row group in which a sensor sticks, and reads headers only', async () => {
  const { deps, fileBytes, bytesRead } = await world();
  const { columns } = await profileAsset(deps, 'readings', context);
  expect(columns.map(({ name, anomalies }) => [name, anomalies])).toEqual([
    ['sensor', [9]],
    ['steps', []],
  ]);
  expect(columns[0]!.rowGroups[9]).toMatchObject({ firstRow: 90_000, rowCount: 10_000, min: 7.5, max: 7.5 });
  expect(fileBytes).toBeGreaterThan(900_000);
  // One short read from the start of the file, which holds the tags of 16 row groups and more.
  expect(bytesRead()).toBe(16_384);
});

test('an asset without columns cannot be profiled', async () => {
  const { deps } = await world('EDGE');
  await expect(profileAsset(deps, 'readings', context)).rejects.toSatisfy((error) =>
    isGranaryError(error, 'UNSUPPORTED'),
  );
});
