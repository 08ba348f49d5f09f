import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { encodeFrame } from '../frame-codec.ts';
import {
  STREAM_CLOSE_MILLISECONDS,
  STREAM_HALF_OPEN_MILLISECONDS,
  STREAM_IDLE_MILLISECONDS,
  STREAMS_PER_LINE_MAX,
} from '../limits.ts';
import type { PeerStream, Transport } from '../ports.ts';
import { keyOf, openLibp2p, realClock } from '../testing/fixtures.ts';
import { collect, echo, frameOf, nextEvent, patiently, untilStill } from '../testing/transport-contract.ts';
import type { ListenWarning } from './listen.ts';
import { peerOfKey } from './peer-keys.ts';

const PROTOCOL = '/granary/test/1';
const limits = { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 };

async function start(...words: Parameters<typeof openLibp2p>): Promise<Transport> {
  const transport = await openLibp2p(...words);
  onTestFinished(() => transport[Symbol.asyncDispose]());
  return transport;
}

async function echoes(from: Transport, to: Transport): Promise<PeerStream> {
  const stream = await from.open(to.self, PROTOCOL);
  await stream.send(frameOf(100));
  expect((await stream.frames[Symbol.asyncIterator]().next()).value).toEqual(frameOf(100));
  return stream;
}

/** An address that leads to the same device, each way so many milliseconds longer. */
async function slowDown(address: string, milliseconds: number): Promise<string> {
  const port = Number(/\/tcp\/(\d+)/.exec(address)![1]);
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('data', (bytes) => {
        setTimeout(() => to.write(bytes), milliseconds);
      });
      from.on('end', () => {
        setTimeout(() => to.end(), milliseconds);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return address.replace(`/tcp/${port}`, `/tcp/${(server.address() as { readonly port: number }).port}`);
}

describe('where a device listens', () => {
  test('a port that is taken is replaced by a free one, with a warning', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { readonly port: number };
    const warnings: ListenWarning[] = [];
    const taken = `/ip4/127.0.0.1/tcp/${port}`;
    const left = await start(1, { listen: [taken] }, { onListenWarning: (warning) => warnings.push(warning) });
    expect(warnings).toMatchObject([{ address: taken, instead: '/ip4/127.0.0.1/tcp/0' }]);
    expect(left.addresses()).toHaveLength(1);
    expect(left.addresses()[0]).not.toContain(`/${port}/`);
    const right = await start(2);
    right.handle(PROTOCOL, limits, echo);
    left.handle(PROTOCOL, limits, echo);
    right.addAddresses(left.self, left.addresses());
    await echoes(right, left);
  });

  test('an address that is none is left out, with a warning', async () => {
    const warnings: ListenWarning[] = [];
    const listen = ['/ip4/203.0.113.1/tcp/0', '/ip4/127.0.0.1/tcp/0'];
    const left = await start(1, { listen }, { onListenWarning: (warning) => warnings.push(warning) });
    expect(warnings).toMatchObject([{ address: listen[0], instead: undefined }]);
    expect(left.addresses()).toHaveLength(1);
  });

  test('both families of addresses reach it', async () => {
    const left = await start(1, { listen: ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0'] });
    left.handle(PROTOCOL, limits, echo);
    expect(left.addresses()).toHaveLength(2);
    for (const [i, address] of left.addresses().entries()) {
      const right = await start(2 + i);
      right.addAddresses(left.self, [address]);
      await echoes(right, left);
      expect(right.peers().map((peer) => peer.address)).toEqual([address]);
    }
  });
});

describe('addresses of others', () => {
  test('are kept over a restart, and learned from the peers that are to be kept', async () => {
    const store = openMemoryStore();
    const right = await start(2, { listen: ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0'] });
    right.handle(PROTOCOL, limits, echo);
    const [known, learned] = right.addresses();
    const left = await openLibp2p(1, {}, { store });
    left.keepConnected(new Set([toHex(right.self)]));
    const met = nextEvent(left, 'connected');
    left.addAddresses(right.self, [known!, '/ip4/10.0.0.1/udp/1', `/ip4/10.0.0.1/tcp/1/p2p/${peerOfKey(keyOf(9))}`]);
    await met;
    expect(left.counts().events['address-refused']).toBe(2);
    const key = `transport/addresses/${toHex(right.self)}`;
    const kept = async () => Buffer.from((await store.get(key)) ?? []).toString();
    await expect.poll(kept, patiently).toContain(learned);
    await left[Symbol.asyncDispose]();
    const again = await start(1, {}, { store });
    await echoes(again, right);
  });

  test('who was dialled at the address of somebody else is not connected', async () => {
    const [left, right, third] = [await start(1), await start(2), await start(3)];
    const [address] = right.addresses();
    left.addAddresses(third.self, [address!.replace(/\/p2p\/.*/, '')]);
    await expect(left.open(third.self, PROTOCOL)).rejects.toEqual(
      expect.objectContaining({ code: 'PEER_UNREACHABLE' }),
    );
    expect(left.peers()).toEqual([]);
  });
});

describe('lines', () => {
  test('have another binding each time', async () => {
    const right = await start(2);
    const bindings: string[] = [];
    right.handle(PROTOCOL, limits, async (stream) => {
      bindings.push(toHex(stream.binding));
      await echo(stream);
    });
    for (let i = 0; i < 2; i++) {
      const left = await openLibp2p(1);
      left.addAddresses(right.self, right.addresses());
      expect(toHex((await echoes(left, right)).binding)).toBe(bindings.at(-1));
      const gone = nextEvent(right, 'disconnected');
      await left[Symbol.asyncDispose]();
      await gone;
    }
    expect(new Set(bindings).size).toBe(2);
  });

  test('have one binding on both sides in a private network as well', async () => {
    const networkKey = new Uint8Array(32).fill(7);
    const [left, right] = [await start(1, { networkKey }), await start(2, { networkKey })];
    const binding = Promise.withResolvers<string>();
    right.handle(PROTOCOL, limits, async (stream) => {
      binding.resolve(toHex(stream.binding));
      await echo(stream);
    });
    left.addAddresses(right.self, right.addresses());
    expect(toHex((await echoes(left, right)).binding)).toBe(await binding.promise);
  });

  test('that both sides build at once are one peer', async () => {
    const [left, right] = [await start(1), await start(2)];
    for (const transport of [left, right]) transport.handle(PROTOCOL, limits, echo);
    left.addAddresses(right.self, right.addresses());
    right.addAddresses(left.self, left.addresses());
    await Promise.all([echoes(left, right), echoes(right, left), echoes(left, right)]);
    expect([left.peers().length, right.peers().length]).toEqual([1, 1]);
  });

  test('lose streams that are forgotten, and those that one side leaves open', async () => {
    let skipped = 0;
    const clock = { now: realClock.now, monotonic: () => realClock.monotonic() + skipped };
    const [left, right] = [await start(1, {}, { clock }), await start(2)];
    const never = Promise.withResolvers<void>();
    onTestFinished(() => never.resolve());
    right.handle(PROTOCOL, limits, () => never.promise);
    left.addAddresses(right.self, right.addresses());
    const idle = await left.open(right.self, PROTOCOL);
    const halfOpen = await left.open(right.self, PROTOCOL);
    await halfOpen.close();
    const counted = () => {
      const { 'stream-half-open': halfOpen = 0, 'stream-idle': idle = 0 } = left.counts().events;
      return { halfOpen, idle };
    };
    skipped += STREAM_HALF_OPEN_MILLISECONDS;
    await expect.poll(counted, patiently).toEqual({ halfOpen: 1, idle: 0 });
    skipped += STREAM_IDLE_MILLISECONDS;
    await expect.poll(counted, patiently).toEqual({ halfOpen: 1, idle: 1 });
    await expect(idle.send(frameOf(1))).rejects.toEqual(expect.objectContaining({ code: 'SYNC_INTERRUPTED' }));
    expect(left.peers()).toHaveLength(1);
  });

  test('lose streams whose close waits for a peer that takes nothing', async () => {
    let skipped = 0;
    const clock = { now: realClock.now, monotonic: () => realClock.monotonic() + skipped };
    const [left, right] = [await start(1, {}, { clock }), await start(2)];
    const never = Promise.withResolvers<void>();
    onTestFinished(() => never.resolve());
    right.handle(PROTOCOL, limits, () => never.promise);
    left.addAddresses(right.self, right.addresses());
    const stream = await left.open(right.self, PROTOCOL);
    const sending = Array.from({ length: 8 }, () => stream.send(frameOf(limits.maxFrameBytes)));
    const sent = Promise.allSettled(sending);
    const closing = stream.close();
    skipped += STREAM_CLOSE_MILLISECONDS + 1;
    await closing;
    expect((await sent).at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'SYNC_INTERRUPTED' } });
    expect(left.counts().events['stream-half-open']).toBe(1);
    expect(left.peers()).toHaveLength(1);
  });
});

test('a reader that stops on a fast, long line loses nothing', async () => {
  const [left, right] = [await start(1), await start(2)];
  const [quick, total] = [24 * 2 ** 20, 48 * 2 ** 20];
  const rested = Promise.withResolvers<void>();
  const received = Promise.withResolvers<number>();
  right.handle(PROTOCOL, limits, async (stream) => {
    let bytes = 0;
    for await (const frame of stream.frames) {
      bytes += frame.length;
      if (bytes === quick) await rested.promise;
    }
    received.resolve(bytes);
  });
  left.addAddresses(right.self, [await slowDown(right.addresses()[0]!, 20)]);
  const stream = await left.open(right.self, PROTOCOL);
  let sent = 0;
  const sending = (async () => {
    for (; sent < total; sent += 2 ** 16) await stream.send(frameOf(2 ** 16));
    await stream.close();
  })();
  await untilStill(() => sent);
  expect(sent).toBeLessThan(total);
  rested.resolve();
  await sending;
  expect(await received.promise).toBe(total);
});

describe('a peer that keeps no rule', () => {
  async function attack() {
    const victim = await start(1);
    victim.handle(PROTOCOL, limits, echo);
    const attacker = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxOutboundStreams: 10_000 })],
    });
    onTestFinished(() => attacker.stop());
    const address = multiaddr(victim.addresses()[0]!);
    const send = async (bytes: Uint8Array) => {
      const stream = await attacker.dialProtocol(address, PROTOCOL, { maxOutboundStreams: 10_000 });
      const ended = new Promise<void>((resolve) => {
        stream.addEventListener('close', () => resolve());
      });
      stream.send(bytes);
      return { stream, ended };
    };
    const works = async () => {
      const honest = await start(5);
      honest.addAddresses(victim.self, victim.addresses());
      await echoes(honest, victim);
    };
    return { victim, attacker, address, send, works };
  }

  test('loses its stream when it sends what are no frames', async () => {
    const { victim, send, works } = await attack();
    await (
      await send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    ).ended;
    await (
      await send(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80))
    ).ended;
    expect(victim.counts().events).toMatchObject({ 'frame-too-long': 1, 'frame-length-malformed': 1 });
    // Half a frame, then nothing: the handler sees the end.
    const { stream } = await send(encodeFrame(frameOf(100)).slice(0, 50));
    await stream.close();
    await works();
  });

  test('cannot open streams without end', async () => {
    const { victim, send, works } = await attack();
    await Promise.allSettled(Array.from({ length: 2 * STREAMS_PER_LINE_MAX }, () => send(encodeFrame(frameOf(1)))));
    await expect.poll(() => victim.counts().events['stream-refused-limit'] ?? 0, patiently).toBeGreaterThan(0);
    expect(victim.counts().events['stream-taken']).toBe(limits.maxStreamsPerPeer);
    await works();
  });

  test('that takes nothing of what comes back makes the node hold little', async () => {
    const { victim, send, works } = await attack();
    const { stream } = await send(encodeFrame(frameOf(2 ** 20)));
    stream.pause();
    let sent = 0;
    const push = async () => {
      for (let i = 0; i < 64 && stream.status === 'open'; i++) {
        stream.send(encodeFrame(frameOf(2 ** 20)));
        sent = i;
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
    };
    await push();
    expect(sent).toBe(63);
    const bytes = Object.values(victim.counts().bytes)[0]![PROTOCOL]!;
    expect(bytes.in).toBeLessThan(8 * 2 ** 20);
    await works();
  });

  test('is no relay because it says so', async () => {
    const { victim, attacker, address, works } = await attack();
    const stream = await attacker.dialProtocol(address, RELAY_V2_STOP_CODEC);
    await expect.poll(() => victim.counts().events['line-refused-relay'], patiently).toBe(1);
    await expect.poll(() => stream.status, patiently).toBe('reset');
    expect(victim.addresses().filter((told) => told.includes('p2p-circuit'))).toEqual([]);
    await works();
  });

  test('is not heard when its key is of another kind', async () => {
    const { victim, works } = await attack();
    const stranger = await createLibp2p({
      privateKey: await generateKeyPair('secp256k1'),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    onTestFinished(() => stranger.stop());
    const opened = await stranger.dialProtocol(multiaddr(victim.addresses()[0]!), PROTOCOL).catch(() => undefined);
    expect(opened?.status ?? 'refused').not.toBe('open');
    expect(victim.counts().events['line-refused-peer']).toBe(1);
    expect(victim.peers()).toEqual([]);
    await works();
  });
});

test('a relay without an id, and a network key of another length, are refused', async () => {
  const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' });
  await expect(openLibp2p(1, { relays: ['/ip4/127.0.0.1/tcp/1'] })).rejects.toEqual(invalid);
  await expect(openLibp2p(1, { relays: ['nonsense'] })).rejects.toEqual(invalid);
  await expect(openLibp2p(1, { networkKey: new Uint8Array(31) })).rejects.toEqual(invalid);
});

test('frames end for whoever reads when the line is cut', async () => {
  const [left, right] = [await start(1), await openLibp2p(2)];
  right.handle(PROTOCOL, limits, echo);
  left.addAddresses(right.self, right.addresses());
  const stream = await echoes(left, right);
  const rest = collect(stream);
  await right[Symbol.asyncDispose]();
  expect(await rest).toEqual([]);
});
