import { beforeEach, expect, it } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { SNAPSHOT_PIECE_SCHEMA, SNAPSHOT_SCHEMA, takeSnapshot } from '#sync/compaction/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import type { CompactionRules } from './compaction-rules.ts';
import { readReplica } from './replicas.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode } from './testing/federation.ts';

const ASKED_ONLY: CompactionRules = { operations: Infinity, bytes: Infinity, retentionMs: Infinity, turnMs: 0 };

let ada: FederationNode;
let bob: FederationNode;
let mal: FederationNode;

beforeEach(async () => {
  const open = (name: string) => newNode(name, { compaction: ASKED_ONLY });
  [ada, bob, mal] = [await open('ada'), await open('bob'), await open('mal')];
  await ada.spaces.createSpace('team');
  for (const guest of [bob, mal]) await invite(ada, guest, 'team', 'write');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await work(ada);
  await agree(ada, bob, mal);
});

async function work(node: FederationNode): Promise<void> {
  for (let i = 0; i < 15; i++) {
    await node.update('sales', { description: `Sales of week ${i}, as ${node.name} has them.`, tags: [`week ${i}`] });
    await node.spaces.settle();
  }
}

/** Signs a correct snapshot of what there is, without a word for it. */
async function signSnapshot(node: FederationNode): Promise<void> {
  const space = await node.spaces.find('team');
  const { id: asset } = await node.catalog.getAsset('sales');
  const deps = { store: node.disk.store, blake3, openDocument: openYjsDocument };
  const { record, pieces } = takeSnapshot(deps, (await readReplica(deps, space.record.space, asset))!)!;
  const contents = [
    { schema: SNAPSHOT_SCHEMA, bytes: record },
    ...pieces.map((bytes) => ({ schema: SNAPSHOT_PIECE_SCHEMA, bytes })),
  ];
  await space.signData(
    contents.map(({ schema, bytes }) => ({
      schema,
      subject: asset,
      dependencies: [],
      content: { kind: 'record', bytes },
    })),
  );
}

const wordsOf = async (node: FederationNode): Promise<number> => {
  const { words } = (await node.spaces.find('team')).acknowledged;
  return words.filter(({ devices }) => devices.has(toHex(node.device))).length;
};

it('acknowledges one of many snapshots that say the same, and another once much came', async () => {
  for (let i = 0; i < 6; i++) await signSnapshot(mal);
  await meet(mal, bob);
  await bob.spaces.compactSpace('team');
  expect(await wordsOf(bob)).toBe(1);
  // Each covers the one before it, and nothing else that is new.
  for (let i = 0; i < 3; i++) {
    await mal.spaces.settle();
    await signSnapshot(mal);
  }
  await meet(mal, bob);
  await bob.spaces.compactSpace('team');
  expect(await wordsOf(bob)).toBe(1);
  await work(mal);
  await mal.spaces.settle();
  await signSnapshot(mal);
  await meet(mal, bob);
  await bob.spaces.compactSpace('team');
  expect(await wordsOf(bob)).toBe(2);
});

it('lets members agree who acknowledged different ones of the same', async () => {
  for (const node of [ada, bob, mal]) await node.spaces.compactSpace('team');
  await agree(ada, bob, mal);
  for (const node of [ada, bob, mal]) {
    await node.spaces.compactSpace('team');
    await agree(ada, bob, mal);
  }
  const { snapshots, prunedOperations } = (await ada.spaces.describeSpace('team')).compaction;
  expect(snapshots).toBe(1);
  expect(prunedOperations).toBeGreaterThan(10);
});

it('leaves room in the control log for what else a member has to say', async () => {
  const space = await bob.spaces.find('team');
  const { hasControlRoom } = space.store;
  while (hasControlRoom(bob.device, 513)) {
    await space.signControl(
      Array.from({ length: 64 }, () => ({ schema: 'granary.nothing.v1', content: Uint8Array.of(0) })),
    );
  }
  await bob.spaces.compactSpace('team');
  expect(await wordsOf(bob)).toBe(0);
  expect(hasControlRoom(bob.device, 400)).toBe(true);
});
