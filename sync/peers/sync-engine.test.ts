import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import { runSession } from '#sync/reconcile/index.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { createMemoryNetwork, type MemoryNetworkDeps } from '#sync/transport/index.ts';
import { realClock as clock, realRandom as random, seedOf } from '#sync/transport/testing/fixtures.ts';
import { blake3, deviceOf, openSyncStack, type SyncStack } from '#tests/simulation/whole/sync-stack.ts';
import { SYNC_PROTOCOL } from './sync-engine.ts';

const SPACE = 'Hills';
const patiently = { timeout: 30_000, interval: 20 };

/** Two members who have told each other everything. */
async function openMembers(trouble: Pick<MemoryNetworkDeps, 'delay'> = {}) {
  const network = createMemoryNetwork({ blake3, clock, random, wait: systemWait, ...trouble });
  const open = async (name: string, seed: number): Promise<SyncStack> => {
    const transport = network.join(deviceOf(seedOf(seed)).publicKey);
    const [store, marker] = [openMemoryStore(), createMemoryMarker()];
    const options = { name, seed: seedOf(seed), store, marker, clock, random, wait: systemWait, logger: silentLogger };
    const stack = await openSyncStack({ ...options, transport });
    onTestFinished(async () => stack[Symbol.asyncDispose]());
    return stack;
  };
  const [left, right] = [await open('left', 1), await open('right', 2)];
  await left.spaces.createSpace(SPACE);
  const { ticket } = await left.peers.invite({ space: SPACE, level: 'write', hours: 1 });
  await right.peers.join(ticket);
  const isQuiet = async () => {
    const { end, spaces } = await sync(left, right);
    return end === 'complete' && spaces[0]?.equal === true && [left, right].every(({ engine }) => !engine.running()[0]);
  };
  await expect.poll(isQuiet, patiently).toBe(true);
  return { network, left, right };
}

const sync = ({ engine }: SyncStack, other: SyncStack, options = {}) =>
  engine.syncWith(other.key.publicKey, { reachMs: 10_000, ...options });
const opened = ({ transport }: SyncStack): number => transport.counts().events['stream-opened'] ?? 0;

test('sessions with a peer go on over one stream', async () => {
  const { left, right } = await openMembers();
  const before = [opened(left), opened(right)];
  await sync(right, left);
  for (let i = 0; i < 10; i++) {
    expect(await sync(left, right)).toMatchObject({ end: 'complete', spaces: [{ equal: true }] });
    expect(await sync(right, left)).toMatchObject({ end: 'complete', byteCounts: { sent: 38, received: 20 } });
  }
  expect(opened(left)).toBe(before[0]);
  expect(opened(right)).toBeLessThanOrEqual(before[1]! + 1);
});

test('sessions with one peer at the same time have streams of their own, of which one is kept', async () => {
  const { left, right } = await openMembers();
  const before = opened(left);
  const sessions = await Promise.all([sync(left, right), sync(left, right), sync(left, right)]);
  expect(sessions.map(({ end }) => end)).toEqual(['complete', 'complete', 'complete']);
  expect(opened(left)).toBe(before + 2);
  await sync(left, right);
  expect(opened(left)).toBe(before + 2);
});

test('a stream that ended between two sessions is replaced by a new one', async () => {
  const { network, left, right } = await openMembers();
  for (let i = 0; i < 3; i++) {
    network.breakLine(left.device, right.device);
    expect(await sync(left, right)).toMatchObject({ end: 'complete', spaces: [{ equal: true }] });
  }
});

test('a peer that closes the stream after each session is met again over another one', async () => {
  const { left, right } = await openMembers();
  const limits = { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 };
  right.transport.handle(SYNC_PROTOCOL, limits, async (stream) => {
    const views = right.spaces.viewsFor(stream.peer);
    const session = {
      role: 'responder',
      channel: stream,
      peerId: stream.peer,
      binding: stream.binding,
      views,
    } as const;
    await runSession({ blake3, random, agreements: createMemoryAgreements() }, session);
  });
  for (let i = 0; i < 5; i++) expect(await sync(left, right)).toMatchObject({ end: 'complete' });
});

test('a cancelled session takes its stream with it, and the next one has a new one', async () => {
  const { left, right } = await openMembers({ delay: () => 20 });
  await sync(left, right);
  const before = opened(left);
  const cancelled = new AbortController();
  const session = sync(left, right, { signal: cancelled.signal });
  await expect.poll(() => left.engine.running().length, { interval: 1 }).toBe(1);
  cancelled.abort();
  await expect(session).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await sync(left, right)).toMatchObject({ end: 'complete', spaces: [{ equal: true }] });
  expect(opened(left)).toBe(before + 1);
});

test('a peer that was removed is told nothing over the stream that it still has', async () => {
  const { left, right } = await openMembers();
  expect(await sync(right, left)).toMatchObject({ end: 'complete', spaces: [{ equal: true }] });
  const before = opened(right);
  await left.spaces.revokeAccess(SPACE, right.device);
  expect(await sync(right, left)).toMatchObject({ end: 'complete', spaces: [] });
  expect(opened(right)).toBe(before);
});
