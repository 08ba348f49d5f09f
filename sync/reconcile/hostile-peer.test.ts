import { describe, expect, test } from 'vitest';
import { equalBytes } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { createDice } from '#tests/fuzz/dice.ts';
import { mutateBytes } from '#tests/fuzz/mutate-bytes.ts';
import { decodeFrame, encodeFrame, type FrameBody, type FrameName } from './frames.ts';
import { SYNC_WINDOW_BYTES_MAX } from './limits.ts';
import type { FrameChannel } from './ports.ts';
import { REFUSAL_REASONS, type RefusalReason } from './refusal.ts';
import { createSessionKeys } from './session-keys.ts';
import { goldenCases, playGoldenSession } from './testing/golden-sessions.ts';
import { openSyncNode, runSide, SPACE, SYNC_BINDING, type SyncNode } from './testing/sync-world.ts';
import { TipTree } from './tip-tree.ts';

const SESSIONS = 600;

/** A peer that says what it says, whatever it hears. */
function deafPeer(frames: Iterable<Uint8Array>) {
  const heard: Uint8Array[] = [];
  const channel: FrameChannel = {
    send: async (frame) => void heard.push(frame),
    async *receive() {
      yield* frames;
    },
    close: async () => undefined,
  };
  return { channel, heard };
}

const frame = <N extends FrameName>(name: N, body: FrameBody<N>) => encodeFrame(name, body);

/** The frames of a peer that knows the space and has an operation that the victim lacks. */
const NONCE = new Uint8Array(12).fill(5);
const keys = createSessionKeys(blake3, NONCE, SYNC_BINDING);
const hello = frame('hello', { nonce: NONCE, spaces: [{ tag: keys.tag(SPACE), root: new Uint8Array(16) }] });
const covered = new Uint8Array(32).fill(255);
const listing = (count: number, logOperations = 1) =>
  frame('tips', {
    covered,
    tips: Array.from({ length: count }, (_, i) => ({
      hint: Uint8Array.of(i, 1, 2, 3, 4, 5, 6, 7),
      logOperations,
      fork: 0,
      check: covered.subarray(0, 4),
    })),
  });
const supply = (operationCount: number, byteCount: number) => frame('supply', { operationCount, byteCount });
const stored = (operationCount: number, byteCount: number) => frame('stored', { operationCount, byteCount });
const operations = (count: number, byteCount: number) =>
  frame('operations', { operations: Array.from({ length: count }, () => new Uint8Array(byteCount)) });
const done = frame('done', { root: new Uint8Array(8), storedCount: 0, missing: [] });

async function victim(): Promise<SyncNode> {
  const node = await openSyncNode('victim');
  for (let i = 0; i < 5; i++) await node.write('victim', `log ${i}`, 'one', 'two');
  return node;
}

describe('a peer that knows the space', () => {
  test.each<[string, Iterable<Uint8Array>, RefusalReason]>([
    ['says a frame out of turn', [hello, done], 'frame-unexpected'],
    ['says hello twice', [hello, hello], 'frame-unexpected'],
    ['acknowledges operations that were never sent', [hello, stored(1, 0)], 'acknowledgement-too-large'],
    ['acknowledges bytes that were never sent', [hello, stored(0, 1)], 'acknowledgement-too-large'],
    [
      'lists a tip outside of its buckets',
      [
        hello,
        frame('tips', {
          covered: new Uint8Array(32),
          tips: [{ hint: new Uint8Array(8), logOperations: 1, fork: 0, check: new Uint8Array(4) }],
        }),
      ],
      'tip-outside-buckets',
    ],
    ['announces more than was asked for', [hello, listing(1), supply(2, 9)], 'announcement-too-large'],
    ['sends more than it announced', [hello, listing(2), supply(2, 9), operations(3, 3)], 'operations-unannounced'],
    [
      'sends larger operations than it announced',
      [hello, listing(2), supply(2, 9), operations(2, 5)],
      'operations-unannounced',
    ],
    [
      'sends smaller operations than it announced',
      [hello, listing(2), supply(2, 9), operations(2, 3)],
      'operations-unannounced',
    ],
    [
      'never stops sending garbage',
      (function* () {
        yield* [hello, listing(1, 900_000), supply(900_000, 900_000)];
        for (;;) yield operations(100, 1);
      })(),
      'too-many-refused-operations',
    ],
    ['sends garbage', [hello, Uint8Array.of(99, 1, 2, 3)], 'frame-unknown'],
  ])('and %s is refused', async (_, frames, reason) => {
    const node = await victim();
    const before = node.store.operationIds();
    const { channel, heard } = deafPeer(frames);
    const report = await runSide(node, new Uint8Array(32), 'responder', channel);
    expect([report.end, report.refusal]).toEqual(['refused', reason]);
    expect(node.refusals).toEqual(new Map([[reason, 1]]));
    expect(decodeFrame(heard.at(-1)!)).toEqual({ name: 'refused', body: { reason } });
    expect(node.store.operationIds()).toEqual(before);
  });

  test('and wants what was not listed is refused', async () => {
    for (const want of [
      { index: 5, itemStart: 0, itemCount: 1 },
      { index: 0, itemStart: 2, itemCount: 1 },
      { index: 0, itemStart: 1, itemCount: 2 },
      { index: 0, itemStart: 0, itemCount: 0 },
    ]) {
      const node = await victim();
      const buckets = frame('buckets', { filled: new Uint8Array(32), checks: [] });
      const plan = frame('plan', { operationCount: 0, byteCount: 0, wants: [want] });
      // The victim starts here, so the peer must answer for its one space.
      const answer = frame('answer', { verdicts: ['differs'], roots: [] });
      const { channel } = deafPeer([answer, buckets, plan]);
      const report = await runSide(node, new Uint8Array(32), 'initiator', channel);
      expect([report.end, report.refusal]).toEqual(['refused', 'want-outside-list']);
    }
  });

  test('and does not answer for each space is refused', async () => {
    const { channel } = deafPeer([frame('answer', { verdicts: [], roots: [] })]);
    const report = await runSide(await victim(), new Uint8Array(32), 'initiator', channel);
    expect([report.end, report.refusal]).toEqual(['refused', 'answer-incomplete']);
  });

  test('and acknowledges nothing gets no more than the window', async () => {
    const node = await openSyncNode('victim');
    for (let i = 0; i < 100; i++) await node.write('victim', 'large', 'x'.repeat(100_000));
    const { channel, heard } = deafPeer([hello, frame('tips', { covered, tips: [] })]);
    const report = await runSide(node, new Uint8Array(32), 'responder', channel);
    expect(report.end).toBe('interrupted');
    const sent = heard.reduce((sum, { length }) => sum + length, 0);
    expect(sent).toBeGreaterThan(SYNC_WINDOW_BYTES_MAX / 2);
    expect(sent).toBeLessThan(SYNC_WINDOW_BYTES_MAX + 10_000);
  });

  test('and closes the line is no fault', async () => {
    const { channel } = deafPeer([hello]);
    const node = await victim();
    expect((await runSide(node, new Uint8Array(32), 'responder', channel)).end).toBe('interrupted');
    expect(node.refusals.size).toBe(0);
  });
});

test(`${SESSIONS} sessions with a damaged frame end with a reason and leave the store whole`, async () => {
  const ends = new Map<string, number>();
  const recorded = new Map<string, Awaited<ReturnType<typeof playGoldenSession>>>();
  for (const [name, prepare] of Object.entries(goldenCases))
    recorded.set(name, await playGoldenSession(await prepare()));
  const cases = [...recorded.keys()];
  const everyFrame = [...recorded.values()].flatMap(({ frames }) => [...frames.initiator, ...frames.responder]);
  for (let seed = 1; seed <= SESSIONS; seed++) {
    const dice = createDice(seed);
    const name = dice.pick(cases);
    const role = dice.pick(['initiator', 'responder'] as const);
    const { frames, nonce } = recorded.get(name)!;
    const said = frames[role === 'initiator' ? 'responder' : 'initiator'].slice();
    const at = dice.below(said.length);
    if (dice.chance(0.8)) said[at] = mutateBytes(dice, said[at]!, everyFrame);
    else said.splice(at, dice.below(2), dice.pick(everyFrame));
    const nodes = await goldenCases[name]!();
    const node = nodes[role];
    const before = node.store.operationIds();
    const { channel } = deafPeer(said);
    const peerId = nodes[role === 'initiator' ? 'responder' : 'initiator'].id;
    const report = await runSide(node, peerId, role, channel, { random: { bytes: () => nonce } });
    const context = `seed ${seed}: ${name}, ${role}, frame ${at}`;
    ends.set(report.end, (ends.get(report.end) ?? 0) + 1);
    if (report.end === 'refused') {
      expect(Object.keys(REFUSAL_REASONS), context).toContain(report.refusal);
      expect(node.refusals.get(report.refusal!), context).toBe(1);
    }
    const after = new Set(node.store.operationIds());
    const isForked = node.store.forks().length > 0;
    expect(isForked || before.every((id) => after.has(id)), context).toBe(true);
    const tree = TipTree.of(blake3, await Array.fromAsync(node.store.tips()));
    expect(equalBytes(tree.root, node.view.root), context).toBe(true);
  }
  console.log(`sessions with a damaged frame: ${JSON.stringify(Object.fromEntries(ends))}`);
  for (const end of ['complete', 'refused', 'interrupted']) expect(ends.get(end), end).toBeGreaterThan(0);
});
