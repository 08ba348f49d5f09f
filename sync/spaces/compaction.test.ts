import { beforeEach, describe, expect, it } from 'vitest';
import { fromHex, toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import {
  ACKNOWLEDGE_SCHEMA,
  coveredBy,
  decodeSnapshotRecord,
  encodeAcknowledgeRecord,
  SNAPSHOT_PIECE_SCHEMA,
  SNAPSHOT_SCHEMA,
  takeSnapshot,
} from '#sync/compaction/index.ts';
import { assetHeads, foldAsset, openYjsDocument } from '#sync/documents/index.ts';
import { isPruned, joinOperation, signOperation, splitStored } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import type { CompactionRules } from './compaction-rules.ts';
import { forgetProjection } from './forget-projection.ts';
import { collectOperations, type StoredOperation } from './refold-assets.ts';
import { readReplica } from './replicas.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode, projectionHash } from './testing/federation.ts';

const ASKED_ONLY: CompactionRules = { operations: Infinity, bytes: Infinity, retentionMs: Infinity, turnMs: 0 };
const open = (name: string, compaction = ASKED_ONLY) => newNode(name, { compaction });

let ada: FederationNode;
let bob: FederationNode;
let cleo: FederationNode;

beforeEach(async () => {
  [ada, bob, cleo] = [await open('ada'), await open('bob'), await open('cleo')];
  await ada.spaces.createSpace('team');
  for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(ada, bob, cleo);
});

/** Some weeks of work of two devices on one asset. */
async function work(...nodes: readonly FederationNode[]): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const node = nodes[i % nodes.length]!;
    await node.update('sales', { description: `Sales of week ${i}, as ${node.name} has them.`, tags: [`week ${i}`] });
    await node.spaces.settle();
    if (i % 4 === 0) await agree(...nodes);
  }
  await agree(...nodes);
}

const pruned = async (node: FederationNode): Promise<number> =>
  (await node.spaces.describeSpace('team')).compaction.prunedOperations;
const hashes = async (...nodes: readonly FederationNode[]) =>
  new Set(await Promise.all(nodes.map((node) => projectionHash(node, 'team')))).size;

/** All members come to the state by themselves, and what came before goes. */
async function compact(...nodes: readonly FederationNode[]): Promise<void> {
  await nodes[0]!.spaces.compactSpace('team');
  await agree(...nodes);
  for (const node of nodes.slice(1)) await node.spaces.compactSpace('team');
  await agree(...nodes);
}

describe('a snapshot that enough members acknowledged', () => {
  it('stands for what came before, and everybody shows the same as before', async () => {
    await work(ada, bob);
    await agree(ada, bob, cleo);
    const before = (await cleo.catalog.getAsset('sales')).description;
    expect(await ada.spaces.compactSpace('team')).toMatchObject({ taken: 1, acknowledged: 1, droppedOperations: 0 });
    await agree(ada, bob, cleo);
    expect((await bob.spaces.describeSpace('team')).compaction.waiting).toMatchObject([
      { acknowledgements: 1, needed: 3 },
    ]);
    expect(await bob.spaces.compactSpace('team')).toMatchObject({ taken: 0, acknowledged: 1, droppedOperations: 0 });
    await agree(ada, bob, cleo);
    const last = await cleo.spaces.compactSpace('team');
    expect(last).toMatchObject({ taken: 0, acknowledged: 1, waiting: [] });
    expect(last.droppedOperations).toBeGreaterThan(10);
    await agree(ada, bob, cleo);
    expect(await hashes(ada, bob, cleo)).toBe(1);
    for (const node of [ada, bob, cleo]) {
      expect(await pruned(node)).toBe(last.droppedOperations);
      expect((await node.catalog.getAsset('sales')).description).toBe(before);
    }
    await work(bob, ada);
    await agree(ada, bob, cleo);
    expect(await hashes(ada, bob, cleo)).toBe(1);
    expect((await cleo.catalog.getAsset('sales')).tags).toContain('week 11');
  });

  it('is what a new member folds from, as it does what came after', async () => {
    await work(ada, bob);
    await agree(ada, bob, cleo);
    await compact(ada, bob, cleo);
    await work(ada, bob);
    const dora = await open('dora');
    await invite(ada, dora, 'team', 'write');
    expect(await meet(dora, ada)).toMatchObject({ end: 'complete', spaces: [{ equal: true }] });
    await agree(ada, bob, cleo, dora);
    expect(await pruned(dora)).toBe(await pruned(ada));
    expect(await pruned(dora)).toBeGreaterThan(10);
    expect(await hashes(ada, bob, cleo, dora)).toBe(1);
    expect(await dora.rows('sales')).toEqual([1]);
    // She believes it, and so has nothing to say of it.
    await dora.spaces.compactSpace('team');
    const space = await dora.spaces.find('team');
    const { words, counted } = space.acknowledged;
    for (const { devices } of words.filter(({ snapshot }) => counted.has(snapshot))) {
      expect(devices.has(toHex(dora.device))).toBe(false);
    }
    // Everything anew: from the state, as the bodies are gone.
    await forgetProjection(dora.disk.store, space.record.space);
    await agree(ada, dora);
    expect(await hashes(ada, dora)).toBe(1);
    await dora.update('sales', { description: 'Of a new member.' });
    await agree(ada, bob, cleo, dora);
    expect((await bob.catalog.getAsset('sales')).description).toBe('Of a new member.');
  });

  it('is taken once more by who has its state when its own log forks before it', async () => {
    await work(bob, ada);
    await agree(ada, bob, cleo);
    // Bob signs twice for one place, and the snapshot that ada takes is not touched; his own would be.
    const space = await bob.spaces.find('team');
    const { author, logId } = await space.ownDataLog();
    const before = (await bob.logs.tip(author, logId))!.tip!;
    await compact(bob, ada, cleo);
    expect(await pruned(ada)).toBeGreaterThan(10);
    const extensions = { logId, timestampMicros: 1n, pruneFlag: false };
    const place = { seq: before.seq + 1, backlink: before.operationId, extensions, body: Uint8Array.of(1) };
    const other = signOperation({ key: ed25519.keyFromSeed(blake3(toUtf8('bob'))), blake3 }, place);
    const there = await ada.spaces.find('team');
    expect(await there.view.append([joinOperation(other)])).toMatchObject([{ outcome: 'fork' }]);
    await agree(ada, bob, cleo);
    await compact(ada, bob, cleo);
    const dora = await open('dora');
    await invite(ada, dora, 'team', 'write');
    await agree(ada, bob, cleo, dora);
    expect(await hashes(ada, bob, cleo, dora)).toBe(1);
    expect((await dora.catalog.getAsset('sales')).tags).toContain('week 11');
  });

  it('re-bases who was away for longer, whose changes count, and in whom nothing that was removed comes back', async () => {
    await ada.commit('gone', [2]);
    await ada.spaces.shareAssets('team', ['gone'], 'metadata', CONTEXT);
    const dora = await open('dora');
    await invite(ada, dora, 'team', 'write');
    for (let i = 0; i < 9; i++) {
      await ada.update('gone', { description: `It will not be here for long, as of day ${i}.` });
      await ada.spaces.settle();
    }
    await agree(ada, bob, cleo, dora);
    await dora.update('sales', { tags: ['of dora'] });
    await dora.update('gone', { description: 'I am still here.' });
    await dora.spaces.settle();
    // Meanwhile the others go on without her, remove, and forget how it came about.
    await work(ada, bob);
    await bob.remove('gone');
    await agree(ada, bob, cleo);
    await compact(ada, bob, cleo);
    await work(ada, cleo);
    await compact(bob, ada, cleo);
    expect((await ada.spaces.describeSpace('team')).compaction.snapshots).toBe(2);
    await agree(ada, bob, cleo, dora);
    expect(await hashes(ada, bob, cleo, dora)).toBe(1);
    for (const node of [ada, bob, cleo, dora]) {
      expect((await node.catalog.getAsset('sales')).tags).toContain('of dora');
      expect(await node.catalog.findAsset('gone')).toBeUndefined();
    }
  });

  it('is of no use to one who is believed by nobody, or by one other alone', async () => {
    await work(ada, bob);
    await agree(ada, bob, cleo);
    await ada.spaces.compactSpace('team');
    await agree(ada, bob, cleo);
    await bob.spaces.compactSpace('team');
    await agree(ada, bob, cleo);
    // Headers alone, from somebody who has pruned on its own word.
    const space = await ada.spaces.find('team');
    for (const { author, logId } of space.store.logs('data')) {
      await space.store.dropBodies({ author, logId }, [{ seqStart: 0, seqEnd: 9 }]);
    }
    const eve = await open('eve');
    await invite(ada, eve, 'team', 'write');
    const report = await meet(eve, ada);
    expect(report).toMatchObject({ end: 'complete', spaces: [{ equal: false }] });
    expect(report.spaces[0]!.missingHere.get('pruned')).toBeGreaterThan(0);
    // What others have of it comes from them.
    await meet(bob, ada);
    expect(await meet(eve, bob)).toMatchObject({ spaces: [{ equal: true }] });
    await eve.spaces.settle();
    expect((await eve.catalog.getAsset('sales')).tags).toContain('week 11');
    expect(await pruned(eve)).toBe(0);
  });

  it('cannot be made of what one of them forges', async () => {
    await work(ada, bob);
    await agree(ada, bob, cleo);
    // Bob leaves out what ada has written last, says that the rest amounts to the same logs, and vouches for it.
    const space = await bob.spaces.find('team');
    const { id: asset } = await bob.catalog.getAsset('sales');
    const deps = { store: bob.disk.store, blake3, openDocument: openYjsDocument };
    const replica = (await readReplica(deps, space.record.space, asset))!;
    const operations = new Map<Uuid, StoredOperation[]>([[asset, []]]);
    await collectOperations(
      { ...deps, logs: bob.logs, breathe: async () => undefined },
      space,
      space.access,
      operations,
    );
    const adas = toHex(ada.device);
    const forged = foldAsset(
      deps,
      undefined,
      operations.get(asset)!.map((operation) => ({ ...operation, isVoid: operation.author === adas })),
    ).state;
    const { record, pieces } = takeSnapshot(deps, forged)!;
    const contents = [
      { schema: SNAPSHOT_SCHEMA, bytes: record },
      ...pieces.map((bytes) => ({ schema: SNAPSHOT_PIECE_SCHEMA, bytes })),
    ];
    const dependencies = assetHeads(replica).map(fromHex);
    const [snapshotId] = await space.signData(
      contents.map(({ schema, bytes }, i) => ({
        schema,
        subject: asset,
        dependencies: i === 0 ? dependencies : [],
        content: { kind: 'record', bytes },
      })),
    );
    const { author, logId } = await space.ownDataLog();
    const { seq } = (await bob.logs.tip(author, logId))!.tip!;
    const content = encodeAcknowledgeRecord({
      snapshot: { author, logId, seq: seq - pieces.length, operationId: fromHex(snapshotId!), pieces: pieces.length },
      stateHash: decodeSnapshotRecord(record).stateHash,
      covered: coveredBy(forged),
    });
    await space.signControl([{ schema: ACKNOWLEDGE_SCHEMA, content }]);
    await agree(ada, bob, cleo);
    for (const node of [ada, cleo]) {
      expect(await node.spaces.compactSpace('team')).toMatchObject({ acknowledged: 0, droppedOperations: 0 });
      expect(node.warnings.join()).toContain('"cause":"state"');
    }
    await agree(ada, bob, cleo);
    const { waiting, prunedOperations } = (await cleo.spaces.describeSpace('team')).compaction;
    expect(waiting).toMatchObject([{ snapshot: snapshotId, acknowledgements: 1 }]);
    expect(prunedOperations).toBe(0);
    expect(await hashes(ada, bob, cleo)).toBe(1);
  });

  it('is carried without bodies by who cannot read', async () => {
    const relay = await open('relay');
    await invite(ada, relay, 'team', 'pull');
    await work(ada, bob);
    await agree(ada, bob, cleo, relay);
    await compact(ada, bob, cleo);
    await agree(ada, relay);
    const space = await relay.spaces.find('team');
    let count = 0;
    for (const { author, logId } of space.store.logs('data')) {
      for await (const bytes of relay.logs.operationsFrom(author, logId, 0)) {
        if (isPruned(splitStored({ blake3 }, bytes))) count += 1;
      }
    }
    expect(count).toBe(await pruned(ada));
    const dora = await open('dora');
    await invite(ada, dora, 'team', 'write');
    await agree(ada, relay);
    await agree(relay, dora);
    await agree(relay, ada);
    await agree(relay, dora);
    expect(await hashes(ada, dora)).toBe(1);
  });
});

describe('compaction without anybody asking', () => {
  const DAY = 86_400_000;
  const rules: CompactionRules = { operations: 10, bytes: 2_000, retentionMs: 30 * DAY, turnMs: 60_000 };

  it('takes a snapshot in turn once enough was said, acknowledges it after the retention, and drops then', async () => {
    const nodes = [await open('anna', rules), await open('ben', rules), await open('carl', rules)];
    const [anna, ben, carl] = nodes as [FederationNode, FederationNode, FederationNode];
    await anna.spaces.createSpace('team');
    for (const guest of [ben, carl]) await invite(anna, guest, 'team', 'write');
    await anna.commit('sales', [1]);
    await anna.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
    await agree(...nodes);
    await work(ben, carl);
    await agree(...nodes);
    const waiting = async (node: FederationNode) => (await node.spaces.describeSpace('team')).compaction.waiting;
    for (const node of nodes) expect(await waiting(node)).toMatchObject([{ acknowledgements: 0, needed: 3 }]);
    expect(await pruned(anna)).toBe(0);
    for (const { disk } of nodes) disk.clock.advance(29 * DAY);
    await agree(...nodes);
    expect(await waiting(anna)).toMatchObject([{ acknowledgements: 0 }]);
    for (const { disk } of nodes) disk.clock.advance(DAY);
    await agree(...nodes);
    for (const node of nodes) {
      expect(await waiting(node)).toEqual([]);
      expect(await pruned(node)).toBeGreaterThan(10);
    }
    expect(await hashes(...nodes)).toBe(1);
  });

  it('lets a removal take back what was written, as long as nobody acknowledged it', async () => {
    const [anna, ben, carl, dirk] = [
      await open('anna', rules),
      await open('ben', rules),
      await open('carl', rules),
      await open('dirk', rules),
    ];
    const rest = [anna, ben, dirk];
    await anna.spaces.createSpace('team');
    for (const guest of [ben, carl, dirk]) await invite(anna, guest, 'team', 'write');
    await anna.commit('sales', [1]);
    await anna.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
    await agree(anna, ben, carl, dirk);
    await work(ben, carl);
    await ben.update('sales', { description: 'Of ben.' });
    await agree(ben, anna);
    await carl.update('sales', { description: 'Of a thief.' });
    await agree(carl, ben, dirk);
    // She removes carl by what she has of him, which is not all that the snapshot covers.
    await anna.spaces.revokeAccess('team', 'carl');
    await agree(...rest);
    for (const { disk } of rest) disk.clock.advance(31 * DAY);
    await work(...rest);
    for (const { disk } of rest) disk.clock.advance(31 * DAY);
    await agree(...rest);
    expect(await hashes(...rest)).toBe(1);
    for (const node of rest) {
      expect((await node.catalog.getAsset('sales')).description).not.toContain('thief');
      expect(await pruned(node)).toBeGreaterThan(10);
    }
  });
});
