import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAnswer, encodeSegmentFrame, type RequestFrame } from './frames.ts';
import { LEAF_BYTES, LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import { REQUESTS_WAITING_MAX, SERVED_FILES_MAX, type ServeEvent, serveSegments } from './serve-segments.ts';
import { createServeGate, REQUEST_COST_BYTES, type ServeLimits } from './serve-gate.ts';
import { createManualTime, settle } from './testing/federation.ts';
import { plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemoryChannel } from './testing/memory-channel.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

async function served(leafCount = 40, limits: ServeLimits = {}) {
  const folder = createMemorySealedFolder();
  const { name } = await sealBytes(folder, plainBytes(leafCount * LEAF_PLAIN_BYTES));
  const events: ServeEvent[] = [];
  let open = 0;
  let openMost = 0;
  const watched = {
    ...folder,
    async open(wanted: SealedName) {
      const source = await folder.open(wanted);
      if (!source) return undefined;
      openMost = Math.max(openMost, ++open);
      return { ...source, close: async () => void (open -= 1) };
    },
  };
  const { requester, server } = createMemoryChannel();
  const controller = new AbortController();
  const time = createManualTime();
  const gate = createServeGate(time, limits);
  const deps = { folder: watched, mayServe: () => true, gate, count: (event: ServeEvent) => void events.push(event) };
  const ended = serveSegments(deps, 'peer', server, { signal: controller.signal });
  const send = (frame: RequestFrame) => requester.send(encodeSegmentFrame(frame));
  return {
    folder,
    name,
    deps,
    time,
    events,
    requester,
    send,
    ended,
    controller,
    openNow: () => open,
    openMost: () => openMost,
  };
}

test('a peer that does not read is sent nothing more, and its requests do not pile up', async () => {
  const { name, events, send, ended, requester, openNow } = await served();
  for (let request = 0; request < REQUESTS_WAITING_MAX; request++) {
    await send({ kind: 'get-leaves', request, name, first: 0, count: 32 });
  }
  await settle();
  // As many as the channel has room for, and the one that waits.
  expect(events.filter((event) => event === 'leaf-sent')).toHaveLength(4);
  await send({ kind: 'get-leaves', request: 999, name, first: 0, count: 32 });
  await ended;
  expect(events.find((event) => event !== 'leaf-sent')).toBe('flood');
  await expect(requester.send(new Uint8Array(5))).rejects.toThrow('closed');
  expect(openNow()).toBe(0);
});

test('a cancelled request ends where it is, also before its turn', async () => {
  const { name, send, requester } = await served();
  await send({ kind: 'get-leaves', request: 1, name, first: 0, count: 32 });
  await send({ kind: 'get-leaves', request: 2, name, first: 0, count: 32 });
  await settle();
  await send({ kind: 'cancel', request: 1 });
  await send({ kind: 'cancel', request: 2 });
  await settle();
  const kinds: string[] = [];
  for await (const bytes of requester.frames) {
    const frame = decodeAnswer(bytes);
    kinds.push(frame.kind === 'fault' ? frame.reason : `${frame.request} ${frame.kind}`);
    if (kinds.at(-1) === '2 end') break;
  }
  expect(kinds.filter((kind) => kind === '1 leaf').length).toBeLessThan(8);
  expect(kinds.slice(-2)).toEqual(['1 end', '2 end']);
});

test('what lies outside a segment, and what is not there, is refused alike', async () => {
  const { name, send, requester, events } = await served();
  const missing = '0'.repeat(64) as SealedName;
  await send({ kind: 'get-leaves', request: 0, name, first: 39, count: 2 });
  await send({ kind: 'get-page', request: 1, name, page: 1 });
  await send({ kind: 'get-root', request: 2, name: missing });
  for (let request = 0; request < 3; request++) {
    const { value } = await requester.frames[Symbol.asyncIterator]().next();
    expect(decodeAnswer(value!)).toEqual({ kind: 'refused', request, reason: 'unavailable' });
  }
  expect(events).toEqual(['outside', 'outside', 'missing']);
});

test('a file that is no sealed file fails its request and not the session', async () => {
  const { folder, name, send, requester, events } = await served();
  folder.bytesOf(`${name}.sealed`)[0]! ^= 1;
  await send({ kind: 'get-root', request: 0, name });
  const next = async () => decodeAnswer((await requester.frames[Symbol.asyncIterator]().next()).value!);
  expect(await next()).toEqual({ kind: 'refused', request: 0, reason: 'failed' });
  folder.bytesOf(`${name}.sealed`)[0]! ^= 1;
  await send({ kind: 'get-root', request: 1, name });
  expect(await next()).toMatchObject({ kind: 'root', request: 1 });
  expect(events).toEqual(['damaged']);
});

test('few files are open at a time and none after the end', async () => {
  const { folder, send, requester, ended, controller, openMost, openNow } = await served();
  for (let i = 0; i < 10; i++) {
    const { name } = await sealBytes(folder, plainBytes(i), i);
    await send({ kind: 'get-root', request: i, name });
    await requester.frames[Symbol.asyncIterator]().next();
  }
  expect(openMost()).toBe(SERVED_FILES_MAX + 1);
  controller.abort();
  await ended;
  expect(openNow()).toBe(0);
});

test('a peer has its bytes a second and no more, over all streams and those it opens again', async () => {
  const bytesPerSecond = 4 * LEAF_BYTES;
  const { name, deps, send, requester, time, events, controller, ended } = await served(40, { bytesPerSecond });
  const received = { bytes: 0 };
  const listen = async (frames: AsyncIterable<Uint8Array>) => {
    for await (const frame of frames) received.bytes += frame.length;
  };
  void listen(requester.frames);
  await send({ kind: 'get-leaves', request: 1, name, first: 0, count: 32 });
  const open = () => {
    const channel = createMemoryChannel();
    const done = serveSegments(deps, 'peer', channel.server);
    void listen(channel.requester.frames);
    return { done, channel: channel.requester };
  };
  let other = open();
  for (let seconds = 0; seconds < 6; seconds += 0.5) {
    await other.channel.send(encodeSegmentFrame({ kind: 'get-leaves', request: 1, name, first: 0, count: 32 }));
    await settle();
    expect(received.bytes).toBeLessThanOrEqual((1 + seconds) * bytesPerSecond);
    other.channel.close();
    await other.done;
    other = open();
    await time.pass(500);
  }
  expect(received.bytes).toBeGreaterThan(3 * bytesPerSecond);
  expect(events).toContain('delayed');
  // Somebody else is not held up by it.
  const stranger = createMemoryChannel();
  void serveSegments(deps, 'stranger', stranger.server);
  await stranger.requester.send(encodeSegmentFrame({ kind: 'get-root', request: 1, name }));
  const { value } = await stranger.requester.frames[Symbol.asyncIterator]().next();
  expect(decodeAnswer(value!)).toMatchObject({ kind: 'root' });
  stranger.requester.close();
  other.channel.close();
  controller.abort();
  await ended;
});

test('asking for what is not there uses the allowance as well', async () => {
  const { send, requester, time, events } = await served(1, { bytesPerSecond: 16 * REQUEST_COST_BYTES });
  void (async () => {
    for await (const _ of requester.frames);
  })();
  for (let request = 0; request < 60; request++) {
    await send({ kind: 'get-root', request, name: '0'.repeat(64) as SealedName });
  }
  await settle();
  expect(events.filter((event) => event === 'missing').length).toBeLessThanOrEqual(16);
  await time.pass(1000);
  expect(events.filter((event) => event === 'missing').length).toBeLessThanOrEqual(33);
  requester.close();
});

test('a peer has so many streams at a time, and another one when it ended one', async () => {
  const { name, deps, requester, ended, events } = await served(1, { streams: 1 });
  const tryIt = async () => {
    const channel = createMemoryChannel();
    const done = serveSegments(deps, 'peer', channel.server);
    const answer = channel.requester.frames[Symbol.asyncIterator]().next();
    await channel.requester.send(encodeSegmentFrame({ kind: 'get-root', request: 1, name })).catch(() => undefined);
    const { done: isOver } = await answer;
    channel.requester.close();
    await done;
    return isOver ? 'hung up' : 'served';
  };
  expect(await tryIt()).toBe('hung up');
  expect(events).toEqual(['busy']);
  requester.close();
  await ended;
  expect(await tryIt()).toBe('served');
  expect(await tryIt()).toBe('served');
});

test('what may not be had is told apart in the counters alone', async () => {
  const { name, deps, events } = await served(1);
  const channel = createMemoryChannel();
  const done = serveSegments({ ...deps, mayServe: () => false }, 'stranger', channel.server);
  await channel.requester.send(encodeSegmentFrame({ kind: 'get-root', request: 1, name }));
  const { value } = await channel.requester.frames[Symbol.asyncIterator]().next();
  expect(decodeAnswer(value!)).toEqual({ kind: 'refused', request: 1, reason: 'unavailable' });
  expect(events).toEqual(['forbidden']);
  channel.requester.close();
  await done;
});

test('whatever is sent, the server answers or hangs up, and never fails', async () => {
  const name = '1'.repeat(64) as SealedName;
  const good = encodeSegmentFrame({ kind: 'get-root', request: 7, name });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), fc.constant(good)), { maxLength: 12 }),
      async (frames) => {
        const { requester, ended } = await served(1);
        void (async () => {
          for await (const _ of requester.frames);
        })();
        for (const frame of frames) await requester.send(frame).catch(() => undefined);
        await settle(5);
        requester.close();
        await ended;
      },
    ),
    { numRuns: 100 },
  );
});
