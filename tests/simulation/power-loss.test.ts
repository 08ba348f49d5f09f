import { Field, Int32, RecordBatch, Schema, Struct, makeData } from 'apache-arrow';
import { expect, test } from 'vitest';
import { createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createEdgeRowStore } from '#core/catalog/adapters/edge-row-store.ts';
import { createWebmRowStore } from '#core/catalog/adapters/webm-row-store.ts';
import { createCatalog, type SegmentRef, type StorageFormat } from '#core/catalog/index.ts';
import { ACTOR, createTestClock, createTestRandom } from '#core/catalog/testing/catalog-world.ts';
import { createInlineRowGroupEncoder } from '#core/columnar/index.ts';
import { type AssetId, isGranaryError, uuidv7 } from '#core/kernel/index.ts';
import { createMemoryFileSystem, type MemoryFileSystem } from '#core/platform/testing/memory-file-system.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { createLocalLog } from '#sync/log/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';

const SEEDS = 60;
const COMMITS = 8;
const ROWS = 40;
const SCHEMA = new Schema([new Field('commit', new Int32(), false), new Field('row', new Int32(), false)]);
const FORMATS: readonly StorageFormat[] = ['WEBM_COLUMNAR', 'EDGE'];

/** The rows of one commit; all of them carry its number. */
function rowsOf(commit: number): RecordBatch {
  const children = [
    Int32Array.from({ length: ROWS }, () => commit),
    Int32Array.from({ length: ROWS }, (_, row) => row),
  ].map((data) => makeData({ type: new Int32(), length: ROWS, nullCount: 0, data }));
  return new RecordBatch(SCHEMA, makeData({ type: new Struct(SCHEMA.fields), length: ROWS, nullCount: 0, children }));
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Everything of a node that holds truth, on a disk and a store that lose what was not synced. */
async function openWorld(files: MemoryFileSystem, store: MemoryStore, seed: number) {
  const clock = createTestClock();
  const random = createTestRandom(seed);
  const blake3 = await createWasmBlake3();
  const ed25519 = createNodeEd25519();
  const key = ed25519.keyFromSeed(new Uint8Array(32).fill(7));
  const log = createLocalLog({ store, key, clock, random, blake3, ed25519 });
  const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const catalog = createCatalog({ store, log, audit, clock, random });
  const webm = createWebmRowStore({ files, folder: '/segments', encoder: createInlineRowGroupEncoder() });
  const stores = { WEBM_COLUMNAR: webm, EDGE: createEdgeRowStore({ store, clock, random }) } as const;
  const makeId = () => uuidv7<AssetId>({ clock, random });
  return { log, audit, catalog, stores, makeId };
}

type World = Awaited<ReturnType<typeof openWorld>>;

async function commitRows(
  { catalog, stores, makeId }: World,
  format: 'WEBM_COLUMNAR' | 'EDGE',
  commit: number,
): Promise<void> {
  const name = `rows in ${format}`;
  const asset = await catalog.findAsset(name);
  const assetId = asset?.id ?? makeId();
  const added: SegmentRef[] = [];
  const target = { assetId, assetName: name, schema: SCHEMA };
  for await (const segment of stores[format].write(target, once(rowsOf(commit)))) added.push(segment);
  const create = asset ? undefined : ({ name, assetType: 'STRUCTURED', storageFormat: format } as const);
  const parentVersion = asset?.version ?? 0;
  await catalog.commitSegments(
    { assetId, create, parentVersion, schema: SCHEMA, added, sources: [] },
    { actor: ACTOR },
  );
}

/** The commits whose rows are there, in order; fails when one is there in part or twice. */
async function commitsOf(
  { catalog, stores }: World,
  format: 'WEBM_COLUMNAR' | 'EDGE',
  context: string,
): Promise<number[]> {
  const asset = await catalog.findAsset(`rows in ${format}`);
  if (!asset) return [];
  const segments = await catalog.getManifest(asset.id, asset.version);
  const target = { assetId: asset.id, assetName: asset.name, schema: asset.schema };
  expect(await Array.fromAsync(stores[format].verify(target, segments)), context).toEqual([]);
  const counts = new Map<number, number>();
  const request = { columns: ['commit', 'row'], filters: [] };
  for await (const batch of stores[format].scan(target, segments, request)) {
    for (const commit of batch.getChild('commit')!)
      counts.set(commit as number, (counts.get(commit as number) ?? 0) + 1);
  }
  expect(
    [...counts.values()].every((count) => count === ROWS),
    context,
  ).toBe(true);
  return [...counts.keys()];
}

test.each(['lost', 'kept', 'torn'] as const)(
  'power cuts leave whole commits and nothing else (unsynced bytes %s)',
  async (unsynced) => {
    let cuts = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = createTestRandom(seed);
      const below = (limit: number) => (random.bytes(1)[0]! * 256 + random.bytes(1)[0]!) % limit;
      const files = createMemoryFileSystem();
      const store = openMemoryStore();
      const acknowledged: Record<string, number[]> = { WEBM_COLUMNAR: [], EDGE: [] };
      const context = `seed ${seed}, ${unsynced}`;
      for (let commit = 0; commit < COMMITS; commit++) {
        const world = await openWorld(files, store, seed * 1000 + commit);
        const format = FORMATS[below(2)] as 'WEBM_COLUMNAR' | 'EDGE';
        if (below(3) === 0) files.cutPowerAfter(below(8));
        if (below(6) === 0) store.failNextWrite('IO_FAILED');
        try {
          await commitRows(world, format, commit);
          acknowledged[format]!.push(commit);
        } catch (error) {
          expect(isGranaryError(error), context).toBe(true);
          cuts += 1;
        }
        files.crash({ unsynced });
        store.crash();
        store.reopen();

        const after = await openWorld(files, store, seed * 1000 + commit + 500);
        for (const each of FORMATS as readonly ('WEBM_COLUMNAR' | 'EDGE')[]) {
          expect(await commitsOf(after, each, context), context).toEqual(acknowledged[each]);
        }
        const referenced = new Set(await Array.fromAsync(after.catalog.referencedSegments()));
        for (const each of Object.values(after.stores)) await each.removeUnreferenced((id) => referenced.has(id));
        for (const each of FORMATS as readonly ('WEBM_COLUMNAR' | 'EDGE')[]) {
          expect(await commitsOf(after, each, `${context}, cleaned`), context).toEqual(acknowledged[each]);
        }
        expect((await after.log.verifyAll()).fault, context).toBeUndefined();
        expect((await after.audit.verifyAudit()).fault, context).toBeUndefined();
      }
    }
    // A simulation in which nothing fails proves nothing.
    expect(cuts).toBeGreaterThan(SEEDS);
  },
);
