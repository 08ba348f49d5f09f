import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { openSpaceView, runSession } from '#sync/reconcile/index.ts';
import { createMemoryAgreements, openMemoryOperationStore } from '#sync/reconcile/testing/memory-stores.ts';
import { createMemoryNetwork, type PeerStream } from '#sync/transport/index.ts';
import { keyOf, realClock, realRandom } from '#sync/transport/testing/fixtures.ts';
import { openSessionStream, type SessionStream } from './session-stream.ts';
import { goldenSessions } from './testing/golden-sessions.ts';

const deps = { blake3, clock: realClock, wait: systemWait };
const PROTOCOL = '/granary/test/1';

/** Both ends of a stream, and the frames that the one who opened it sends. */
async function openPair(): Promise<{ left: SessionStream; right: SessionStream; sent: Uint8Array[] }> {
  const network = createMemoryNetwork({ ...deps, random: realRandom });
  const [here, there] = [network.join(keyOf(1)), network.join(keyOf(2))];
  onTestFinished(async () => {
    await here[Symbol.asyncDispose]();
    await there[Symbol.asyncDispose]();
  });
  here.addAddresses(there.self, there.addresses());
  const taken = Promise.withResolvers<PeerStream>();
  there.handle(PROTOCOL, { maxFrameBytes: 2 ** 20, maxStreamsPerPeer: 4 }, async (stream) => {
    taken.resolve(stream);
    await new Promise(() => undefined);
  });
  const stream = await here.open(there.self, PROTOCOL);
  const sent: Uint8Array[] = [];
  const noted: PeerStream = {
    ...stream,
    send(frame) {
      sent.push(frame);
      return stream.send(frame);
    },
  };
  return { left: openSessionStream(deps, noted), right: openSessionStream(deps, await taken.promise), sent };
}

/** One session about a space that both sides have, with a nonce that is always the same. */
async function session(role: 'initiator' | 'responder', stream: SessionStream) {
  const { channel, binding } = stream.nextSession();
  const view = await openSpaceView({ blake3 }, new Uint8Array(32).fill(5), openMemoryOperationStore(blake3, keyOf(3)));
  const random = { bytes: (byteCount: number) => new Uint8Array(byteCount).fill(9) };
  return runSession(
    { blake3, random, agreements: createMemoryAgreements() },
    { role, channel, peerId: stream.peer, binding, views: [view] },
  );
}

test('sessions run one after another over one stream, and nothing of one means anything in another', async () => {
  const { left, right, sent } = await openPair();
  for (let i = 0; i < 20; i++) {
    const [mine, theirs] = await Promise.all([session('initiator', left), session('responder', right)]);
    expect([mine, theirs]).toMatchObject([
      { end: 'complete', spaces: [{ equal: true }] },
      { end: 'complete', spaces: [{ equal: true }] },
    ]);
  }
  // The nonce was the same each time.
  expect(sent).toHaveLength(20);
  expect(new Set(sent.map(toHex)).size).toBe(20);
});

test('the first frame of the next session waits for it, and the end of the stream is seen', async () => {
  const { left, right } = await openPair();
  const send = async (byte: number) => left.nextSession().channel.send(Uint8Array.of(byte));
  await send(1);
  expect(await right.hasMore()).toBe(true);
  expect(await right.hasMore()).toBe(true);
  const first = right.nextSession().channel.receive()[Symbol.asyncIterator]();
  expect((await first.next()).value).toEqual(Uint8Array.of(1));
  const later = right.hasMore();
  await send(2);
  expect(await later).toBe(true);
  const second = right.nextSession().channel.receive()[Symbol.asyncIterator]();
  expect((await second.next()).value).toEqual(Uint8Array.of(2));
  await left.close();
  expect(await right.hasMore()).toBe(false);
  expect((await right.nextSession().channel.receive()[Symbol.asyncIterator]().next()).done).toBe(true);
});

test('bindings are those of the golden file', () => {
  const file = new URL('../../tests/golden/peers-v1/sessions.json', import.meta.url);
  expect(goldenSessions()).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});
