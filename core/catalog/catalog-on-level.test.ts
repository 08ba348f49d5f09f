import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLevelStore } from '#core/platform/index.ts';
import { assertConsistent } from './testing/assert-consistent.ts';
import { ACTOR, createCatalogWorld, TEST_SCHEMA, testSegment } from './testing/catalog-world.ts';

const by = { actor: ACTOR };
const NAMES = ['plain', "it's", 'a/b', '表', '👩‍🌾', '~', '\uffff', '%2F', 'asset/1'];

/** One asset with more versions than a checkpoint needs; each commit waits for the disk. */
const versionsOf = (name: string) => (name === '表' ? 80 : 2);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'granary-catalog-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('on LevelDB a catalog is after a restart what it was before', async () => {
  const level = await openLevelStore(directory);
  const { catalog, audit } = createCatalogWorld(level);
  for (const name of NAMES) {
    const { id } = await catalog.createAsset({ name, assetType: 'GRAPH', storageFormat: 'EDGE', tags: [name] }, by);
    const quarantine = catalog.openQuarantine();
    await quarantine.add({ source: name, record: 1, reason: 'bad', raw: '\0' });
    for (let version = 1; version <= versionsOf(name); version++) {
      await catalog.commitSegments(
        {
          assetId: id,
          parentVersion: version - 1,
          schema: TEST_SCHEMA,
          added: [testSegment(version)],
          sources: [{ name, kind: 'file', contentHash: `${version}`, rowCount: 10 }],
          quarantine: version === 1 ? quarantine : undefined,
        },
        by,
      );
    }
  }
  await catalog.removeAsset((await catalog.getAsset('plain')).id, by);
  const before = await catalog.listAssets();
  const trail = await audit.listAudit({ limit: 1000 });
  await level.close();

  const again = await openLevelStore(directory);
  try {
    const world = createCatalogWorld(again);
    const after = await world.catalog.listAssets();
    expect(JSON.stringify(after)).toBe(JSON.stringify(before));
    expect(after.assets.map(({ name }) => name)).toEqual(NAMES.filter((name) => name !== 'plain').sort());
    expect(await world.audit.listAudit({ limit: 1000 })).toEqual(trail);
    for (const { id, name } of after.assets) {
      expect((await world.catalog.findAsset(name))!.id).toBe(id);
      expect(await world.catalog.getManifest(id, versionsOf(name))).toHaveLength(versionsOf(name));
      expect((await world.catalog.listQuarantined(id, { limit: 10 })).rows).toHaveLength(1);
    }
    expect(await Array.fromAsync(world.catalog.referencedSegments())).toHaveLength(80);
    await assertConsistent({ ...world, store: again });
  } finally {
    await again.close();
  }
});
