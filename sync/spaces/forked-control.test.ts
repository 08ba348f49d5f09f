import { expect, test } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { toHex } from '#core/kernel/index.ts';
import {
  admit,
  context,
  copyHome,
  emptyHome,
  meet,
  meetAll,
  type MemoryNode,
  openMemoryNode,
} from './testing/memory-node.ts';

const by = { actor: ACTOR };
const SPACE = 'Harvest';
const open = (name: string) => openMemoryNode(emptyHome(name));
const describe = (node: MemoryNode) => node.spaces.describeSpace(SPACE);
const accessOf = async (node: MemoryNode) => (await node.spaces.find(SPACE)).access;

async function expectAgreement(nodes: readonly MemoryNode[]): Promise<void> {
  const states = await Promise.all(
    nodes.map(async (node) => {
      const { view } = await node.spaces.find(SPACE);
      const { projectionHash, waiting } = await describe(node);
      return { root: toHex(view.root), projectionHash, waiting };
    }),
  );
  for (const state of states) expect(state).toEqual({ ...states[0], waiting: {} });
}

test('what was written under rights and keys behind the fork of a control log comes through', async () => {
  const [anna, bert, cleo, dora] = [await open('anna'), await open('bert'), await open('cleo'), await open('dora')];
  await anna.spaces.createSpace(SPACE);
  const { id } = await anna.createAsset('weather');
  await anna.spaces.shareAssets(SPACE, ['weather'], 'metadata', context);
  await admit(anna, SPACE, bert, 'manage');
  await meetAll(anna, bert);
  await bert.spaces.grantAccess(SPACE, 'bert', 'manage');
  const backup = await copyHome(bert.home);

  // Bert lets Cleo in, and whoever hears of it writes as one who has.
  await admit(bert, SPACE, cleo, 'write');
  await meetAll(anna, bert, cleo);
  await cleo.catalog.updateAsset(id, { tags: ['cleo'] }, by);
  await meetAll(anna, bert, cleo);
  await anna.catalog.updateAsset(id, { description: 'rain' }, by);
  await anna.appendRows(id, 1);
  await anna.spaces.settle();

  // Bert's home is restored, and he lets Dora in instead.
  const again = await openMemoryNode(backup);
  await admit(again, SPACE, dora, 'write');
  await meetAll(again, dora);
  await dora.createAsset('rivers');
  await dora.spaces.shareAssets(SPACE, ['rivers'], 'metadata', context);
  await meetAll(anna, again);

  // The device that let Dora in does so again; the one that let Cleo in knows nothing of it any more.
  expect((await accessOf(anna)).levelNow(dora.device)).toBe('write');
  expect((await accessOf(anna)).admitted.has(toHex(cleo.device))).toBe(false);
  await admit(anna, SPACE, cleo, 'write');
  const eve = await open('eve');
  await admit(anna, SPACE, eve, 'read');
  const all = [anna, again, cleo, dora, eve];
  await meetAll(...all);
  await expectAgreement(all);
  for (const node of all) {
    expect(await node.catalog.getAsset(id)).toMatchObject({ description: 'rain', tags: ['cleo'] });
    expect(await node.segmentNumbers(id)).toEqual([1]);
    expect(await node.catalog.getAsset('rivers')).toBeDefined();
  }

  // Work goes on, and nothing is told twice.
  const { operationCount } = await describe(anna);
  await meetAll(...(await Promise.all(all.map(({ home }) => openMemoryNode(home)))));
  expect((await describe(anna)).operationCount).toBe(operationCount);
  await cleo.catalog.updateAsset(id, { tags: ['later'] }, by);
  await meetAll(...all);
  await expectAgreement(all);
  expect((await eve.catalog.getAsset(id)).tags).toEqual(['later']);
});

test('a device that is let in again by a manager who had forgotten it is a member for all, and what it wrote is there', async () => {
  const [anna, bert, cleo] = [await open('anna'), await open('bert'), await open('cleo')];
  await anna.spaces.createSpace(SPACE);
  await admit(anna, SPACE, bert, 'write');
  const { id } = await anna.createAsset('weather');
  await anna.spaces.shareAssets(SPACE, ['weather'], 'metadata', context);
  await meetAll(anna, bert);
  const backup = await copyHome(anna.home);
  await admit(anna, SPACE, cleo, 'write');
  await meet(anna, cleo);
  await cleo.catalog.updateAsset(id, { tags: ['cleo'] }, by);
  await cleo.spaces.settle();

  // Anna's home is restored before anybody else heard of Cleo. The grant that she signs now contradicts the one that Cleo has.
  const again = await openMemoryNode(backup);
  await meetAll(again, bert, cleo);
  expect((await accessOf(bert)).admitted.has(toHex(cleo.device))).toBe(false);
  await admit(again, SPACE, cleo, 'write');
  expect((await accessOf(cleo)).levelNow(cleo.device)).toBeNull();
  await meetAll(again, bert, cleo);
  for (const node of [again, bert, cleo]) {
    expect((await accessOf(node)).levelNow(cleo.device)).toBe('write');
    expect((await node.catalog.getAsset(id)).tags).toEqual(['cleo']);
  }
  await expectAgreement([again, bert, cleo]);
});

test('a removal that built on what a fork took away is signed again', async () => {
  const [anna, bert, cleo, dora] = [await open('anna'), await open('bert'), await open('cleo'), await open('dora')];
  await anna.spaces.createSpace(SPACE);
  for (const node of [bert, cleo]) await admit(anna, SPACE, node, 'manage');
  await admit(anna, SPACE, dora, 'write');
  await meetAll(anna, bert, cleo, dora);
  await bert.spaces.grantAccess(SPACE, 'bert', 'manage');
  const backup = await copyHome(bert.home);
  const eve = await open('eve');
  await admit(bert, SPACE, eve, 'read');
  await meetAll(anna, bert, cleo);
  await cleo.spaces.revokeAccess(SPACE, 'dora');
  const again = await openMemoryNode(backup);
  await again.spaces.grantAccess(SPACE, 'cleo', 'manage');
  await meetAll(anna, cleo, again);
  for (const node of [anna, cleo, again]) {
    expect((await accessOf(node)).levelNow(dora.device)).toBeNull();
    expect((await accessOf(node)).waiting.size).toBeGreaterThan(0);
  }
  await expectAgreement([anna, cleo, again]);
});
