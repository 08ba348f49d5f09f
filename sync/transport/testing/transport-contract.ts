import { afterEach, describe, expect, test } from 'vitest';
import { equalBytes, toHex } from '#core/kernel/index.ts';
import { STREAMS_BURST_MAX } from '../limits.ts';
import type { PeerStream, Transport, TransportEvent } from '../ports.ts';

export interface TransportWorld {
  /** A device that nobody knows yet. */
  join(): Promise<Transport>;
  /** Puts the time of day of all devices forward. */
  pass(milliseconds: number): void;
  close(): Promise<void>;
}

const PROTOCOL = '/granary/test/1';
const limits = { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 };
/** For what happens soon on a machine that has much else to do. */
export const patiently = { timeout: 60_000 };
const unreachable = expect.objectContaining({ code: 'PEER_UNREACHABLE' });
const interrupted = expect.objectContaining({ code: 'SYNC_INTERRUPTED' });

export const frameOf = (byteCount: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: byteCount }, (_, i) => (i * 31 + seed) & 255);

export async function collect(stream: PeerStream): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for await (const frame of stream.frames) frames.push(frame);
  return frames;
}

/** Resolves with the first event that fits; the test's own limit of time ends a wait in vain. */
export function nextEvent(
  transport: Transport,
  kind: TransportEvent['kind'],
  peer?: Uint8Array,
): Promise<TransportEvent> {
  return new Promise((resolve) => {
    const stop = transport.onChange((event) => {
      if (event.kind !== kind || (peer && !equalBytes(event.peer, peer))) return;
      stop();
      resolve(event);
    });
  });
}

/** Sends back every frame until the other side closes. */
export const echo = async (stream: PeerStream): Promise<void> => {
  for await (const frame of stream.frames) await stream.send(frame);
};

/** What every transport keeps. */
export function describeTransport(title: string, open: () => Promise<TransportWorld>): void {
  describe(`${title}`, () => {
    let world: TransportWorld;
    afterEach(() => world.close());

    const pair = async (): Promise<[Transport, Transport]> => {
      world = await open();
      const [left, right] = [await world.join(), await world.join()];
      left.addAddresses(right.self, right.addresses());
      return [left, right];
    };

    test('frames of any size arrive whole, in order and both ways', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, echo);
      const stream = await left.open(right.self, PROTOCOL);
      const frames = [1, 127, 128, 16_383, 16_384, 300_000, limits.maxFrameBytes].map((size, i) => frameOf(size, i));
      const sending = (async () => {
        for (const frame of frames) await stream.send(frame);
      })();
      const received: Uint8Array[] = [];
      for await (const frame of stream.receive()) if (received.push(frame) === frames.length) break;
      await sending;
      expect(received.map(toDigest)).toEqual(frames.map(toDigest));
      await stream.close();
    });

    test('an empty frame ends its stream, and is counted', async () => {
      const [left, right] = await pair();
      const received = Promise.withResolvers<Uint8Array[]>();
      right.handle(PROTOCOL, limits, async (stream) => received.resolve(await collect(stream)));
      const stream = await left.open(right.self, PROTOCOL);
      await stream.send(frameOf(5));
      await stream.send(frameOf(0));
      expect(await received.promise).toEqual([frameOf(5)]);
      expect(right.counts().events['frame-empty']).toBe(1);
    });

    test('both sides know whom they speak to, and share bytes that no other stream has', async () => {
      const [left, right] = await pair();
      const taken: PeerStream[] = [];
      right.handle(PROTOCOL, limits, async (stream) => {
        taken.push(stream);
        await collect(stream);
      });
      left.handle('/granary/other/1', limits, async (stream) => {
        taken.push(stream);
        await collect(stream);
      });
      const opened = [
        await left.open(right.self, PROTOCOL),
        await left.open(right.self, PROTOCOL),
        await right.open(left.self, '/granary/other/1'),
      ];
      await expect.poll(() => taken.length, patiently).toBe(3);
      expect(opened.map(({ peer }) => toHex(peer))).toEqual([right.self, right.self, left.self].map(toHex));
      expect(new Set(taken.map(({ peer }) => toHex(peer)))).toEqual(new Set([left.self, right.self].map(toHex)));
      expect(opened.every(({ binding }) => binding.length === 32)).toBe(true);
      expect(new Set(opened.map(({ binding }) => toHex(binding))).size).toBe(3);
      expect(taken.map(({ binding }) => toHex(binding)).sort()).toEqual(
        opened.map(({ binding }) => toHex(binding)).sort(),
      );
      expect(opened.every(({ isLimited }) => !isLimited)).toBe(true);
    });

    test('what was sent before a close still arrives, and the frames end there', async () => {
      const [left, right] = await pair();
      const received = Promise.withResolvers<Uint8Array[]>();
      right.handle(PROTOCOL, limits, async (stream) => received.resolve(await collect(stream)));
      const stream = await left.open(right.self, PROTOCOL);
      await Promise.all(Array.from({ length: 20 }, (_, i) => stream.send(frameOf(20_000, i))));
      await stream.close();
      await stream.close();
      expect((await received.promise).map(toDigest)).toEqual(
        Array.from({ length: 20 }, (_, i) => toDigest(frameOf(20_000, i))),
      );
      await expect(stream.send(frameOf(1))).rejects.toEqual(interrupted);
      expect(await collect(stream)).toEqual([]);
    });

    test('an abort ends the frames of both sides', async () => {
      const [left, right] = await pair();
      const ended = Promise.withResolvers<void>();
      right.handle(PROTOCOL, limits, async (stream) => {
        await collect(stream);
        ended.resolve();
      });
      const stream = await left.open(right.self, PROTOCOL);
      await stream.send(frameOf(10));
      stream.abort();
      await ended.promise;
      expect(await collect(stream)).toEqual([]);
      await expect(stream.send(frameOf(1))).rejects.toEqual(interrupted);
    });

    test('a handler that resolves closes its stream, one that rejects breaks it off', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, (stream) => stream.send(frameOf(5)));
      right.handle('/granary/failing/1', limits, async () => {
        throw new Error('No.');
      });
      expect((await collect(await left.open(right.self, PROTOCOL))).map(toDigest)).toEqual([toDigest(frameOf(5))]);
      expect(await collect(await left.open(right.self, '/granary/failing/1'))).toEqual([]);
      expect(right.counts().events['handler-failed']).toBe(1);
    });

    test('a frame over the limit ends its stream and is counted', async () => {
      const [left, right] = await pair();
      const received = Promise.withResolvers<Uint8Array[]>();
      right.handle(PROTOCOL, { ...limits, maxFrameBytes: 1000 }, async (stream) =>
        received.resolve(await collect(stream)),
      );
      const stream = await left.open(right.self, PROTOCOL);
      await stream.send(frameOf(1000));
      await stream.send(frameOf(1001)).catch(() => undefined);
      expect((await received.promise).map(({ length }) => length)).toEqual([1000]);
      expect(await collect(stream)).toEqual([]);
      expect(right.counts().events['frame-too-long']).toBe(1);
    });

    test('a sender without end waits for a slow reader', async () => {
      const [left, right] = await pair();
      const taken = Promise.withResolvers<PeerStream>();
      const done = Promise.withResolvers<void>();
      right.handle(PROTOCOL, limits, async (stream) => {
        taken.resolve(stream);
        await done.promise;
      });
      const stream = await left.open(right.self, PROTOCOL);
      let sent = 0;
      const sending = (async () => {
        for (;;) {
          await stream.send(frameOf(64 * 1024, sent));
          sent += 1;
        }
      })().catch(() => undefined);
      const reader = (await taken.promise).frames[Symbol.asyncIterator]();
      await untilStill(() => sent);
      const ahead = sent;
      // Both ends together hold a few mebibytes at most.
      expect(ahead * 64 * 1024).toBeLessThan(8 * 2 ** 20);
      for (let i = 0; i < ahead + 100; i++) {
        expect(toDigest((await reader.next()).value as Uint8Array)).toBe(toDigest(frameOf(64 * 1024, i)));
      }
      await untilStill(() => sent);
      expect((sent - ahead - 100) * 64 * 1024).toBeLessThan(8 * 2 ** 20);
      stream.abort();
      await sending;
      done.resolve();
    });

    test('one stream too many is refused', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, echo);
      const streams: PeerStream[] = [];
      for (let i = 0; i < limits.maxStreamsPerPeer; i++) streams.push(await left.open(right.self, PROTOCOL));
      for (const stream of streams) await stream.send(frameOf(1));
      await expect.poll(() => right.counts().events['stream-taken'], patiently).toBe(limits.maxStreamsPerPeer);
      const refused = await left.open(right.self, PROTOCOL).catch(() => undefined);
      if (refused) expect(await collect(refused)).toEqual([]);
      expect(right.counts().events['stream-refused-limit']).toBe(1);
      await streams[0]!.close();
      await expect
        .poll(async () => {
          const again = await left.open(right.self, PROTOCOL);
          await again.send(frameOf(3)).catch(() => undefined);
          const first = await again.frames[Symbol.asyncIterator]().next();
          return first.done ? undefined : first.value.length;
        }, patiently)
        .toBe(3);
    });

    test('streams that come too fast are refused, of any protocol, and whose they are is told', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, echo);
      const crowding = nextEvent(right, 'crowding');
      const refused = () => right.counts().events['stream-refused-rate'] ?? 0;
      for (let i = 0; i < 5 * STREAMS_BURST_MAX && refused() === 0; i++) {
        const stream = await left.open(right.self, PROTOCOL);
        await stream.send(frameOf(1)).catch(() => undefined);
        await stream.close();
        await collect(stream);
      }
      expect(toHex((await crowding).peer)).toBe(toHex(left.self));
      expect(refused()).toBe(1);
      expect(right.counts().events['stream-taken']).toBeGreaterThanOrEqual(STREAMS_BURST_MAX);
    });

    test('who cannot be reached is said to be so', async () => {
      const [left, right] = await pair();
      await expect(left.open(new Uint8Array(right.self).fill(7), PROTOCOL)).rejects.toEqual(unreachable);
      await expect(right.open(left.self, PROTOCOL)).rejects.toEqual(unreachable);
      await expect(left.open(right.self, PROTOCOL)).rejects.toEqual(expect.objectContaining({ code: 'SYNC_REFUSED' }));
      await right[Symbol.asyncDispose]();
      await expect.poll(() => left.peers(), patiently).toEqual([]);
      await expect(left.open(right.self, PROTOCOL)).rejects.toEqual(unreachable);
      await expect(left.open(right.self, PROTOCOL, { signal: AbortSignal.abort() })).rejects.toEqual(
        expect.objectContaining({ code: 'CANCELLED' }),
      );
    });

    test('peers come and go, and both sides are told', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, echo);
      const came = [nextEvent(left, 'connected'), nextEvent(right, 'connected')];
      await left.open(right.self, PROTOCOL);
      expect((await Promise.all(came)).map(({ peer }) => toHex(peer))).toEqual([right.self, left.self].map(toHex));
      expect(left.peers().map(({ peer, direction }) => [toHex(peer), direction])).toEqual([[toHex(right.self), 'out']]);
      expect(right.peers().map(({ peer, direction }) => [toHex(peer), direction])).toEqual([[toHex(left.self), 'in']]);
      const went = nextEvent(left, 'disconnected');
      await right[Symbol.asyncDispose]();
      expect(toHex((await went).peer)).toBe(toHex(right.self));
      expect(left.peers()).toEqual([]);
    });

    test('a peer that is refused loses its lines, and has none until its time is over', async () => {
      const [left, right] = await pair();
      right.addAddresses(left.self, left.addresses());
      left.handle(PROTOCOL, limits, echo);
      right.handle(PROTOCOL, limits, echo);
      const stream = await left.open(right.self, PROTOCOL);
      const went = [nextEvent(left, 'disconnected'), nextEvent(right, 'disconnected')];
      const until = Date.now() + 60_000;
      right.refuse(left.self, until);
      await Promise.all(went);
      expect(await collect(stream)).toEqual([]);
      expect(right.refusedUntil(left.self)).toBe(until);
      await expect(right.open(left.self, PROTOCOL)).rejects.toEqual(unreachable);
      const again = await left.open(right.self, PROTOCOL).catch(() => undefined);
      expect(again && (await collect(again))).toEqual(undefined);
      expect(right.peers()).toEqual([]);
      expect(right.counts().events).toMatchObject({ 'peer-refused': 1, 'line-refused-for-now': 1 });
      world.pass(60_001);
      expect(right.refusedUntil(left.self)).toBeUndefined();
      await expect
        .poll(async () => {
          const stream = await left.open(right.self, PROTOCOL);
          await stream.send(frameOf(7));
          return (await stream.frames[Symbol.asyncIterator]().next()).value;
        }, patiently)
        .toEqual(frameOf(7));
    });

    test('a peer that is refused is not dialled, though it is one to be kept', async () => {
      world = await open();
      const [left, right, third] = [await world.join(), await world.join(), await world.join()];
      left.refuse(right.self, Date.now() + 60_000);
      left.addAddresses(right.self, right.addresses());
      left.addAddresses(third.self, third.addresses());
      const came = nextEvent(left, 'connected');
      left.keepConnected(new Set([toHex(right.self), toHex(third.self)]));
      expect(toHex((await came).peer)).toBe(toHex(third.self));
      const cameToo = nextEvent(left, 'connected', right.self);
      expect(left.counts().events.dial).toBe(1);
      world.pass(60_001);
      await cameToo;
    });

    test('a peer that is to be kept is connected, also after it went away', async () => {
      world = await open();
      const left = await world.join();
      const right = await world.join();
      left.keepConnected(new Set([toHex(right.self)]));
      const came = nextEvent(left, 'connected', right.self);
      left.addAddresses(right.self, right.addresses());
      await came;
      const [went, cameAgain] = [nextEvent(left, 'disconnected'), nextEvent(left, 'connected')];
      left.keepConnected(new Set([toHex(right.self)]));
      await right[Symbol.asyncDispose]();
      await went;
      const third = await world.join();
      left.keepConnected(new Set([toHex(third.self)]));
      left.addAddresses(third.self, third.addresses());
      expect(toHex((await cameAgain).peer)).toBe(toHex(third.self));
    });

    test('bytes are counted by peer and protocol on both sides', async () => {
      const [left, right] = await pair();
      right.handle(PROTOCOL, limits, echo);
      const stream = await left.open(right.self, PROTOCOL);
      await stream.send(frameOf(200));
      const { value } = await stream.frames[Symbol.asyncIterator]().next();
      expect(value).toEqual(frameOf(200));
      expect(left.counts().bytes).toEqual({ [toHex(right.self)]: { [PROTOCOL]: { in: 202, out: 202 } } });
      expect(right.counts().bytes).toEqual({ [toHex(left.self)]: { [PROTOCOL]: { in: 202, out: 202 } } });
      expect(left.counts().events).toMatchObject({ dial: 1, 'line-opened': 1, 'stream-opened': 1 });
      expect(right.counts().events).toMatchObject({ 'line-opened': 1, 'stream-taken': 1 });
    });
  });
}

/** Enough of a frame to tell a difference, short enough to print. */
const toDigest = (frame: Uint8Array): string =>
  `${frame.length}:${toHex(frame.subarray(0, 4))}:${toHex(frame.subarray(-4))}:${frame.reduce((sum, byte) => (sum * 33 + byte) | 0, 5)}`;

/** Waits until a number has not changed for a while. */
export async function untilStill(read: () => number): Promise<void> {
  for (let still = 0, last = read(); still < 20;) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
    still = read() === last ? still + 1 : 0;
    last = read();
  }
}
