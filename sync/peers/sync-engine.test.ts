import { expect, test, vi } from 'vitest';
import type { Wait } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import { runSession } from '#sync/reconcile/index.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { realRandom as random, seedOf } from '#sync/transport/testing/fixtures.ts';
import { blake3, deviceOf, type SyncStack } from '#tests/simulation/whole/sync-stack.ts';
import { SYNC_PROTOCOL } from './sync-engine.ts';
import { openMembers, patiently, SPACE, sync } from './testing/open-members.ts';

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
  // One more, to ask whether it was removed.
  expect(opened(right)).toBe(before + 1);
});

test('a stranger is told that there is nothing in common, and leaves no trace', async () => {
  const { network, left } = await openMembers();
  const recordCount = async () => (await Array.fromAsync(left.deps.store.entries(prefixRange('peer/')))).length;
  const before = await recordCount();
  const settling = vi.spyOn(left.spaces, 'settle');
  for (let seed = 10; seed < 15; seed++) {
    const stranger = network.join(deviceOf(seedOf(seed)).publicKey);
    stranger.addAddresses(left.transport.self, left.transport.addresses());
    const stream = await stranger.open(left.transport.self, SYNC_PROTOCOL);
    const session = {
      role: 'initiator',
      channel: stream,
      peerId: stream.peer,
      binding: stream.binding,
      views: [],
    } as const;
    const report = await runSession({ blake3, random, agreements: createMemoryAgreements() }, session);
    expect(report).toMatchObject({ end: 'complete', spaces: [] });
    await stranger[Symbol.asyncDispose]();
  }
  await expect.poll(() => left.engine.running(), patiently).toEqual([]);
  expect(await recordCount()).toBe(before);
  expect(settling).not.toHaveBeenCalled();
});

test('a peer whose line breaks again and again is followed by one loop', async () => {
  let [begun, waiting, mostWaiting] = [0, 0, 0];
  // Waits for the next try are twice as long each time.
  const leftWait: Wait = async (milliseconds, options) => {
    if (![1, 2, 4, 8, 16, 32].includes(milliseconds / 2000)) return systemWait(milliseconds, options);
    begun += 1;
    waiting += 1;
    mostWaiting = Math.max(mostWaiting, waiting);
    await systemWait(milliseconds, options).finally(() => (waiting -= 1));
  };
  const { network, left, right } = await openMembers({ leftWait });
  await right[Symbol.asyncDispose]();
  const breaking = network.join(right.key.publicKey);
  breaking.handle(SYNC_PROTOCOL, { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 }, async (stream) => stream.abort());
  breaking.addAddresses(left.key.publicKey, left.transport.addresses());
  for (let i = 0; i < 5; i++) {
    network.breakLine(left.device, right.device);
    const before = begun;
    (await breaking.open(left.key.publicKey, SYNC_PROTOCOL)).abort();
    await expect.poll(() => begun, patiently).toBeGreaterThan(before);
  }
  expect(mostWaiting).toBe(1);
});
