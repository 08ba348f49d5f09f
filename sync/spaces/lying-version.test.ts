import { expect, it } from 'vitest';
import { schemaToJson } from '#core/columnar/index.ts';
import { TEST_SCHEMA } from '#core/catalog/testing/catalog-world.ts';
import { fromHex } from '#core/kernel/index.ts';
import { assetHeads, encodeVersion, projectAsset, VERSION_SCHEMA, type VersionInput } from '#sync/documents/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { readReplica } from './replicas.ts';
import {
  agree,
  CONTEXT,
  type FederationNode,
  invite,
  newNode,
  projectionHash,
  segmentOf,
} from './testing/federation.ts';

/** Signs a version on top of the one that is shown, whatever it says. */
async function sign(node: FederationNode, change: Partial<VersionInput>): Promise<void> {
  const space = await node.spaces.find('team');
  const { id } = await node.catalog.getAsset('sales');
  const replica = (await readReplica({ store: node.disk.store, blake3 }, space.record.space, id))!;
  const { shown } = projectAsset({ blake3, openDocument: openYjsDocument }, replica);
  const version: VersionInput = {
    parents: shown ? [shown] : [],
    base: shown,
    schema: shown ? null : schemaToJson(TEST_SCHEMA),
    kind: 'append',
    createdAt: 1,
    rowCount: 0,
    byteCount: 0,
    added: [],
    removed: [],
    sources: [],
    sealed: [],
    ...change,
  };
  await space.signData(
    encodeVersion(version).map((bytes, i) => ({
      schema: VERSION_SCHEMA,
      subject: id,
      dependencies: i === 0 ? assetHeads(replica).map(fromHex) : [],
      content: { kind: 'record', bytes },
    })),
  );
  await node.spaces.settle();
}

it('a version that is not what it says shows nowhere, whoever was there before, and keeps nobody from going on', async () => {
  const [ada, bob, mallory] = [await newNode('ada'), await newNode('bob'), await newNode('mallory')];
  await ada.spaces.createSpace('team');
  for (const guest of [bob, mallory]) await invite(ada, guest, 'team', 'write');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await ada.commit('sales', [2]);
  await agree(ada, bob, mallory);
  await sign(mallory, { added: [segmentOf(3)], rowCount: 1000, byteCount: 240 });
  await sign(mallory, { added: [segmentOf(4)], rowCount: 1010, byteCount: 320 });
  await agree(ada, bob, mallory);
  const late = await newNode('late');
  await invite(ada, late, 'team', 'write');
  await agree(ada, bob, late);
  for (const node of [ada, bob, late]) expect(await node.rows('sales')).toEqual([1, 2]);

  await late.commit('sales', [5]);
  await bob.update('sales', { description: 'As it was.' });
  await agree(ada, bob, late);
  for (const node of [ada, bob, late]) {
    expect(await node.rows('sales')).toEqual([1, 2, 5]);
    expect(await node.catalog.getAsset('sales')).toMatchObject({ description: 'As it was.' });
    expect([...node.spaces.reports().values()].flatMap(({ refusedAssets }) => [...refusedAssets])).toEqual([]);
  }
  expect(await projectionHash(late, 'team')).toBe(await projectionHash(ada, 'team'));
});

it('one that is the only one shows no rows', async () => {
  const [ada, bob] = [await newNode('ada'), await newNode('bob')];
  await ada.spaces.createSpace('team');
  await invite(ada, bob, 'team', 'write');
  await ada.catalog.createAsset(
    { name: 'sales', assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' },
    { actor: CONTEXT.caller },
  );
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(ada, bob);
  await sign(bob, { added: [segmentOf(1)], rowCount: 11, byteCount: 80 });
  await agree(ada, bob);
  for (const node of [ada, bob]) expect(await node.catalog.getAsset('sales')).toMatchObject({ version: 0 });
  await ada.commit('sales', [2]);
  await agree(ada, bob);
  for (const node of [ada, bob]) expect(await node.rows('sales')).toEqual([2]);
});
