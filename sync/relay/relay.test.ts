import { afterEach, describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import { SEGMENTS_SCHEMA, sealedFileBytes } from '#sync/segments/index.ts';
import { plainBytes } from '#sync/segments/testing/fixtures.ts';
import { readAnnounced, readProvedSeals } from '#sync/spaces/index.ts';
import { admit, handOverControl, newNetwork, openWorldNode, type WorldNode } from './testing/relay-world.ts';

const SPACE = 'coop';
const ASSET = 'harvest of the upper orchard';
const patiently = { timeout: 30_000, interval: 50 };

const open: WorldNode[] = [];
afterEach(async () => {
  for (const node of open.splice(0)) await node.goOffline();
});

/** Rows that compress to nothing else and can be told from each other. */
const rows = (label: string, byteCount = 40_000): Uint8Array => {
  const bytes = plainBytes(byteCount);
  bytes.set(toUtf8(label));
  return bytes;
};

async function openFederation(relayBytes = 10 * 2 ** 20) {
  const network = newNetwork();
  const [anna, chris] = [await openWorldNode(network, 'anna'), await openWorldNode(network, 'chris')];
  const relay = await openWorldNode(network, 'relay', { relayBytes });
  open.push(anna, chris, relay);
  await anna.spaces.createSpace(SPACE);
  await admit(anna, SPACE, relay, 'relay', 'pull');
  await admit(anna, SPACE, chris, 'chris', 'write');
  await handOverControl(anna, relay, SPACE);
  return { network, anna, chris, relay };
}

/** Whether all of the asset's rows are on a node. */
async function rowsOf({ catalog }: WorldNode, name = ASSET): Promise<string> {
  const asset = await catalog.findAsset(name);
  if (!asset || asset.version === 0) return 'unknown';
  const segments = await catalog.getManifest(asset.id, asset.version);
  return `${segments.filter(({ remote }) => !remote).length} of ${segments.length}`;
}

describe('a relay between members who are never there together', () => {
  test('hands on operations and rows, and never has anything that it could read', async () => {
    const { anna, chris, relay } = await openFederation();
    await relay.goOnline([anna, chris]);
    await anna.goOnline([relay]);
    const table = [rows('Quince'), rows('Medlar', 70_000), rows('Sloe', 4)];
    await anna.addRows(ASSET, table);
    await anna.share(SPACE, ASSET, 'data');
    await expect.poll(relay.holdings, patiently).toMatchObject({ announcedCount: 3, heldCount: 3 });
    await anna.goOffline();

    await chris.goOnline([relay]);
    await expect.poll(() => rowsOf(chris), patiently).toBe('3 of 3');
    expect([...chris.plain.values()].map(toHex).toSorted()).toEqual(table.map(toHex).toSorted());
    expect(await relay.holdings()).toMatchObject({ operationCount: (await relay.holdings()).operationCount });
    expect(relay.warnings).toEqual([]);

    // And back: what the second one changes reaches the first.
    await chris.addRows(ASSET, [rows('Damson')]);
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 4 });
    await chris.goOffline();
    await anna.goOnline([relay]);
    await expect.poll(() => rowsOf(anna), patiently).toBe('4 of 4');

    const { assets } = await anna.catalog.listAssets();
    const secrets: Uint8Array[] = ['Quince', 'Medlar', 'Damson', ASSET, 'line 00000001', '"fields"'].map(toUtf8);
    for (const segment of anna.plain.keys()) secrets.push((await readProvedSeals(anna.store, segment))[0]!.key);
    for (const key of (await anna.spaces.find(SPACE)).keyring.values()) secrets.push(key);
    secrets.push(...assets.map(({ id }) => toUtf8(id)), ...[...anna.plain.keys()].map((hash) => toUtf8(hash)));
    expect(secrets.length).toBeGreaterThan(15);
    const parts = await everythingOf(relay);
    const isThere = (secret: Uint8Array | string) => parts.some((part) => Buffer.from(part).includes(secret as Buffer));
    expect(secrets.filter(isThere)).toEqual([]);
    expect(secrets.map(toHex).filter(isThere)).toEqual([]);
    expect((await relay.catalog.listAssets()).assets).toEqual([]);
    expect(relay.plain.size).toBe(0);
    expect((await relay.spaces.describeSpace(SPACE)).waiting).toEqual({});
  });

  test('has rows for a member that came too early for them', async () => {
    const { network, anna, chris, relay } = await openFederation();
    const [left, right] = [toHex(anna.key.publicKey), toHex(chris.key.publicKey)];
    network.part((from, to) => !(from === left && to === right) && !(from === right && to === left));
    await relay.goOnline([anna, chris]);
    await chris.goOnline([relay]);
    await anna.goOnline([relay]);
    await anna.addRows(ASSET, [rows('Quince', 900_000)]);
    await anna.share(SPACE, ASSET, 'data');
    await expect.poll(() => rowsOf(chris), patiently).toBe('1 of 1');
  });

  test('goes on where it was stopped', async () => {
    const { anna, chris, relay } = await openFederation();
    await anna.goOnline([relay]);
    await anna.addRows(ASSET, [rows('Quince'), rows('Medlar')]);
    await anna.share(SPACE, ASSET, 'data');
    await relay.goOnline([anna, chris]);
    await expect.poll(relay.holdings, patiently).toMatchObject({ announcedCount: 2 });
    await relay.goOffline();
    await relay.goOnline([anna, chris]);
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 2 });
    await anna.goOffline();
    await relay.goOffline();
    await relay.goOnline([anna, chris]);
    await chris.goOnline([relay]);
    await expect.poll(() => rowsOf(chris), patiently).toBe('2 of 2');
  });
});

describe('what a relay keeps', () => {
  test('is what members get by themselves, and nothing else', async () => {
    const { anna, relay } = await openFederation();
    await relay.goOnline([anna]);
    await anna.goOnline([relay]);
    await anna.addRows('described', [rows('Sloe')]);
    await anna.share(SPACE, 'described', 'metadata');
    await anna.addRows(ASSET, [rows('Quince')]);
    await anna.share(SPACE, ASSET, 'data');
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 1, announcedCount: 1 });
    // Once its rows are for everybody, those that were told before are announced as well.
    await anna.share(SPACE, 'described', 'data');
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 2, announcedCount: 2 });
    expect(await announcementsOf(anna)).toBe(2);
  });

  test('makes room for what is newer, but not of what it has promised', async () => {
    const fileBytes = sealedFileBytes(40_000);
    const { anna, chris, relay } = await openFederation(3 * fileBytes);
    await relay.goOnline([anna, chris]);
    await anna.goOnline([relay]);
    await anna.addRows(ASSET, [rows('first')]);
    await anna.share(SPACE, ASSET, 'data');
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 1 });
    const [first] = await Array.fromAsync(readAnnounced(relay.store, (await relay.holdings()).space as never));
    await relay.book.give(first!.name, anna.key.publicKey, Date.now() + 3_600_000, async () => new Uint8Array(32));
    for (const [i, label] of ['second', 'third', 'fourth', 'fifth'].entries()) {
      await anna.addRows(ASSET, [rows(label)]);
      await expect.poll(() => relay.counts()['kept'], patiently).toBe(i + 2);
    }
    await expect.poll(relay.holdings, patiently).toMatchObject({ announcedCount: 5, heldCount: 3, pledgedCount: 1 });
    expect(await relay.folder.open(first!.name)).toBeDefined();
    expect(relay.counts()).toEqual({ kept: 5, evicted: 2 });
    expect((await relay.holdings()).heldBytes).toBe(3 * fileBytes);
    expect(relay.folder.fileNames()).toHaveLength(3);
  });

  test('goes when the relay is removed from the space', async () => {
    const { anna, relay } = await openFederation();
    await relay.goOnline([anna]);
    await anna.goOnline([relay]);
    await anna.addRows(ASSET, [rows('Quince')]);
    await anna.share(SPACE, ASSET, 'data');
    await expect.poll(relay.holdings, patiently).toMatchObject({ heldCount: 1 });
    await anna.spaces.revokeAccess(SPACE, toHex(relay.key.publicKey));
    await handOverControl(anna, relay, SPACE);
    await relay.goOffline();
    await relay.goOnline([anna]);
    await expect.poll(() => relay.folder.fileNames(), patiently).toEqual([]);
  });
});

/** All that a node has on its disk. */
async function everythingOf({ store, folder }: WorldNode): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = folder.fileNames().flatMap((name) => [toUtf8(name), folder.bytesOf(name)]);
  for await (const [key, value] of store.entries({ gte: '', lt: '~' })) parts.push(toUtf8(key), value);
  return parts;
}

/** Operations that are announcements. */
async function announcementsOf({ spaces, logs }: WorldNode): Promise<number> {
  let count = 0;
  for (const { author, logId } of (await spaces.find(SPACE)).store.logs('data')) {
    for await (const bytes of logs.operationsFrom(author, logId, 0)) {
      if (Buffer.from(bytes).includes(SEGMENTS_SCHEMA)) count += 1;
    }
  }
  return count;
}
