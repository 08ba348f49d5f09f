import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { joinOperation, type SignedOperation, signOperation } from '#sync/log/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { withBadSignature } from '#sync/log/testing/signed-logs.ts';
import { type OperationStore, openSpaceView, runSession, TipTree } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements, openMemoryOperationStore } from '#sync/reconcile/testing/memory-stores.ts';
import { named, SPACE as SPACE_ID, SYNC_BINDING, unverifiedKey } from '#sync/reconcile/testing/sync-world.ts';
import {
  bytesOf,
  keyOf,
  logOf,
  openSpaceNode,
  signDevice,
  signGrant,
  signRegistration,
  signText,
} from './testing/space-world.ts';

const TINY_LOGS = 12_000;

const founder = signDevice('founder', 3);
const anna = signDevice('anna', 3);
const grant = signGrant(founder.control, founder.controlOperations[1], 'anna');
const honest = bytesOf([
  ...founder.controlOperations,
  grant,
  ...anna.controlOperations,
  ...founder.dataOperations,
  ...anna.dataOperations,
]);

/** What a node has: the root over its tips, and every key of its store. */
async function stateOf(node: Awaited<ReturnType<typeof openSpaceNode>>) {
  const { root } = TipTree.of(blake3, await Array.fromAsync(node.space.tips()));
  const keys: string[] = [];
  for await (const [key] of node.store.entries({ gte: '', lt: '~' })) keys.push(key);
  return { root: toHex(root), keys };
}

/** One session; the honest side answers. */
async function meet(peer: OperationStore, node: OperationStore) {
  const [near, far] = createMemoryLine();
  const refusals: string[] = [];
  const side = async (store: OperationStore, role: 'initiator' | 'responder', other: string) => {
    const view = await openSpaceView({ blake3 }, SPACE_ID, store);
    const onRefusal = (reason: string) => void refusals.push(reason);
    const deps = { blake3, random: countingRandom(), agreements: createMemoryAgreements(), onRefusal };
    const channel = role === 'initiator' ? near : far;
    const session = { role, channel, peerId: named(other), binding: SYNC_BINDING, views: [view] };
    return { report: await runSession(deps, session), root: toHex(view.root) };
  };
  const [, answered] = await Promise.all([side(peer, 'initiator', 'victim'), side(node, 'responder', 'peer')]);
  return { ...answered, refusals };
}

/** The first operation of a log that nobody registered. */
function signTiny(publicKey: Uint8Array, number: number): Uint8Array {
  const extensions = { logId: named(`tiny ${number}`), timestampMicros: 1n, pruneFlag: false };
  const key = { ...unverifiedKey('forger'), publicKey };
  return joinOperation(
    signOperation({ key, blake3 }, { seq: 0, backlink: undefined, extensions, body: Uint8Array.of(1) }),
  );
}

describe('a peer with a great many tiny logs', () => {
  test.each([
    ['of devices that nobody knows', (number: number) => named(`author ${number}`), 'forbidden'],
    ['in the name of a member', () => keyOf('founder').publicKey, 'gap'],
  ] as const)('%s is refused, and leaves nothing behind', async (_, authorOf, reason) => {
    const node = await openSpaceNode();
    await node.space.append(honest);
    const before = await stateOf(node);
    const peer = openMemoryOperationStore(blake3, named('peer'));
    await peer.append(Array.from({ length: TINY_LOGS }, (_, number) => signTiny(authorOf(number), number)));
    const { report, refusals, root } = await meet(peer, node.space);
    expect([report.end, report.refusal]).toEqual(['refused', 'too-many-refused-operations']);
    expect(refusals).toEqual(['too-many-refused-operations']);
    expect(await stateOf(node)).toEqual(before);
    expect(root).toBe(before.root);
    const [outcome] = await node.space.append([signTiny(authorOf(1), 1)]);
    expect(outcome).toEqual({ outcome: 'refused', reason });
  });
});

describe('a peer that forges', () => {
  const forged = (operation: SignedOperation) => joinOperation(withBadSignature(operation));

  test('an author is found out at once in control logs, and later in data logs, where the true one takes over', async () => {
    const node = await openSpaceNode();
    await node.space.append(honest);
    const before = await stateOf(node);
    const controlNext = signGrant(founder.control, grant, 'accomplice');
    expect(await node.space.append([forged(controlNext)])).toEqual([{ outcome: 'refused', reason: 'invalid' }]);
    expect(node.known.has(toHex(keyOf('accomplice').publicKey))).toBe(false);
    const dataNext = signText(founder.data, founder.dataOperations.at(-1), 'next');
    expect(await node.space.append([forged(dataNext)])).toMatchObject([{ outcome: 'stored' }]);
    while (await node.logs.verifyNext());
    expect((await stateOf(node)).root).toBe(before.root);
    expect(await node.space.append([joinOperation(dataNext)])).toMatchObject([{ outcome: 'stored' }]);
  });

  test('a contradiction does not end an honest log', async () => {
    const node = await openSpaceNode();
    await node.space.append(honest);
    const before = await stateOf(node);
    const other = signText(founder.data, founder.dataOperations[0], 'never said');
    const after = signText(founder.data, other, 'nor this');
    const unlinked = signText(founder.data, { id: named('nothing'), header: { seq: 2 } }, 'nor that');
    expect(await node.space.append([other, after, unlinked].map(forged))).toEqual(
      [1, 2, 3].map(() => ({ outcome: 'refused', reason: 'invalid' })),
    );
    expect(await stateOf(node)).toEqual(before);
  });

  test('a tip gets no agreement and changes nothing', async () => {
    const node = await openSpaceNode();
    await node.space.append(honest);
    const before = await stateOf(node);
    const liar = await openSpaceNode();
    await liar.space.append(honest);
    const lie = (tip: Awaited<ReturnType<OperationStore['tip']>>) =>
      tip && toHex(tip.logId) === toHex(founder.data.logId) ? { ...tip, operationId: named('another') } : tip;
    const peer: OperationStore = {
      ...liar.space,
      async *tips() {
        for await (const tip of liar.space.tips()) yield lie(tip)!;
      },
      tip: async (author, logId) => lie(await liar.space.tip(author, logId)),
    };
    const { report } = await meet(peer, node.space);
    expect(report.spaces.map(({ equal }) => equal)).toEqual([false]);
    expect(await stateOf(node)).toEqual(before);
  });
});

test('operations that come again and in any order lead to the same logs', async () => {
  const expected = await openSpaceNode();
  await expected.space.append(honest);
  const { root } = await stateOf(expected);
  const order = fc.shuffledSubarray([...honest, ...honest], { minLength: honest.length });
  await fc.assert(
    fc.asyncProperty(fc.array(order, { maxLength: 3 }), fc.integer({ min: 1, max: 9 }), async (orders, size) => {
      const node = await openSpaceNode();
      const messages = orders.flat();
      for (let i = 0; i < messages.length; i += size) await node.space.append(messages.slice(i, i + size));
      await node.space.append(honest);
      expect((await stateOf(node)).root).toBe(root);
    }),
    { numRuns: 30 },
  );
});

test('a device may register no more logs than its quota', async () => {
  const quotas = { deviceLogs: 5, logs: 100, deviceBytes: 1e9, bytes: 1e9 };
  const node = await openSpaceNode({ quotas });
  const begun = Array.from({ length: 9 }, (_, i) => {
    const log = logOf('founder', 'control', `${i}`);
    return joinOperation(signRegistration(log, undefined, log));
  });
  const outcomes = await node.space.append(begun);
  expect(outcomes.filter(({ outcome }) => outcome === 'stored')).toHaveLength(5);
  expect(outcomes.slice(5)).toEqual([6, 7, 8, 9].map(() => ({ outcome: 'refused', reason: 'quota' })));
  expect(await Array.fromAsync(node.space.tips())).toHaveLength(5);
});
