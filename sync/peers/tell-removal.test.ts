import { expect, test } from 'vitest';
import { toHex, type AssetId } from '#core/kernel/index.ts';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { admit, newNetwork, openWorldNode } from '#sync/relay/testing/relay-world.ts';
import { createRemovalTeller, REMOVALS_TOLD_MAX } from './tell-removal.ts';

const SPACE = 'Harvest';
const patiently = { timeout: 30_000, interval: 20 };
const by = { actor: ACTOR };

async function openThree() {
  const network = newNetwork();
  const [anna, bert, chris] = [
    await openWorldNode(network, 'anna'),
    await openWorldNode(network, 'bert'),
    await openWorldNode(network, 'chris'),
  ];
  await anna.spaces.createSpace(SPACE);
  await admit(anna, SPACE, bert, 'bert', 'write');
  await admit(anna, SPACE, chris, 'chris', 'write');
  return { network, anna, bert, chris };
}

test('a removed device hears of it from any member, keeps what it has, and learns nothing that came later', async () => {
  const { network, anna, bert, chris } = await openThree();
  const asset = await anna.catalog.createAsset(
    { name: 'weather', assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' },
    by,
  );
  await anna.share(SPACE, asset.id, 'metadata');
  await chris.goOnline([anna, bert]);
  await anna.goOnline([bert, chris]);
  await bert.goOnline([anna, chris]);
  const here = () => chris.catalog.getAsset(asset.id).catch(() => undefined);
  await expect.poll(here, patiently).toBeDefined();
  await chris.goOffline();

  await anna.spaces.revokeAccess(SPACE, toHex(chris.key.publicKey));
  const dora = await openWorldNode(network, 'dora');
  await admit(anna, SPACE, dora, 'dora', 'read');
  await anna.catalog.updateAsset(asset.id, { description: 'not for Chris' }, by);
  await anna.spaces.settle();
  await expect.poll(async () => (await bert.catalog.getAsset(asset.id)).description, patiently).toBe('not for Chris');
  await anna.goOffline();

  await chris.catalog.updateAsset(asset.id, { tags: ['mine'] }, by);
  await chris.goOnline([bert]);
  const summary = async () => (await chris.spaces.listSpaces())[0]!;
  await expect.poll(summary, patiently).toMatchObject({ level: null, removal: { name: 'anna' } });
  expect((await chris.spaces.find(SPACE)).access.members.has(toHex(dora.key.publicKey))).toBe(false);
  expect(chris.spaces.peers().size).toBe(0);

  await chris.catalog.updateAsset(asset.id, { tags: ['mine', 'too'] }, by);
  await chris.spaces.settle();
  expect(await chris.catalog.getAsset(asset.id)).toMatchObject({ description: null, tags: ['mine', 'too'] });
  const { lines } = await chris.spaces.explainSync(asset.id as AssetId);
  expect(lines.join('\n')).toMatch(/This device was removed from the space "Harvest" by "anna" at \d{4}-/);
  expect(lines.join('\n')).toMatch(/Changes made here are not told to others: This device was removed/);
  for (const node of [bert, chris]) await node.goOffline();
});

test('others are told nothing, and a removed device not without end', async () => {
  const { anna, bert, chris } = await openThree();
  await anna.spaces.revokeAccess(SPACE, toHex(chris.key.publicKey));
  const { genesisId } = await anna.spaces.find(SPACE);
  const events: string[] = [];
  let time = 0;
  const clock = { now: () => time, monotonic: () => time };
  const tell = createRemovalTeller({ spaces: anna.spaces, clock, count: (event) => void events.push(event) });
  const ask = async (peer: Uint8Array, frame: Uint8Array) => {
    const sent: Uint8Array[] = [];
    const frames = (async function* () {
      yield frame;
    })();
    const end = { send: async (bytes: Uint8Array) => void sent.push(bytes), close: async () => undefined };
    await tell({ ...end, peer, frames, abort: () => undefined } as never);
    return sent.length;
  };
  expect(await ask(bert.key.publicKey, genesisId)).toBe(0);
  expect(await ask(new Uint8Array(32), genesisId)).toBe(0);
  expect(await ask(chris.key.publicKey, new Uint8Array(32))).toBe(0);
  expect(await ask(chris.key.publicKey, new Uint8Array(31))).toBe(0);
  expect(events.splice(0)).toEqual(['foreign', 'foreign', 'foreign', 'malformed']);
  for (let i = 0; i < REMOVALS_TOLD_MAX; i++) expect(await ask(chris.key.publicKey, genesisId)).toBeGreaterThan(3);
  expect(await ask(chris.key.publicKey, genesisId)).toBe(0);
  expect(events).toEqual([...Array.from({ length: REMOVALS_TOLD_MAX }, () => 'told'), 'too-often']);
  time = 3_600_000;
  expect(await ask(chris.key.publicKey, genesisId)).toBeGreaterThan(3);
});
