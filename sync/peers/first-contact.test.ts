import { expect, test } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { createManualTime } from '#sync/segments/testing/federation.ts';
import {
  admit,
  context,
  copyHome,
  emptyHome,
  meet,
  meetAll,
  type MemoryHome,
  openMemoryNode,
} from '#sync/spaces/testing/memory-node.ts';
import { createFirstContact, FIRST_CONTACT_MS_MAX } from './first-contact.ts';

const by = { actor: ACTOR };
const running = () => ({ signal: new AbortController().signal });

/** A node whose outbox is held as it is after a start. */
async function start(home: MemoryHome) {
  const time = createManualTime();
  const contact = createFirstContact(time);
  const node = await openMemoryNode(home, { deps: { hold: contact } });
  await node.spaces.opened();
  contact.begin(node.spaces.peers().size > 0, running());
  return { node, time, contact };
}

async function share() {
  const anna = await openMemoryNode(emptyHome('anna'));
  const bert = await openMemoryNode(emptyHome('bert'));
  await anna.spaces.createSpace('Harvest');
  const { id } = await anna.createAsset('weather');
  await anna.spaces.shareAssets('Harvest', ['weather'], 'data', context);
  await admit(anna, 'Harvest', bert, 'write');
  await meetAll(anna, bert);
  return { anna, bert, id };
}

test('a restored home goes on behind what it had signed before, and does not fork', async () => {
  const { anna, bert, id } = await share();
  const backup = await copyHome(anna.home);
  await anna.catalog.updateAsset(id, { tags: ['before'] }, by);
  await meetAll(anna, bert);

  const { node, contact } = await start(backup);
  await node.catalog.updateAsset(id, { description: 'since' }, by);
  const before = await node.spaces.describeSpace('Harvest');
  await node.spaces.settle();
  expect((await node.spaces.describeSpace('Harvest')).operationCount).toBe(before.operationCount);
  const report = await meet(node, bert);
  expect((await node.catalog.getAsset(id)).description).toBe('since');
  contact.met(report);
  await node.spaces.settle();
  await meetAll(node, bert);
  for (const each of [node, bert]) {
    expect(await each.spaces.listForks('Harvest')).toEqual([]);
    expect(await each.catalog.getAsset(id)).toMatchObject({ tags: ['before'], description: 'since' });
  }
});

test('a session that brought no space together ends no wait', async () => {
  const { anna, bert } = await share();
  const { node, contact } = await start(anna.home);
  const report = await meet(node, bert);
  for (const nothing of [
    { ...report, spaces: [] },
    { ...report, spaces: report.spaces.map((space) => ({ ...space, equal: false })) },
    { ...report, end: 'interrupted' as const },
  ]) {
    contact.met(nothing);
    expect(contact.isHeld).toBe(true);
  }
  contact.met(report);
  expect(contact.isHeld).toBe(false);
});

test('the time ends the wait when nobody can be reached, and who has no peers does not wait', async () => {
  const { anna, id } = await share();
  const { node, time, contact } = await start(anna.home);
  expect(contact.isHeld).toBe(true);
  let isReleased = false;
  void contact.whenReleased().then(() => (isReleased = true));
  await time.pass(FIRST_CONTACT_MS_MAX - 1);
  expect([contact.isHeld, isReleased]).toEqual([true, false]);
  await time.pass(1);
  expect([contact.isHeld, isReleased]).toEqual([false, true]);
  const count = async () => (await node.spaces.describeSpace('Harvest')).operationCount;
  const before = await count();
  await node.catalog.updateAsset(id, { tags: ['late'] }, by);
  expect(await count()).toBeGreaterThan(before);

  const alone = await start(emptyHome('carla'));
  expect(alone.contact.isHeld).toBe(false);
  await alone.contact.whenReleased();
});

test('who waits to let somebody in hears that the node stops, and nothing is signed any more', async () => {
  const { anna } = await share();
  const time = createManualTime();
  const contact = createFirstContact(time);
  const node = await openMemoryNode(anna.home, { deps: { hold: contact } });
  const stopping = new AbortController();
  contact.begin(true, stopping);
  const waiting = node.spaces.revokeAccess('Harvest', 'bert').catch((error: Error) => error);
  await node.spaces.settle();
  stopping.abort(new Error('The node is stopping.'));
  expect(await waiting).toBeInstanceOf(Error);
  expect(contact.isHeld).toBe(true);
  expect((await node.spaces.listMembers('Harvest')).map(({ level }) => level)).toEqual(['manage', 'write']);
});
