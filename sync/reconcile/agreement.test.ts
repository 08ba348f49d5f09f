import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { type Agreement, changedSince, makeAgreement } from './agreement.ts';
import { AGREEMENT_LAG_MAX, AGREEMENT_PENDING_MAX, ARRIVALS_READ_MAX } from './limits.ts';
import type { Arrival } from './ports.ts';
import { openSpaceView } from './space-view.ts';
import { meet, named, openSyncNode, SPACE } from './testing/sync-world.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';

test('remembers what is in it, and what came meanwhile', async () => {
  const node = await openSyncNode('anna');
  await node.write('anna', 'old', 'one');
  await node.write('anna', 'grows', 'one');
  const agreed = node.view.snapshot().tree;
  await node.write('anna', 'grows', 'two');
  await node.write('anna', 'new', 'one');
  const agreement = makeAgreement(node.store, agreed, node.view.snapshot())!;
  expect(toHex(agreement.root)).toBe(toHex(agreed.root));
  await node.write('anna', 'grows', 'three');
  await node.write('anna', 'later', 'one', 'two');
  const changed = (await changedSince(node.store, agreement, node.view.snapshot().tree))!;
  const told = new Map(changed.map(({ entry, seqBefore }) => [toHex(entry.tip.logId), [seqBefore, entry.tip.seq]]));
  expect(told).toEqual(
    new Map([
      [toHex(named('grows')), [0, 2]],
      [toHex(named('new')), [-1, 0]],
      [toHex(named('later')), [-1, 1]],
    ]),
  );
});

test('is not made when too much came meanwhile', async () => {
  const node = await openSyncNode('anna');
  const agreed = node.view.snapshot().tree;
  for (let i = 0; i < AGREEMENT_PENDING_MAX; i++) await node.write('anna', `log ${i}`, 'one');
  expect(makeAgreement(node.store, agreed, node.view.snapshot())?.pending).toHaveLength(AGREEMENT_PENDING_MAX);
  await node.write('anna', 'one more', 'one');
  expect(makeAgreement(node.store, agreed, node.view.snapshot())).toBeUndefined();
});

test('says nothing of another incarnation, or after too many arrivals', async () => {
  const node = await openSyncNode('anna');
  await node.write('anna', 'log', 'one');
  const { tree } = node.view.snapshot();
  const agreement: Agreement = { root: tree.root, incarnation: node.store.incarnation, arrival: 0, pending: [] };
  expect(await changedSince(node.store, agreement, tree)).toHaveLength(1);
  expect(await changedSince(node.store, { ...agreement, incarnation: named('other') }, tree)).toBeUndefined();
  const arrival: Arrival = { author: named('anna'), logId: named('log'), seq: 0 };
  let read = 0;
  const endless = {
    ...node.store,
    async *arrivalsAfter() {
      for (;;) {
        read += 1;
        yield arrival;
      }
    },
  };
  expect(await changedSince(endless, agreement, tree)).toBeUndefined();
  expect(read).toBe(ARRIVALS_READ_MAX + 1);
});

test('is renewed when much arrived in other spaces, and otherwise left alone', async () => {
  const [anna, ben] = [await openSyncNode('anna'), await openSyncNode('ben')];
  await anna.write('anna', 'log', 'one');
  await meet(anna, ben);
  const arrivalOf = async () => (await anna.agreements.get(ben.id, SPACE))?.arrival;
  for (const [elsewhere, remembered] of [
    [AGREEMENT_LAG_MAX - 1, 1],
    [AGREEMENT_LAG_MAX, AGREEMENT_LAG_MAX + 1],
  ] as const) {
    const store = { ...anna.store, lastArrival: async () => (await anna.store.lastArrival()) + elsewhere };
    await meet({ ...anna, view: await openSpaceView({ blake3 }, SPACE, store) }, ben);
    expect(await arrivalOf()).toBe(remembered);
  }
});
