import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { createManualTime } from '#sync/segments/testing/federation.ts';
import { createDice } from '#tests/fuzz/dice.ts';
import { BEAT_MILLISECONDS, STREAM_HALF_OPEN_MILLISECONDS, STREAM_IDLE_MILLISECONDS } from './limits.ts';
import { createMemoryNetwork, type MemoryNetworkDeps } from './memory-transport.ts';
import type { PeerStream, Transport } from './ports.ts';
import { keyOf } from './testing/fixtures.ts';
import { collect, echo, frameOf } from './testing/transport-contract.ts';

const PROTOCOL = '/granary/test/1';
const limits = { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 };

function createWorld(trouble: Partial<MemoryNetworkDeps> = {}) {
  const time = createManualTime();
  const network = createMemoryNetwork({ blake3, random: countingRandom(), ...time, ...trouble });
  const join = (seed: number): Transport => {
    const transport = network.join(keyOf(seed));
    transport.handle(PROTOCOL, limits, echo);
    return transport;
  };
  const [left, right] = [join(1), join(2)];
  left.addAddresses(right.self, right.addresses());
  return { time, network, left, right, join };
}

const first = async (stream: PeerStream) => (await stream.frames[Symbol.asyncIterator]().next()).value?.length;

describe('a network in memory', () => {
  test('takes the time that it is told', async () => {
    const { time, left, right } = createWorld({ delay: () => 40 });
    let stream: PeerStream | undefined;
    void left.open(right.self, PROTOCOL).then((opened) => (stream = opened));
    await time.pass(40);
    await time.pass(39);
    expect(stream).toBeUndefined();
    await time.pass(1);
    expect(stream).toBeDefined();
    let back: number | undefined;
    void stream!.send(frameOf(9));
    void first(stream!).then((length) => (back = length));
    await time.pass(0);
    await time.pass(40);
    expect(back).toBeUndefined();
    await time.pass(40);
    expect(back).toBe(9);
  });

  test('parts devices, and brings those together that want to be', async () => {
    const { time, network, left, right } = createWorld();
    left.keepConnected(new Set([toHex(right.self)]));
    await time.pass(BEAT_MILLISECONDS);
    expect(left.peers()).toHaveLength(1);
    const stream = await left.open(right.self, PROTOCOL);
    network.part(() => false);
    expect(await collect(stream)).toEqual([]);
    expect([left.peers(), right.peers()]).toEqual([[], []]);
    await expect(left.open(right.self, PROTOCOL)).rejects.toThrow('nothing answers');
    network.part(() => true);
    for (let i = 0; i < 10; i++) await time.pass(BEAT_MILLISECONDS);
    expect(left.peers()).toHaveLength(1);
    network.breakLine(toHex(left.self), toHex(right.self));
    expect(left.peers()).toEqual([]);
  });

  test('breaks lines when it is told to', async () => {
    let frames = 0;
    const { left, right } = createWorld({ breaksLine: () => ++frames === 5 });
    const stream = await left.open(right.self, PROTOCOL);
    const sent = [];
    for (let i = 0; i < 10; i++) sent.push(stream.send(frameOf(1 + i)).then(Boolean, () => false));
    expect((await collect(stream)).length).toBeLessThan(5);
    await Promise.all(sent);
    expect(left.peers()).toEqual([]);
  });

  test('ends streams that are forgotten, and those that one side leaves open', async () => {
    const { time, left, right } = createWorld();
    const never = Promise.withResolvers<void>();
    right.handle('/granary/idle/1', limits, () => never.promise);
    const idle = await left.open(right.self, '/granary/idle/1');
    const halfOpen = await left.open(right.self, '/granary/idle/1');
    await halfOpen.close();
    await time.pass(STREAM_HALF_OPEN_MILLISECONDS + BEAT_MILLISECONDS);
    await time.pass(BEAT_MILLISECONDS);
    expect(count('stream-half-open', left, right)).toBe(1);
    expect(count('stream-idle', left, right)).toBe(0);
    await time.pass(STREAM_IDLE_MILLISECONDS);
    await time.pass(BEAT_MILLISECONDS);
    expect(count('stream-idle', left, right)).toBe(1);
    await expect(idle.send(frameOf(1))).rejects.toThrow('closed');
    never.resolve();
  });

  test('lets those find each other that want to be found', async () => {
    const { network } = createWorld();
    const heard: string[] = [];
    const third = network.join(keyOf(3), { isDiscoverable: true });
    third.onChange(({ kind, peer }) => heard.push(`${kind} ${toHex(peer)}`));
    const fourth = network.join(keyOf(4), { isDiscoverable: true });
    fourth.handle(PROTOCOL, limits, echo);
    await Promise.resolve();
    expect(heard).toEqual([`discovered ${toHex(fourth.self)}`]);
    const stream = await third.open(fourth.self, PROTOCOL);
    await stream.send(frameOf(4));
    expect(await first(stream)).toBe(4);
  });

  test('does the same again from the same seed', async () => {
    const run = async (seed: number) => {
      const dice = createDice(seed);
      const trace: string[] = [];
      const { time, left, right } = createWorld({
        delay: () => dice.below(50),
        breaksLine: () => dice.chance(0.05),
      });
      left.onChange(({ kind }) => trace.push(`${time.clock.now()} ${kind}`));
      left.keepConnected(new Set([toHex(right.self)]));
      for (let i = 0; i < 5; i++) {
        void left.open(right.self, PROTOCOL).then(
          async (stream) => {
            const sending = (async () => {
              for (let j = 0; j < 10; j++) await stream.send(frameOf(j));
            })().catch((error: Error) => trace.push(error.message));
            for await (const frame of stream.frames) trace.push(`${time.clock.now()} ${frame.length}`);
            await sending;
          },
          (error: Error) => trace.push(error.message),
        );
        for (let j = 0; j < 40; j++) await time.pass(25);
      }
      trace.push(JSON.stringify(left.counts()));
      return trace;
    };
    const [one, again, another] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(one);
    expect(another).not.toEqual(one);
  });
});

const count = (event: 'stream-half-open' | 'stream-idle', ...transports: Transport[]): number =>
  transports.reduce((sum, transport) => sum + (transport.counts().events[event] ?? 0), 0);
