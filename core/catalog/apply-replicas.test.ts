import { expect, test } from 'vitest';
import { GranaryError } from '#core/kernel/index.ts';
import type { AssetReplicaState } from './asset-replica.ts';
import { readVersion } from './read-catalog.ts';
import { assertConsistent } from './testing/assert-consistent.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from './testing/catalog-world.ts';
import {
  operationOf,
  OTHER_SPACE,
  replicaId,
  TEST_SPACE,
  testEdge,
  testReplica,
  testVersion,
} from './testing/replica-states.ts';

const by = { actor: ACTOR };
const taken = { name: 'asset 1', assetType: 'GRAPH', storageFormat: 'WEBM_COLUMNAR' } as const;

function createWorld() {
  const world = createCatalogWorld();
  const { catalog, store, audit } = world;
  const edges: string[] = [];
  const apply = (...states: AssetReplicaState[]) =>
    catalog.applyReplicas(states, { storeEdge: (_, { id }, place) => void edges.push(`${id} ${place}`) });
  const ids = async (number: number, version?: number) => {
    const asset = await catalog.getAsset(replicaId(number));
    const segments = await catalog.getManifest(asset.id, version ?? asset.version);
    return segments.map(({ id }) => Number.parseInt(id, 16));
  };
  const names = () => catalog.assetNames();
  const size = async () => (await Array.fromAsync(store.entries({ gte: '', lt: '~' }))).length;
  return { ...world, apply, ids, names, size, edges, trail: () => audit.listAudit({ limit: 1000 }) };
}

const append = (operation: number, base: number, segments: readonly number[], added: readonly number[]) =>
  testVersion(operation, segments, { base, added });

test('an asset of a space becomes one of the catalog, with its versions, edges and origin', async () => {
  const { catalog, apply, ids, edges, log, trail, store, ...world } = createWorld();
  const state = testReplica(1, {
    fields: { description: 'of the mill', tags: ['b', 'a'], maxErrors: { id: '1' } },
    versions: [testVersion(1, [1, 2]), append(2, 1, [1, 2, 3], [3]), testVersion(3, [3], { base: 2, removed: [1, 2] })],
    edges: [testEdge(replicaId(1), 1), testEdge(replicaId(1), 2), testEdge(replicaId(1), 3, 2)],
  });
  expect(await apply(state)).toEqual([{ assetId: replicaId(1), kind: 'applied', name: 'asset 1', version: 3 }]);
  const asset = await catalog.getAsset('asset 1');
  expect(asset).toMatchObject({
    description: 'of the mill',
    tags: ['a', 'b'],
    maxErrors: { id: '1' },
    version: 3,
    rowCount: 10,
    byteCount: 80,
    segmentCount: 1,
    origin: { ...TEST_SPACE, name: 'asset 1', head: { operationId: operationOf(3), version: 3 } },
    lineage: { sources: ['file 3'], edgeCount: 3 },
  });
  expect(asset.schema.fields.map(({ name }) => name)).toEqual(['id', 'name']);
  expect([await ids(1, 1), await ids(1, 2), await ids(1)]).toEqual([[1, 2], [1, 2, 3], [3]]);
  expect((await catalog.listVersions(asset.id)).map(({ operationId, kind }) => [operationId, kind])).toEqual([
    [operationOf(3), 'replace'],
    [operationOf(2), 'append'],
    [operationOf(1), 'append'],
  ]);
  expect(edges.map((edge) => edge.slice(-3))).toEqual(['1 0', '2 1', '3 0']);
  expect(await catalog.findContent(asset.id, '2')).toMatchObject({ version: 2 });
  expect(await Array.fromAsync(catalog.referencedSegments())).toHaveLength(3);
  expect(await log.bodies()).toEqual([]);
  const [entry, ...others] = await trail();
  expect(others).toEqual([]);
  expect(entry).toMatchObject({
    userId: null,
    purpose: 'DATA_SYNC',
    action: 'WRITE',
    detail: { change: 'replicate', spaceName: 'Millbrook', versions: 3, rowsAdded: 30, edges: 3 },
  });
  await assertConsistent({ ...world, log, store });
});

test('applied twice is applied once', async () => {
  const { apply, size, catalog } = createWorld();
  const states = [
    testReplica(1, { versions: [testVersion(1, [1])], edges: [testEdge(replicaId(1), 1)] }),
    testReplica(2, { fields: { name: 'asset 1' } }),
    testReplica(3, { removed: true }),
    testReplica(4, { fields: { storageFormat: 'EDGE' } }),
  ];
  expect((await apply(...states)).map(({ kind }) => kind)).toEqual(['applied', 'applied', 'unchanged', 'applied']);
  const [before, last] = [await size(), await catalog.lastSequence()];
  expect((await apply(...states.toReversed())).map(({ kind }) => kind)).toEqual(Array(4).fill('unchanged'));
  expect([await size(), await catalog.lastSequence()]).toEqual([before, last]);
});

test('versions go on from what is here, and the one that is here already is known by its rows', async () => {
  const { catalog, apply, store, ...world } = createWorld();
  const { id } = await catalog.createAsset(taken, by);
  const commit = { assetId: id, schema: TEST_SCHEMA, sources: [] };
  await catalog.commitSegments({ ...commit, parentVersion: 0, added: [testSegment(1)] }, by);
  await catalog.commitSegments({ ...commit, parentVersion: 1, added: [testSegment(2)] }, by);
  const state = { ...testReplica(1), assetId: id };
  expect(await apply(state)).toMatchObject([{ kind: 'refused', code: 'FORBIDDEN' }]);
  await catalog.setOrigin(id, TEST_SPACE, by);
  const told = [testVersion(1, [1]), append(2, 1, [1, 2], [2])];
  expect(await apply({ ...state, versions: told })).toMatchObject([{ kind: 'applied', version: 2 }]);
  expect((await catalog.getAsset(id)).origin?.head).toEqual({ operationId: operationOf(2), version: 2 });
  const next = append(3, 2, [1, 2, 3], [3]);
  expect(await apply({ ...state, versions: [next] })).toMatchObject([{ kind: 'applied', version: 3 }]);
  await catalog.commitSegments({ ...commit, parentVersion: 3, added: [testSegment(4)] }, by);
  expect(await apply({ ...state, versions: [append(5, 3, [1, 2, 3, 5], [5])] })).toMatchObject([
    { kind: 'refused', code: 'VERSION_CONFLICT' },
  ]);
  // Another head is shown: what is not of it goes, what is of both stays.
  expect(await apply({ ...state, versions: [testVersion(5, [1, 2, 3, 5])] })).toMatchObject([{ version: 5 }]);
  const record = await readVersion(store, id, 5);
  expect([record!.added.length, record!.removed.length]).toEqual([1, 1]);
  expect((await catalog.getManifest(id, 5)).map(({ remote }) => remote ?? false)).toEqual([false, false, true, true]);
  expect(await apply({ ...state, versions: [testVersion(2, [1, 2])] })).toMatchObject([{ version: 6 }]);
  await assertConsistent({ ...world, store });
});

test('a segment may stand in a version twice, and goes from the place that was meant', async () => {
  const { apply, ids } = createWorld();
  const lists = [[1, 2, 1], [1, 2], [2, 1, 2], [2, 2], [1]];
  for (const [i, list] of lists.entries()) await apply(testReplica(1, { versions: [testVersion(i + 1, list)] }));
  for (const [i, list] of lists.entries()) expect(await ids(1, i + 1)).toEqual(list);
});

test('a name that is taken becomes one with the name of the space, until it is free', async () => {
  const { catalog, apply, names } = createWorld();
  const { id } = await catalog.createAsset(taken, by);
  const wants = (number: number, name = 'asset 1') => testReplica(number, { fields: { name } });
  await apply(wants(1), wants(2), wants(3));
  expect(await names()).toEqual(['asset 1', 'asset 1 (Millbrook)', 'asset 1 (Millbrook) 2', 'asset 1 (Millbrook) 3']);
  // In another order everybody keeps what he has.
  expect((await apply(wants(3), wants(1), wants(2))).map(({ kind }) => kind)).toEqual(Array(3).fill('unchanged'));
  await catalog.removeAsset(id, by);
  expect(await apply(wants(2))).toMatchObject([{ name: 'asset 1' }]);
  expect(await names()).toEqual(['asset 1', 'asset 1 (Millbrook)', 'asset 1 (Millbrook) 3']);
  // Two that change places.
  await apply(wants(7, 'x'), wants(8, 'y'));
  expect(await apply(wants(7, 'y'), wants(8, 'x'))).toMatchObject([{ name: 'y' }, { name: 'x' }]);
  // A name that one gives up and another takes, also when it ends.
  expect(await apply(testReplica(7, { removed: true }), wants(9, 'y'))).toMatchObject([
    { kind: 'removed' },
    { name: 'y' },
  ]);
  const long = 'n'.repeat(255);
  await apply(wants(10, long), wants(11, long));
  expect((await names()).map((name) => name.length).filter((length) => length > 100)).toEqual([255, 255]);
  expect((await catalog.getAsset(replicaId(11))).origin?.name).toBe(long);
});

test('a rename on this node is a wish for the space', async () => {
  const { catalog, apply } = createWorld();
  await catalog.createAsset(taken, by);
  await apply(testReplica(1));
  await catalog.updateAsset(replicaId(1), { description: 'x' }, by);
  expect((await catalog.getAsset(replicaId(1))).origin?.name).toBe('asset 1');
  await catalog.updateAsset(replicaId(1), { name: 'ours' }, by);
  expect((await catalog.getAsset(replicaId(1))).origin?.name).toBe('ours');
});

test('rows go when the space has no version of them any more', async () => {
  const { catalog, apply, ids, store, ...world } = createWorld();
  await apply(testReplica(1, { versions: [testVersion(1, [1, 2])] }));
  const none = { ...testVersion(2, []), operationId: null, sources: [] };
  expect(await apply(testReplica(1, { versions: [none] }))).toMatchObject([{ kind: 'applied', version: 2 }]);
  expect([await ids(1), await ids(1, 1)]).toEqual([[], [1, 2]]);
  const asset = await catalog.getAsset(replicaId(1));
  expect(asset).toMatchObject({ rowCount: 0, origin: { head: { operationId: null, version: 2 } } });
  expect(asset.schema.fields).toHaveLength(TEST_SCHEMA.fields.length);
  expect(await apply(testReplica(1, { versions: [none] }))).toMatchObject([{ kind: 'unchanged' }]);
  expect(await apply(testReplica(1, { versions: [testVersion(3, [2])] }))).toMatchObject([{ version: 3 }]);
  expect(await ids(1)).toEqual([2]);
  // No version has no rows.
  const wrong = { ...testVersion(4, [3]), operationId: null };
  expect(await apply(testReplica(1, { versions: [wrong] }))).toMatchObject([{ code: 'INPUT_INVALID' }]);
  await assertConsistent({ ...world, store });
});

test('a removed asset ends, and comes back when its removal is void', async () => {
  const { catalog, apply, ids, names, store, ...world } = createWorld();
  const state = testReplica(1, { versions: [testVersion(1, [1, 2])], edges: [testEdge(replicaId(1), 1)] });
  await apply(state);
  expect(await apply({ ...state, removed: true })).toMatchObject([{ kind: 'removed' }]);
  expect([await names(), await Array.fromAsync(catalog.referencedSegments())]).toEqual([[], []]);
  await assertConsistent({ ...world, store });
  expect(await apply(state)).toMatchObject([{ kind: 'applied', version: 3 }]);
  expect([await ids(1), await ids(1, 1), await ids(1, 2)]).toEqual([[1, 2], [1, 2], []]);
  expect((await catalog.getAsset(replicaId(1))).lineage.edgeCount).toBe(1);
  await assertConsistent({ ...world, store });
});

test('the rows of an asset that may come back stay, and are known when it does', async () => {
  const { catalog, apply, store, ...world } = createWorld();
  const state = testReplica(1, { versions: [testVersion(1, [1, 2])] });
  await apply(state);
  await catalog.confirmSegments(replicaId(1), [testSegment(1)]);
  const referenced = () => Array.fromAsync(catalog.referencedSegments());
  expect(await apply({ ...state, removed: true, keepsRows: true })).toMatchObject([{ kind: 'removed' }]);
  expect(await catalog.assetNames()).toEqual([]);
  expect(await referenced()).toEqual([1, 2].map((number) => testSegment(number).id));
  await assertConsistent({ ...world, store });
  await apply(state);
  const { version } = await catalog.getAsset(replicaId(1));
  expect((await catalog.getManifest(replicaId(1), version)).map(({ remote }) => remote)).toEqual([undefined, true]);
  // Nothing is left of it when somebody removes it then.
  await apply({ ...state, removed: true });
  expect(await referenced()).toEqual([]);
});

test('a bound that no column can have waits, whether rows come with it or were here before', async () => {
  const { catalog, apply } = createWorld();
  const maxErrors = { name: '0.5', later: '1%' };
  await apply(testReplica(1, { versions: [testVersion(1, [1])] }));
  await apply(testReplica(1, { fields: { maxErrors } }));
  await apply(testReplica(2, { fields: { maxErrors }, versions: [testVersion(1, [1])] }));
  for (const number of [1, 2])
    expect(await catalog.getAsset(replicaId(number))).toMatchObject({ maxErrors, version: 1 });
});

test('what is malformed or not of the space is refused alone', async () => {
  const { apply, names, store, ...world } = createWorld();
  await apply(testReplica(1), testReplica(2));
  const wrong: [string, AssetReplicaState][] = [
    ['FORBIDDEN', testReplica(1, { origin: OTHER_SPACE, removed: true })],
    ['INPUT_INVALID', testReplica(2, { fields: { storageFormat: 'POSTGRESQL' } })],
    ['ASSET_NAME_INVALID', testReplica(10, { fields: { name: 'a\nb' } })],
    ['ASSET_NAME_INVALID', testReplica(11, { origin: { ...TEST_SPACE, spaceName: '' } })],
    ['INPUT_INVALID', testReplica(12, { fields: { tags: ['\0'] } })],
    ['INPUT_INVALID', testReplica(13, { fields: { maxErrors: { id: 'much' } } })],
    ['INPUT_INVALID', testReplica(14, { fields: { storageFormat: 'EDGE' }, versions: [testVersion(1, [1])] })],
    ['INPUT_INVALID', testReplica(15, { versions: [{ ...testVersion(1, [1]), rowCount: 11 }] })],
    [
      'INPUT_INVALID',
      testReplica(16, { versions: [testVersion(1, [1]), testVersion(2, [1], { base: 1, removed: [2] })] }),
    ],
    ['VERSION_CONFLICT', testReplica(17, { versions: [append(2, 1, [1, 2], [2])] })],
    ['INPUT_INVALID', testReplica(18, { versions: [testVersion(1, []), append(3, 2, [1], [1])] })],
    ['INPUT_INVALID', testReplica(19, { versions: [{ ...testVersion(1, [1]), operationId: '../x' }] })],
    [
      'INPUT_INVALID',
      testReplica(20, { versions: [{ ...testVersion(1, [1]), added: [{ ...testSegment(1), id: 'x' }] }] }),
    ],
    ['FORMAT_INVALID', testReplica(21, { versions: [{ ...testVersion(1, []), schema: { fields: 1 } as never }] })],
    ['INPUT_INVALID', testReplica(22, { edges: [testEdge(replicaId(1), 1)] })],
    ['INPUT_INVALID', testReplica(23, { edges: [{ ...testEdge(replicaId(23), 1), from: {} as never }] })],
    ['INPUT_INVALID', { ...testReplica(24), assetId: 'asset' as never }],
    ['INPUT_INVALID', { ...testReplica(25), fields: undefined as never }],
  ];
  const outcomes = await apply(...wrong.map(([, state]) => state), testReplica(30), testReplica(30));
  expect(outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind))).toEqual([
    ...wrong.map(([code]) => code),
    'applied',
    'INPUT_INVALID',
  ]);
  expect(await names()).toEqual(['asset 1', 'asset 2', 'asset 30']);
  await assertConsistent({ ...world, store });
});

test('an asset that was changed here is left alone until the space knows', async () => {
  const { catalog, apply } = createWorld();
  await apply(testReplica(1), testReplica(2));
  const toldUntil = await catalog.lastSequence();
  await catalog.updateAsset(replicaId(1), { description: 'ours' }, by);
  const states = [1, 2].map((number) => testReplica(number, { fields: { description: 'theirs' } }));
  const storeEdge = () => undefined;
  const applied = async (told: number) =>
    (await catalog.applyReplicas(states, { storeEdge, toldUntil: told })).map(({ kind }) => kind);
  expect(await applied(toldUntil)).toEqual(['changed-here', 'applied']);
  // What came from a space is no change of this node.
  expect(await applied(toldUntil)).toEqual(['changed-here', 'unchanged']);
  expect(await applied(await catalog.lastSequence())).toEqual(['applied', 'unchanged']);
});

test('a write that fails leaves nothing, and one that did not answer leaves all', async () => {
  const { apply, names, store, reopen, ...world } = createWorld();
  const states = [1, 2, 3].map((number) => testReplica(number, { versions: [testVersion(1, [number])] }));
  store.failNextWrite('DISK_FULL');
  await expect(apply(...states)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await names()).toEqual([]);
  await apply(...states);
  store.crash();
  expect((await reopen().catalog.listAssets()).totalCount).toBe(3);
  await assertConsistent({ ...world, store, reopen });
});

test('the journal tells changes of this node from those that came', async () => {
  const { catalog, apply } = createWorld();
  let heard = 0;
  const stop = catalog.onCommit(() => (heard += 1));
  catalog.onCommit(() => (heard += 100));
  const { id } = await catalog.createAsset(taken, by);
  await apply(testReplica(2, { versions: [testVersion(1, [1])], edges: [testEdge(replicaId(2), 1)] }));
  await catalog.setOrigin(id, TEST_SPACE, by);
  const changes = await Array.fromAsync(catalog.changesAfter(0));
  expect(changes.map(({ sequence, kind, isReplica }) => `${sequence} ${kind} ${isReplica}`)).toEqual([
    '1 asset-created false',
    '2 version-committed true',
    '3 lineage-recorded true',
    '4 asset-created true',
    '5 asset-changed false',
  ]);
  expect(changes.map(({ assetId }) => assetId)).toEqual([id, ...Array(3).fill(replicaId(2)), id]);
  expect(await Array.fromAsync(catalog.changesAfter(4))).toHaveLength(1);
  expect(await catalog.lastSequence()).toBe(5);
  stop();
  await catalog.setOrigin(id, null, by);
  expect(heard).toBe(403);
  expect((await catalog.getAsset(id)).origin).toBeUndefined();
});

test('the guard is asked about changes of this node alone', async () => {
  const world = createCatalogWorld(undefined, {
    mayChange({ origin }) {
      if (origin) throw new GranaryError('FORBIDDEN', 'This device may only read.');
    },
  });
  const { catalog } = world;
  const apply = (state: AssetReplicaState) => catalog.applyReplicas([state], { storeEdge: () => undefined });
  await apply(testReplica(1));
  const assetId = replicaId(1);
  const forbidden = { code: 'FORBIDDEN' };
  await expect(catalog.updateAsset(assetId, { name: 'x' }, by)).rejects.toMatchObject(forbidden);
  await expect(catalog.removeAsset(assetId, by)).rejects.toMatchObject(forbidden);
  await expect(
    catalog.commitSegments({ assetId, parentVersion: 0, schema: TEST_SCHEMA, added: [], sources: [] }, by),
  ).rejects.toMatchObject(forbidden);
  expect(await apply(testReplica(1, { fields: { description: 'y' } }))).toMatchObject([{ kind: 'applied' }]);
  expect(await apply(testReplica(1, { removed: true }))).toMatchObject([{ kind: 'removed' }]);
});

test('a segment is remote until its file is here, and then has the columns of the file', async () => {
  const { catalog, apply } = createWorld();
  const lies = { ...testSegment(1), columns: [{ min: 900, max: 900, nullCount: 0 }, { nullCount: 0 }] };
  await apply(testReplica(1, { versions: [{ ...testVersion(1, [1]), added: [lies] }] }));
  const assetId = replicaId(1);
  const manifest = async () => (await catalog.getManifest(assetId, 1))[0];
  expect(await manifest()).toEqual({ ...lies, remote: true });
  expect(await catalog.confirmSegments(assetId, [{ ...testSegment(1), rowCount: 9 }, testSegment(2)])).toEqual({
    refused: [testSegment(2).id, testSegment(1).id],
  });
  expect(await manifest()).toMatchObject({ remote: true });
  expect(await catalog.confirmSegments(assetId, [testSegment(1)])).toEqual({ refused: [] });
  expect(await manifest()).toEqual(testSegment(1));
  expect(await Array.fromAsync(catalog.referencedSegments())).toEqual([testSegment(1).id]);
  // Named once more by another version, it is still what its file says.
  const again = { ...testVersion(2, [1, 1], { base: 1 }), added: [lies] };
  await apply(testReplica(1, { versions: [again] }));
  expect(await catalog.getManifest(assetId, 2)).toEqual([testSegment(1), testSegment(1)]);
  expect(await catalog.evictSegment(assetId, testSegment(1).id, async () => undefined)).toBe(true);
  expect((await catalog.getManifest(assetId, 2)).map(({ remote }) => remote)).toEqual([true, true]);
  expect(await catalog.confirmSegments(assetId, [testSegment(1)])).toEqual({ refused: [] });
  expect(await catalog.getManifest(assetId, 2)).toEqual([testSegment(1), testSegment(1)]);
});
