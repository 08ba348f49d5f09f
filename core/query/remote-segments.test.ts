import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEdgeRowStore } from '#core/catalog/adapters/edge-row-store.ts';
import { createWebmRowStore } from '#core/catalog/adapters/webm-row-store.ts';
import { type AssetReplicaState, catalogOperations, type SegmentRef } from '#core/catalog/index.ts';
import { ACTOR, createCatalogWorld } from '#core/catalog/testing/catalog-world.ts';
import { operationOf, replicaId, testReplica } from '#core/catalog/testing/replica-states.ts';
import { targetOf, write } from '#core/catalog/testing/row-store-contract.ts';
import { sampleRows } from '#core/catalog/testing/table-rows.ts';
import { createInlineRowGroupEncoder, schemaToJson } from '#core/columnar/index.ts';
import type { OperationContext } from '#core/kernel/index.ts';
import { createNodeFileSystem } from '#core/platform/index.ts';
import { createDuckdbEngine, type DuckdbEngine } from './adapters/duckdb-engine.ts';
import { queryOperations } from './operations.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const folder = temporaryFolder();
const segmentFolder = temporaryFolder();
let engine: DuckdbEngine;
beforeAll(() => {
  const cache = { cacheByteCountMax: 2 ** 26, memoryByteCountMax: 2 ** 28, threadCount: 2 };
  engine = createDuckdbEngine({ temporaryFolder: folder.path, ...cache });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  folder.remove();
  segmentFolder.remove();
});

/** The operations of a node on which 40 rows have been written; the catalog does not know of them. */
async function createWorld() {
  const world = createCatalogWorld();
  const { catalog, audit: auditLog, store } = world;
  const encoder = createInlineRowGroupEncoder();
  const webm = createWebmRowStore({ files: createNodeFileSystem(), folder: segmentFolder.path, encoder });
  const stores = { WEBM_COLUMNAR: webm, EDGE: createEdgeRowStore({ ...world, store }), POSTGRESQL: webm } as const;
  const none = async function* () {};
  const operations = [
    ...queryOperations({
      engine,
      auditLog,
      catalog,
      stores,
      segmentPath: webm.path,
      writeParquet: none,
      writeWebm: none,
    }),
    ...catalogOperations({ catalog, stores, afterRemoval: async () => undefined }),
  ];
  const call = async (name: string, input: object): Promise<{ output: unknown; text: string }> => {
    const { handler, input: schema } = operations.find((operation) => operation.name === name)!;
    let text = '';
    const context: OperationContext = {
      caller: { ...ACTOR, permissions: new Set(['read']) },
      signal: new AbortController().signal,
      report: () => undefined,
      files: none(),
      write: async (chunk) => void (text += Buffer.from(chunk).toString()),
    };
    return { output: await handler(schema.parse(input), context), text };
  };
  const { schema, batches } = sampleRows(40);
  const [segment] = await write(webm, targetOf(schema), batches);
  const apply = (segments: readonly SegmentRef[], operation = 1) => {
    const state: AssetReplicaState = testReplica(1, {
      fields: { name: 'mill' },
      versions: [
        {
          operationId: operationOf(operation),
          base: null,
          added: segments,
          removed: [],
          rowCount: segments.reduce((sum, { rowCount }) => sum + rowCount, 0),
          byteCount: segments.reduce((sum, { byteCount }) => sum + byteCount, 0),
          schema: schemaToJson(schema),
          createdAt: 1,
          sources: [],
        },
      ],
    });
    return catalog.applyReplicas([state], { storeEdge: () => undefined });
  };
  const rows = async (sql: string) => JSON.parse((await call('query', { sql, format: 'json' })).text) as unknown;
  return { catalog, call, rows, apply, segment: segment! };
}

test('rows that have not come are said to be missing before the first one leaves, and are no fault', async () => {
  const { catalog, call, rows, apply, segment } = await createWorld();
  const absent = { ...segment, id: 'f'.repeat(64) };
  await apply([segment, absent]);
  await catalog.confirmSegments(replicaId(1), [segment]);
  const missing = {
    code: 'SEGMENT_MISSING',
    message: '1 of the 2 segments of the asset "mill" are not on this node yet: granary fetch "mill"',
  };
  for (const sql of ['SELECT id FROM mill WHERE id = 3', 'SELECT count(*) AS n FROM mill']) {
    await expect(rows(sql)).rejects.toMatchObject(missing);
  }
  await expect(call('exportAsset', { name: 'mill', format: 'csv' })).rejects.toMatchObject(missing);
  expect((await call('verifyAssets', {})).output).toEqual({
    assetCount: 1,
    segmentCount: 1,
    remoteCount: 1,
    faults: [],
  });
  await apply([segment], 2);
  expect(await rows('SELECT count(*) AS n FROM mill')).toEqual([{ n: 40 }]);
});

test('what another node says of columns decides nothing once the file is here', async () => {
  const { catalog, rows, apply, segment } = await createWorld();
  const lies = segment.columns.map(() => ({ min: 1_000_000, max: 1_000_000, nullCount: 0 }));
  await apply([{ ...segment, columns: lies }]);
  await expect(rows('SELECT count(*) AS n FROM mill WHERE id < 10')).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
  expect(await catalog.confirmSegments(replicaId(1), [segment])).toEqual({ refused: [] });
  expect(await rows('SELECT count(*) AS n FROM mill WHERE id < 10')).toEqual([{ n: 10 }]);
  expect(await rows('SELECT count(*) AS n FROM mill WHERE name IS NULL')).toEqual([{ n: 6 }]);
});

test('rows that are not as many as their version says stay out of reach', async () => {
  const { catalog, rows, apply, segment } = await createWorld();
  await apply([{ ...segment, rowCount: 41 }]);
  expect(await catalog.confirmSegments(replicaId(1), [segment])).toEqual({ refused: [segment.id] });
  await expect(rows('SELECT count(*) AS n FROM mill')).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
});
