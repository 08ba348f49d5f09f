import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAnswer, encodeSegmentFrame, type RequestFrame } from './frames.ts';
import { LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import { REQUESTS_WAITING_MAX, SERVED_FILES_MAX, type ServeEvent, serveSegments } from './serve-segments.ts';
import { settle } from './testing/federation.ts';
import { plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemoryChannel } from './testing/memory-channel.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

async function served(leafCount = 40) {
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
  const ended = serveSegments(
    { folder: watched, mayServe: () => true, count: (event) => events.push(event) },
    'peer',
    server,
    { signal: controller.signal },
  );
  const send = (frame: RequestFrame) => requester.send(encodeSegmentFrame(frame));
  return { folder, name, events, requester, send, ended, controller, openNow: () => open, openMost: () => openMost };
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
  expect(events).toEqual(['refused', 'refused', 'refused']);
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
  expect(events).toEqual(['failed']);
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
