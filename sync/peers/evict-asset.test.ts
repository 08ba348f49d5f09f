import { expect, test } from 'vitest';
import { ACTOR, createTestRandom, TEST_SCHEMA } from '#core/catalog/testing/catalog-world.ts';
import { GranaryError, toUtf8 } from '#core/kernel/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { createPledgeBook } from '#sync/segments/index.ts';
import { readProvedSeals } from '#sync/spaces/index.ts';
import {
  agree,
  CONTEXT,
  type FederationNode,
  idOf,
  invite,
  newNode,
  segmentOf,
} from '#sync/spaces/testing/federation.ts';
import { evictAsset, type EvictDeps } from './evict-asset.ts';

const UNTIL_MS = 30 * 24 * 60 * 60 * 1000;

/** Anna shares rows that Bob has promised to keep; `whileAsked` runs while members are asked to. */
async function shared(whileAsked: (anna: FederationNode) => Promise<unknown> = async () => undefined) {
  const [anna, bob] = [await newNode('anna'), await newNode('bob')];
  await anna.spaces.createSpace('Harvest');
  await invite(anna, bob, 'Harvest', 'write');
  await anna.commit('readings', [1]);
  await anna.spaces.shareAssets('Harvest', ['readings'], 'data', CONTEXT);
  await agree(anna, bob);
  const { store, clock, files } = anna.disk;
  const book = createPledgeBook({ store, clock, self: anna.device });
  const { name } = (await readProvedSeals(store, idOf(1)))[0]!;
  const [until, nonce, signature] = [clock.now() + UNTIL_MS, new Uint8Array(32), new Uint8Array(64)];
  await book.take({ holder: bob.device, asker: anna.device, name, until, nonce, signature });
  const deps: EvictDeps = {
    store,
    catalog: anna.catalog,
    spaces: anna.spaces,
    key: ed25519.keyFromSeed(blake3(toUtf8('anna'))),
    book,
    blake3,
    ed25519,
    clock,
    random: createTestRandom(),
    wait: () => new Promise(() => undefined),
    served: { open: async () => undefined },
    limits: {},
    count: () => undefined,
    transport: {
      async open() {
        await whileAsked(anna);
        throw new GranaryError('PEER_UNREACHABLE', 'The device is away.');
      },
    } as unknown as EvictDeps['transport'],
    removeSegment: async (segment) => void files.delete(segment),
    afterEviction: async () => undefined,
  };
  return { anna, evict: () => evictAsset(deps, 'readings', CONTEXT) };
}

test('rows that another asset was given while members were asked stay', async () => {
  const { anna, evict } = await shared((node) => node.commit('private', [1]));
  expect(await evict()).toMatchObject({ evictedCount: 0, kept: { 'in-use': 1 } });
  expect(anna.disk.files.has(idOf(1))).toBe(true);
  const { id, version } = await anna.catalog.getAsset('readings');
  expect(await anna.catalog.getManifest(id, version)).toEqual([segmentOf(1)]);
});

test('rows that were stored before an eviction and are committed after it are not acknowledged', async () => {
  const { anna, evict } = await shared();
  expect(await evict()).toMatchObject({ evictedCount: 1, kept: {} });
  const late = anna.catalog.commitSegments(
    {
      assetId: '01890a5d-ac96-774b-bcce-b302099a8057' as never,
      create: { name: 'private', assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' },
      parentVersion: 0,
      schema: TEST_SCHEMA,
      added: [segmentOf(1)],
      sources: [],
    },
    { actor: ACTOR },
  );
  await expect(late).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
  expect(await anna.catalog.findAsset('private')).toBeUndefined();
  const { id } = await anna.catalog.getAsset('readings');
  await expect(anna.catalog.confirmSegments(id, [segmentOf(1)])).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
  await anna.commit('private', [1]);
  expect(await anna.rows('private')).toEqual([1]);
});
