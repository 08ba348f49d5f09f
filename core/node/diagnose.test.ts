import { expect, test } from 'vitest';
import { ACTOR, createCatalogWorld, testSegment } from '#core/catalog/testing/catalog-world.ts';
import { replicaId, testReplica, testVersion } from '#core/catalog/testing/replica-states.ts';
import type { OperationContext } from '#core/kernel/index.ts';
import { type DiagnoseDeps, diagnose } from './diagnose.ts';

test('the doctor counts what has not come of assets of spaces, and finds no fault in it', async () => {
  const { catalog, audit: auditLog } = createCatalogWorld();
  const log = { verifyAll: async () => ({ operationCount: 0, fault: undefined }) };
  const database = { engine: 'pglite', query: async () => [{ version: 'PostgreSQL 17.5 on wasm' }] };
  const deps = {
    home: '/',
    fingerprint: 'key',
    catalog,
    auditLog,
    log,
    database,
    diagnoseSync: async () => [],
  } as unknown as DiagnoseDeps;
  const context = { caller: ACTOR, report: () => undefined, signal: new AbortController().signal };
  const ofSpaces = async () => {
    const { checks } = await diagnose(deps, { rebuildCatalog: false }, context as unknown as OperationContext);
    return checks.filter(({ subject }) => subject === 'assets of spaces');
  };
  await catalog.createAsset({ name: 'own', assetType: 'GRAPH', storageFormat: 'EDGE' }, { actor: ACTOR });
  expect(await ofSpaces()).toEqual([]);
  const states = [testReplica(1, { versions: [testVersion(1, [1, 2, 3])] }), testReplica(2)];
  await catalog.applyReplicas(states, { storeEdge: () => undefined });
  await catalog.confirmSegments(replicaId(1), [testSegment(2)]);
  expect(await ofSpaces()).toEqual([
    { subject: 'assets of spaces', state: 'ok', text: '2; 2 of 3 segments not fetched' },
  ]);
});
