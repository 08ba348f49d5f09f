import { afterEach, expect, test } from 'vitest';
import { toUtf8, type Wait } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { admit, handOverControl, newNetwork, openWorldNode, type WorldNode } from '#sync/relay/testing/relay-world.ts';
import { decodeAnswer, encodeSegmentFrame, SEGMENT_FRAME_BYTES_MAX } from '#sync/segments/frames.ts';
import { recordSegment, type SealedName, type SealedSegment } from '#sync/segments/index.ts';
import { blake3, cipher, createHasher, plainBytes, sourceOf } from '#sync/segments/testing/fixtures.ts';
import { createMemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';
import { putProved, readProvedSeals } from '#sync/spaces/index.ts';
import { realRandom as random } from '#sync/transport/testing/fixtures.ts';
import { SEGMENTS_PROTOCOL, WATCH_MS } from './segment-exchange.ts';

const SPACE = 'coop';
const patiently = { timeout: 30_000, interval: 50 };

const open: WorldNode[] = [];
afterEach(async () => {
  for (const node of open.splice(0)) await node.goOffline();
  waits.length = 0;
});

/** For how long something was waited, each time. Milliseconds. */
const waits: number[] = [];
const waitAndTell: Wait = (milliseconds, options) => {
  waits.push(milliseconds);
  return systemWait(milliseconds, options);
};

const rows = (label: string, byteCount = 40_000): Uint8Array => {
  const bytes = plainBytes(byteCount);
  bytes.set(toUtf8(label));
  return bytes;
};

/** Members of a space that the first of them founded; they have not met. */
async function openMembers<Name extends string>(...names: readonly Name[]) {
  const network = newNetwork();
  const nodes = {} as Record<Name, WorldNode>;
  for (const name of names) open.push((nodes[name] = await openWorldNode(network, name, { wait: waitAndTell })));
  const [founder, ...others] = names.map((name) => nodes[name]);
  await founder!.spaces.createSpace(SPACE);
  for (const [i, other] of others.entries()) await admit(founder!, SPACE, other, names[i + 1]!, 'write');
  for (const other of others) await handOverControl(founder!, other, SPACE);
  return nodes;
}

async function hashOf(bytes: Uint8Array) {
  const hasher = await createHasher();
  hasher.update(bytes);
  return hasher.digest();
}

const sealOf = async (node: WorldNode, bytes: Uint8Array): Promise<SealedSegment> =>
  (await readProvedSeals(node.store, await hashOf(bytes)))[0]!;

/** A node that tells a segment under this seal, whatever it is. */
const claim = (node: WorldNode, seal: SealedSegment) => node.store.write(putProved(new Commit(), seal), { sync: true });

async function rowsOf({ catalog }: WorldNode, name: string): Promise<string> {
  const asset = await catalog.findAsset(name);
  if (!asset || asset.version === 0) return 'unknown';
  const segments = await catalog.getManifest(asset.id, asset.version);
  return `${segments.filter(({ remote }) => !remote).length} of ${segments.length}`;
}

/** What a node answers to the first question for a sealed segment. */
async function askFor(line: Awaited<ReturnType<WorldNode['goOnline']>>, other: WorldNode, name: SealedName) {
  const { signal } = new AbortController();
  const device = other.key.publicKey;
  const stream = await line.transport.open(device, SEGMENTS_PROTOCOL, {
    signal,
    maxFrameBytes: SEGMENT_FRAME_BYTES_MAX,
  });
  await stream.send(encodeSegmentFrame({ kind: 'get-root', request: 1, name }));
  for await (const frame of stream.frames) {
    stream.abort();
    return decodeAnswer(frame).kind;
  }
  return 'nothing';
}

test('a writer that claims the names and the segments of another one hides no rows', async () => {
  const { anna, mallory, walter } = await openMembers('anna', 'mallory', 'walter');
  const [first, second, own] = [rows('Quince'), rows('Medlar'), rows('Sloe')];
  await anna.addRows('honest', [first, second]);
  await anna.share(SPACE, 'honest', 'data');
  await anna.goOnline([mallory]);
  await mallory.goOnline([anna]);
  await expect.poll(() => rowsOf(mallory, 'honest'), patiently).toBe('2 of 2');
  await mallory.goOffline();
  await anna.goOffline();

  const { name } = await sealOf(anna, first);
  const key = new Uint8Array(32);
  await claim(mallory, { name, key, hash: await hashOf(own), byteCount: own.length });
  const nothing = '00'.repeat(32) as SealedName;
  await claim(mallory, { name: nothing, key, hash: await hashOf(second), byteCount: second.length });
  await mallory.addRows('bait', [own, second]);
  await mallory.share(SPACE, 'bait', 'data');
  // What she says is all that Walter hears at first.
  await mallory.goOnline([walter]);
  await walter.goOnline([mallory]);
  await expect.poll(() => rowsOf(walter, 'bait'), patiently).toMatch(/of 2/);
  await mallory.goOffline();
  await walter.goOffline();

  await anna.goOnline([walter]);
  await walter.goOnline([anna]);
  await expect.poll(() => rowsOf(walter, 'honest'), patiently).toBe('2 of 2');
  expect(walter.plain.get(await hashOf(first))).toEqual(first);
  expect(await sealOf(anna, first)).toMatchObject({ name });
});

test('that a guessed file is here, for an asset of no space, cannot be found out', async () => {
  const { victor, mallory } = await openMembers('victor', 'mallory');
  const guess = rows('a file that she thinks he has');
  await victor.addRows('private', [guess]);
  const folder = createMemorySealedFolder();
  const seal = await recordSegment({ folder, cipher, blake3, createHasher, random }, sourceOf(guess));
  await claim(mallory, seal);
  await mallory.addRows('bait', [guess]);
  await mallory.share(SPACE, 'bait', 'data');
  mallory.plain.clear();
  const [line] = [await mallory.goOnline([victor]), await victor.goOnline([mallory])];
  // He asks for it as if he had it not.
  await expect.poll(() => line.segments.counts.get('missing') ?? 0, patiently).toBeGreaterThan(0);
  expect(await askFor(line, victor, seal.name)).toBe('refused');
  expect(await rowsOf(victor, 'bait')).toBe('0 of 1');
  // What she may have, she gets: only now he has it for the space as well.
  mallory.plain.set(seal.hash, guess);
  await expect.poll(() => rowsOf(victor, 'bait'), patiently).toBe('1 of 1');
  expect(await askFor(line, victor, seal.name)).toBe('root');
});

test('rows that two devices sealed without knowing of each other are served under both names', async () => {
  const { anna, ben, chris } = await openMembers('anna', 'ben', 'chris');
  const same = rows('Damson');
  for (const [node, name] of [
    [anna, 'hers'],
    [ben, 'his'],
  ] as const) {
    await node.addRows(name, [same]);
    await node.share(SPACE, name, 'data');
  }
  await anna.goOnline([ben, chris]);
  await ben.goOnline([anna]);
  await expect.poll(() => rowsOf(anna, 'his'), patiently).toBe('1 of 1');
  await ben.goOffline();
  const line = await chris.goOnline([anna]);
  await expect.poll(() => rowsOf(chris, 'his'), patiently).toBe('1 of 1');
  await expect.poll(() => rowsOf(chris, 'hers'), patiently).toBe('1 of 1');
  const seals = await readProvedSeals(anna.store, await hashOf(same));
  expect(seals).toHaveLength(2);
  for (const { name } of seals) expect(await askFor(line, anna, name)).toBe('root');
});

test('rows of an older version that nobody has keep back none of a newer one, and nobody looks how far they are', async () => {
  const { anna, ben } = await openMembers('anna', 'ben');
  const [old, young] = [rows('Quince'), rows('Medlar')];
  await anna.addRows('harvest', [old]);
  await anna.share(SPACE, 'harvest', 'data');
  anna.plain.clear();
  await anna.goOnline([ben]);
  const line = await ben.goOnline([anna]);
  await expect.poll(() => line.segments.status(), patiently).toMatchObject([{ waitsFor: 'peer' }]);
  await anna.addRows('harvest', [young]);
  await expect.poll(() => rowsOf(ben, 'harvest'), patiently).toBe('1 of 2');
  await expect.poll(() => line.segments.status(), patiently).toMatchObject([{ waitsFor: 'peer' }]);
  expect(waits).not.toContain(WATCH_MS);
  anna.plain.set(await hashOf(old), old);
  await expect.poll(() => rowsOf(ben, 'harvest'), patiently).toBe('2 of 2');
});
