import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { countingRandom, ed25519, otherKey, upstreamKey } from '#sync/log/testing/fixtures.ts';
import { askPledges, type PledgeOutcome } from './ask-pledges.ts';
import { type GiveDeps, type GiveEvent, givePledges, PLEDGE_MS_MAX } from './give-pledges.ts';
import { createPledgeBook } from './pledge-book.ts';
import { encodeAsk, PLEDGE_NAMES_MAX } from './pledge-frames.ts';
import type { SealedFolder } from './ports.ts';
import { PROOF_LEAVES } from './possession.ts';
import { LEAF_BYTES, LEAF_PLAIN_BYTES } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import { createServeGate, type ServeLimits } from './serve-gate.ts';
import { createManualTime, settle } from './testing/federation.ts';
import { blake3, plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemoryChannel, type OnTheWay } from './testing/memory-channel.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const ASKER = { id: 'asker', publicKey: otherKey.publicKey };
const HOLDER = { id: 'holder', publicKey: upstreamKey.publicKey };
const UNTIL = 10_000;

/** A device that asks and one that holds what is in `theirs`. */
async function pair(limits: ServeLimits = {}) {
  const mine = createMemorySealedFolder();
  const theirs = createMemorySealedFolder();
  const time = createManualTime();
  const stores = { mine: openMemoryStore(), theirs: openMemoryStore() };
  const book = createPledgeBook({ store: stores.mine, clock: time.clock, self: ASKER.publicKey });
  const theirBook = createPledgeBook({ store: stores.theirs, clock: time.clock, self: HOLDER.publicKey });
  const events: GiveEvent[] = [];
  const gate = createServeGate(time, limits);
  const giveDeps: GiveDeps = {
    key: upstreamKey,
    blake3,
    clock: time.clock,
    book: theirBook,
    folder: theirs,
    mayPledge: () => true,
    gate,
    count: (event) => void events.push(event),
  };
  const seal = async (byteCount: number, folders: readonly SealedFolder[], firstKeyByte = 0) => {
    const names = new Set<SealedName>();
    for (const folder of folders) names.add((await sealBytes(folder, plainBytes(byteCount), firstKeyByte)).name);
    return [...names][0]!;
  };
  const open = (give: Partial<GiveDeps> = {}, onTheWay: { toServer?: OnTheWay; toRequester?: OnTheWay } = {}) => {
    const { requester, server } = createMemoryChannel(onTheWay);
    return { requester, ended: givePledges({ ...giveDeps, ...give }, ASKER, server) };
  };
  const ask = async (
    names: readonly SealedName[],
    give: Partial<GiveDeps> = {},
    until = UNTIL,
    toRequester?: OnTheWay,
  ): Promise<Map<SealedName, PledgeOutcome>> => {
    const { requester, ended } = open(give, toRequester && { toRequester });
    const deps = { blake3, ed25519, random: countingRandom(), book, folder: mine };
    try {
      return await askPledges(deps, HOLDER, requester, { names, until });
    } finally {
      await ended;
    }
  };
  return { mine, theirs, time, stores, book, theirBook, events, seal, open, ask };
}

const rules = { until: UNTIL, needed: 1, counts: () => true };

test('of a segment with several names, a pledge under any of them binds and counts', async () => {
  const { mine, theirs, book, theirBook, seal, ask } = await pair();
  const [first, second] = [await seal(10, [mine, theirs], 1), await seal(10, [mine, theirs], 2)];
  expect([...(await ask([second])).values()]).toEqual(['pledged']);
  const gone = async () => true;
  expect(await theirBook.evict([first, second], rules, gone)).toEqual({ kind: 'bound', until: UNTIL });
  expect(await book.evict([first], rules, gone)).toMatchObject({ kind: 'too-few' });
  expect(await book.evict([first, second], rules, gone)).toEqual({ kind: 'free' });
});

test('a segment that stays after all is still bound by the same word', async () => {
  const { mine, theirs, theirBook, time, seal, ask } = await pair();
  const name = await seal(10, [mine, theirs], 1);
  await ask([name]);
  const now = time.clock.now();
  await time.pass(UNTIL);
  const [nonce, signature] = [new Uint8Array(32), new Uint8Array(64)];
  const [holder, asker] = [ASKER.publicKey, HOLDER.publicKey];
  await theirBook.take({ holder, asker, name, until: 3 * UNTIL, nonce, signature });
  expect(await theirBook.evict([name], { ...rules, until: 2 * UNTIL }, async () => false)).toEqual({ kind: 'free' });
  await time.pass(now - time.clock.now());
  expect(await theirBook.isBound(name)).toBe(true);
});

test('what is pledged is in both books, lets the asker evict and binds the holder', async () => {
  const { mine, theirs, time, book, theirBook, events, seal, ask } = await pair();
  const names = [];
  for (let i = 0; i < PLEDGE_NAMES_MAX + 3; i++) names.push(await seal(i * 10, [mine, theirs], i));
  expect(await book.evict([names[0]!], rules, async () => true)).toEqual({ kind: 'too-few', have: 0, needed: 1 });
  expect(new Set((await ask(names)).values())).toEqual(new Set(['pledged']));
  expect(events).toHaveLength(names.length);
  const [pledge] = await book.taken(names[0]!);
  expect(pledge).toMatchObject({ holder: HOLDER.publicKey, asker: ASKER.publicKey, until: UNTIL });

  const removed: SealedName[] = [];
  const remove = (name: SealedName) => async () => removed.push(name) > 0;
  expect(await theirBook.evict([names[0]!], rules, remove(names[0]!))).toEqual({ kind: 'bound', until: UNTIL });
  expect(await book.evict([names[0]!], { ...rules, until: UNTIL + 1 }, remove(names[0]!))).toMatchObject({ have: 0 });
  expect(await book.evict([names[0]!], { ...rules, needed: 2 }, remove(names[0]!))).toMatchObject({ have: 1 });
  expect(await book.evict([names[0]!], rules, remove(names[0]!))).toEqual({ kind: 'free' });
  expect(removed).toEqual([names[0]]);
  await time.pass(UNTIL);
  expect(await theirBook.evict([names[1]!], { ...rules, until: 2 * UNTIL }, remove(names[1]!))).toMatchObject({
    have: 0,
  });
});

test('what is not there, not allowed, too long, over or faulty is declined, each counted', async () => {
  const { mine, theirs, time, events, seal, ask, theirBook } = await pair();
  const here = await seal(100, [mine, theirs]);
  const missing = await seal(100, [mine], 50);
  expect([...(await ask([missing])).values()]).toEqual(['unavailable']);
  expect([...(await ask([here], { mayPledge: () => false })).values()]).toEqual(['unavailable']);
  expect([...(await ask([here], {}, PLEDGE_MS_MAX + 1)).values()]).toEqual(['period']);
  await time.pass(10);
  expect([...(await ask([here], {}, 10)).values()]).toEqual(['period']);
  const failing = { open: () => Promise.reject(new Error('no disk')) };
  expect([...(await ask([here], { folder: failing })).values()]).toEqual(['failed']);
  expect(await theirBook.isBound(here)).toBe(false);
  expect([...(await ask([here])).values()]).toEqual(['pledged']);
  expect(events).toEqual(['missing', 'forbidden', 'period', 'period', 'failed', 'pledged']);
});

test('a pledge that cannot be written is not given, and one that was sent outlives a crash', async () => {
  const { mine, theirs, stores, theirBook, seal, ask } = await pair();
  const name = await seal(100, [mine, theirs]);
  stores.theirs.failNextWrite('DISK_FULL');
  expect([...(await ask([name])).values()]).toEqual(['failed']);
  expect([...(await ask([name])).values()]).toEqual(['pledged']);
  stores.theirs.crash();
  expect(await theirBook.isBound(name)).toBe(true);
  // A shorter one does not shorten it.
  await ask([name], {}, UNTIL - 5000);
  expect(await theirBook.evict([name], rules, async () => true)).toEqual({ kind: 'bound', until: UNTIL });
});

test('a holder that lost a challenged leaf, signs wrongly or repeats itself is not believed', async () => {
  const { mine, theirs, book, seal, ask } = await pair();
  const name = await seal(3 * LEAF_PLAIN_BYTES, [mine, theirs]);
  const file = theirs.bytesOf(`${name}.sealed`);
  file[file.length - 1]! ^= 1;
  expect([...(await ask([name])).values()]).toEqual(['unproven']);
  file[file.length - 1]! ^= 1;
  expect([...(await ask([name], { key: otherKey })).values()]).toEqual(['unsigned']);
  let kept: Uint8Array | undefined;
  const keep: OnTheWay = (frame) => (kept = frame.slice());
  expect([...(await ask([name], {}, UNTIL, keep)).values()]).toEqual(['pledged']);
  const once = await book.taken(name);
  // The same answer to another question: another nonce, or another time.
  expect([...(await ask([name], {}, UNTIL + 1, () => kept)).values()]).toEqual(['unsigned']);
  expect(await book.taken(name)).toEqual(once);
});

test('the asker does not ask for what it has pledged itself, nor for what it does not have', async () => {
  const { mine, theirs, book, events, seal, ask } = await pair();
  const name = await seal(100, [mine, theirs]);
  await book.give(name, HOLDER.publicKey, UNTIL, async () => new Uint8Array(32));
  expect([...(await ask([name])).values()]).toEqual(['bound']);
  expect(events).toEqual([]);
  const foreign = await seal(100, [theirs], 60);
  await expect(ask([foreign])).rejects.toMatchObject({ code: 'SEGMENT_MISSING' });
});

test('while a device asks, only one with a smaller key is pledged the same', async () => {
  const { book } = await pair();
  const name = 'a1'.repeat(32) as SealedName;
  const proof = new Uint8Array(32);
  const give = (key: number) => book.give(name, new Uint8Array(32).fill(key), UNTIL, async () => proof);
  await book.leaving([name], async () => {
    expect(await give(255)).toBe('leaving');
    expect(await give(0)).toEqual(proof);
  });
  expect(await give(255)).toEqual(proof);
});

test('a line that ends, answers that are none and an abort are errors; what was pledged before stays', async () => {
  const { mine, theirs, book, open, seal, ask } = await pair();
  const names = [await seal(100, [mine, theirs]), await seal(200, [mine, theirs], 70)];
  let sent = 0;
  const second =
    (change: OnTheWay): OnTheWay =>
    (frame) =>
      sent++ % 2 === 1 ? change(frame) : frame;
  await expect(
    ask(
      names,
      {},
      UNTIL,
      second(() => Uint8Array.of(99)),
    ),
  ).rejects.toMatchObject({ code: 'SYNC_REFUSED' });
  expect(await book.taken(names[0]!)).toHaveLength(1);
  expect(await book.taken(names[1]!)).toHaveLength(0);

  const deps = { blake3, ed25519, random: countingRandom(), book, folder: mine };
  const cut = open();
  cut.requester.close();
  await expect(askPledges(deps, HOLDER, cut.requester, { names, until: UNTIL })).rejects.toMatchObject({
    code: 'SYNC_INTERRUPTED',
  });
  const silent = open({}, { toRequester: () => undefined });
  const controller = new AbortController();
  const waiting = askPledges(deps, HOLDER, silent.requester, { names, until: UNTIL }, controller);
  await settle(5);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
  await silent.ended;
});

test('proofs use the allowance of the peer, and a flood of anything ends in order', async () => {
  const bytesPerSecond = 2 * PROOF_LEAVES * LEAF_BYTES;
  const { mine, theirs, time, events, seal, open } = await pair({ bytesPerSecond, streams: 1 });
  const names = [];
  for (let i = 0; i < 6; i++) names.push(await seal(i, [mine, theirs], i));
  const { requester, ended } = open();
  void (async () => {
    for await (const _ of requester.frames);
  })();
  await requester.send(encodeAsk({ nonce: new Uint8Array(32), until: UNTIL, names }));
  await settle();
  expect(events).toEqual(['pledged', 'pledged']);
  const other = open();
  await other.ended;
  expect(events.at(-1)).toBe('busy');
  await time.pass(1000);
  expect(events.filter((event) => event === 'pledged').length).toBeLessThanOrEqual(4);
  requester.close();
  await time.pass(60_000);
  await ended;
});

test('whatever is sent, the holder answers or hangs up, and never fails', async () => {
  const { open } = await pair();
  const good = encodeAsk({ nonce: new Uint8Array(32), until: UNTIL, names: ['1'.repeat(64) as SealedName] });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 120 }), fc.constant(good)), { maxLength: 8 }),
      async (frames) => {
        const { requester, ended } = open();
        void (async () => {
          for await (const _ of requester.frames);
        })();
        for (const frame of frames) await requester.send(frame).catch(() => undefined);
        await settle(5);
        requester.close();
        await ended;
      },
    ),
    { numRuns: 60 },
  );
});
