/** What anybody can do who reaches a node: streams and frames, before any operation is looked at. */
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { JOIN_FRAME_BYTES_MAX, JOIN_PROTOCOL } from '#sync/peers/index.ts';
import { SYNC_PROTOCOL } from '#sync/peers/sync-engine.ts';
import { createSegmentFetcher, createServeGate, serveSegments, type SealedFolder } from '#sync/segments/index.ts';
import { SEGMENT_FRAME_BYTES_MAX } from '#sync/segments/index.ts';
import { SEGMENT_FRAMES } from '#sync/segments/frames.ts';
import { fileBytes, plainBytes, sealBytes } from '#sync/segments/testing/fixtures.ts';
import { createMemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';
import { SEGMENTS_PROTOCOL } from '#sync/peers/segment-exchange.ts';
import { systemWait } from '#core/platform/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { openLibp2p, realClock } from '#sync/transport/testing/fixtures.ts';
import { createDice } from '#tests/fuzz/dice.ts';
import type { SyncStack } from '#tests/simulation/whole/sync-stack.ts';
import { blake3 } from '#tests/simulation/whole/sync-stack.ts';
import {
  eventually,
  expectHonestPeersAreServed,
  inBoundedMemory,
  openFederation,
  openNode,
  SPACE,
} from './hostile-world.ts';

/** What the segments protocol counts on a node that serves these files. */
function serve(
  transport: Transport,
  folder: Pick<SealedFolder, 'open'>,
  change: (frame: Uint8Array) => void = () => undefined,
): Map<string, number> {
  const counts = new Map<string, number>();
  const gate = createServeGate({ clock: realClock, wait: systemWait });
  transport.handle(SEGMENTS_PROTOCOL, { maxFrameBytes: SEGMENT_FRAME_BYTES_MAX, maxStreamsPerPeer: 2 }, (stream) =>
    serveSegments(
      { folder, gate, mayServe: () => true, count: (event) => counts.set(event, (counts.get(event) ?? 0) + 1) },
      toHex(stream.peer),
      channelOf(stream, change),
    ),
  );
  return counts;
}

const channelOf = (stream: PeerStream, change: (frame: Uint8Array) => void = () => undefined) => ({
  send(frame: Uint8Array) {
    const changed = frame.slice();
    change(changed);
    return stream.send(changed);
  },
  frames: stream.frames,
  close: () => stream.abort(),
});

const events = ({ transport }: SyncStack) => transport.counts().events;

/** A device that is in no space, and knows where the victim is. */
async function outsider(victim: SyncStack): Promise<SyncStack> {
  const eve = await openNode('eve', 9);
  eve.transport.addAddresses(victim.key.publicKey, victim.transport.addresses());
  return eve;
}

const open = ({ transport }: SyncStack, victim: SyncStack, protocol: string): Promise<PeerStream> =>
  transport.open(victim.key.publicKey, protocol, { maxFrameBytes: 2 ** 20 });

/** Sends until the other side ends it; returns the bytes that went. */
async function pour(stream: PeerStream, frame: Uint8Array, frameCountMax: number): Promise<number> {
  let sent = 0;
  try {
    for (let i = 0; i < frameCountMax; i++) {
      await stream.send(frame);
      sent += frame.length;
    }
  } catch {
    // The victim hung up.
  }
  return sent;
}

test('frames over the limit of their protocol end their stream, and are counted', async () => {
  const { victim, honest } = await openFederation();
  serve(victim.transport, createMemorySealedFolder());
  const eve = await outsider(victim);
  for (const [protocol, limit] of [
    [SYNC_PROTOCOL, 2 ** 20],
    [JOIN_PROTOCOL, JOIN_FRAME_BYTES_MAX],
    [SEGMENTS_PROTOCOL, SEGMENT_FRAME_BYTES_MAX],
  ] as const) {
    const before = events(victim)['frame-too-long'] ?? 0;
    await inBoundedMemory(async () => {
      const stream = await open(eve, victim, protocol);
      await pour(stream, new Uint8Array(limit + 1), 1);
      await eventually(() => expect(events(victim)['frame-too-long'] ?? 0).toBe(before + 1));
    });
  }
  await expectHonestPeersAreServed(honest, victim);
});

test('garbage on every protocol is refused for a reason that is counted', async () => {
  const { victim, honest } = await openFederation();
  const served = serve(victim.transport, createMemorySealedFolder());
  const eve = await outsider(victim);
  const sum = (counts: Iterable<number>) => [...counts].reduce((total, count) => total + count, 0);
  const dice = createDice(80_000_000);
  const count = 20;
  for (let i = 0; i < count; i++) {
    const garbage = Uint8Array.from({ length: 1 + dice.below(300) }, () => 0x80 | dice.below(128));
    for (const protocol of [SYNC_PROTOCOL, JOIN_PROTOCOL, SEGMENTS_PROTOCOL]) {
      const stream = await open(eve, victim, protocol);
      await pour(stream, garbage, 3);
      for await (const _ of stream.frames);
      stream.abort();
    }
  }
  await eventually(() => {
    // After some faults it may not begin sessions for a while.
    const refused = [...victim.engine.counts].filter(([event]) => /^refused-|^session-shut-out$/.test(event));
    expect(sum(refused.map(([, times]) => times))).toBeGreaterThanOrEqual(count);
    expect(victim.admissions.get('malformed')).toBe(count);
    expect(sum(served.values())).toBeGreaterThanOrEqual(count);
  });
  expect(victim.engine.counts.get('refused-frame-unknown')).toBeGreaterThan(0);
  await expectHonestPeersAreServed(honest, victim);
});

test('tickets that were guessed, redeemed by another or changed on their way let nobody in', async () => {
  const { victim } = await openFederation();
  const eve = await outsider(victim);
  const late = await openNode('late', 8);
  const { ticket } = await victim.peers.invite({ space: SPACE, level: 'read', hours: 1 });
  await late.peers.join(ticket);
  await expect(eve.peers.join(ticket)).rejects.toMatchObject({ code: 'TICKET_INVALID' });
  const changed = ticket.slice(0, -6) + (ticket.at(-6) === 'a' ? 'b' : 'a') + ticket.slice(-5);
  await expect(eve.peers.join(changed)).rejects.toMatchObject({ code: 'TICKET_INVALID' });
  expect(victim.admissions.get('used')).toBe(1);
  expect((await victim.spaces.listMembers(SPACE)).map(({ name }) => name)).not.toContain('eve');
});

test('more streams than a peer may have are refused, and an endless one ends', async () => {
  const { victim, honest, mallory } = await openFederation();
  await inBoundedMemory(async () => {
    const streams = await Promise.all(Array.from({ length: 12 }, () => open(mallory, victim, SYNC_PROTOCOL)));
    await eventually(() => expect(events(victim)['stream-refused-limit']).toBeGreaterThanOrEqual(1));
    // The first frame is refused; of what is poured in behind it little is taken from the line.
    const frame = new Uint8Array(2 ** 18).fill(0xff);
    const [sent] = await Promise.all([pour(streams[0]!, frame, 4000), expectHonestPeersAreServed(honest, victim)]);
    expect(sent).toBeLessThan(32 * 2 ** 20);
    expect(events(victim)['stream-overrun']).toBe(1);
    for (const stream of streams) stream.abort();
  });
});

test('a peer that goes on with garbage loses its lines for a while; others come in from the same address', async () => {
  const { victim, honest, mallory } = await openFederation();
  const stopped = new AbortController();
  const attack = async () => {
    while (!stopped.signal.aborted) {
      const stream = await open(mallory, victim, SYNC_PROTOCOL).catch(() => undefined);
      if (stream) await pour(stream, Uint8Array.of(0xff), 1);
      stream?.abort();
    }
  };
  const attacks = [attack(), attack()];
  await eventually(() =>
    expect(events(victim)).toMatchObject({
      'peer-refused': expect.any(Number),
      'line-refused-for-now': expect.any(Number),
      'line-refused-network': expect.any(Number),
    }),
  );
  expect(victim.engine.counts.get('peer-refused')).toBe(1);
  const shown = (await victim.peers.listPeers()).find(({ device }) => device === mallory.device)!;
  expect(shown).toMatchObject({ isConnected: false, refusedUntil: expect.stringMatching(/^20.*Z$/) });
  expect(shown.waitsFor.join()).toContain(`refuses its lines until ${shown.refusedUntil}`);
  await expect(victim.transport.open(mallory.key.publicKey, SYNC_PROTOCOL)).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
    message: expect.stringContaining(shown.refusedUntil!),
  });
  const late = await openNode('late', 8);
  const { ticket } = await victim.peers.invite({ space: SPACE, level: 'write', hours: 1 });
  await eventually(() => late.peers.join(ticket));
  await expectHonestPeersAreServed(honest, victim);
  await expectHonestPeersAreServed(late, victim);
  stopped.abort();
  await Promise.all(attacks);
});

test('a peer that takes nothing and says nothing is given up, and holds nobody back', async () => {
  const { victim, honest, mallory } = await openFederation({ victimHaste: 10 });
  await inBoundedMemory(async () => {
    const streams = await Promise.all([1, 2, 3].map(() => open(mallory, victim, SYNC_PROTOCOL)));
    await expectHonestPeersAreServed(honest, victim);
    await eventually(async () => {
      const peer = (await victim.peers.listPeers()).find(({ device }) => device === mallory.device)!;
      expect(peer.waitsFor.join()).toMatch(/silent/);
    });
    for (const stream of streams) stream.abort();
  });
});

test('wrong bytes of a segment are found within one leaf and blamed on their sender; another peer makes them good', async () => {
  const folder = createMemorySealedFolder();
  const sealed = await sealBytes(folder, plainBytes(2 ** 20));
  const [victim, liar, honest] = await Promise.all([1, 2, 3].map((seed) => openLibp2p(seed)));
  try {
    serve(liar!, folder, (frame) => {
      if (frame[0] === SEGMENT_FRAMES.leaf.code) frame[frame.length - 1]! ^= 1;
    });
    serve(honest!, folder);
    const counts = new Map<string, number>();
    const mine = createMemorySealedFolder();
    const fetcher = createSegmentFetcher({
      folder: mine,
      blake3,
      clock: realClock,
      wait: systemWait,
      budget: {},
      count: (event, peer) => counts.set(`${peer} ${event}`, (counts.get(`${peer} ${event}`) ?? 0) + 1),
    });
    const connect = async (name: string, peer: Transport) => {
      victim!.addAddresses(peer.self, peer.addresses());
      fetcher.addPeer(name, channelOf(await victim!.open(peer.self, SEGMENTS_PROTOCOL, { maxFrameBytes: 2 ** 20 })));
    };
    const work = fetcher.fetch(sealed.name);
    await connect('liar', liar!);
    await eventually(() => expect([...counts.keys()].filter((key) => /liar .*wrong/.test(key))).not.toEqual([]));
    await connect('honest', honest!);
    await work;
    expect(Buffer.compare(await fileBytes(mine, sealed.name), await fileBytes(folder, sealed.name))).toBe(0);
    await fetcher.close();
  } finally {
    await Promise.all([victim, liar, honest].map((each) => each![Symbol.asyncDispose]()));
  }
});
