import { beforeEach, expect, it } from 'vitest';
import type { Uuid } from '#core/kernel/index.ts';
import { encodePieces, encodeSnapshotRecord, SNAPSHOT_PIECE_SCHEMA, SNAPSHOT_SCHEMA } from '#sync/compaction/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { readKnownSnapshots } from './asset-growth.ts';
import { type CompactionRules, KNOWN_SNAPSHOTS_MAX } from './compaction-rules.ts';
import { forgetProjection } from './forget-projection.ts';
import { agree, CONTEXT, type FederationNode, invite, meet, newNode } from './testing/federation.ts';

const rules: CompactionRules = { operations: 10, bytes: 2_000, retentionMs: 30 * 86_400_000, turnMs: 60_000 };

let ada: FederationNode;
let bob: FederationNode;
let cleo: FederationNode;

beforeEach(async () => {
  const open = (name: string) => newNode(name, { compaction: rules });
  [ada, bob, cleo] = [await open('ada'), await open('bob'), await open('cleo')];
  await ada.spaces.createSpace('team');
  for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
  await ada.commit('sales', [1]);
  await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
  await agree(ada, bob, cleo);
});

const waiting = async (node: FederationNode): Promise<number> =>
  (await node.spaces.describeSpace('team')).compaction.waiting.length;

it('takes no other snapshot of the same when a projection is made anew', async () => {
  for (let i = 0; i < 14; i++) {
    const node = [bob, cleo][i % 2]!;
    await node.update('sales', { description: `Sales of week ${i}, as ${node.name} has them.`, tags: [`week ${i}`] });
    await node.spaces.settle();
    if (i % 4 === 0) await agree(bob, cleo);
  }
  await agree(ada, bob, cleo);
  expect(await waiting(ada)).toBe(1);
  const { record } = await ada.spaces.find('team');
  for (let i = 0; i < 3; i++) {
    await forgetProjection(ada.disk.store, record.space);
    await ada.spaces.settle();
    expect(await waiting(ada)).toBe(1);
  }
});

it('remembers a few snapshots of one author and asset, and nothing that is none', async () => {
  const known = async () => {
    const { record } = await ada.spaces.find('team');
    return (await readKnownSnapshots(ada.disk.store, record.space)).size;
  };
  const sign = async (asset: string, bytes: Uint8Array, count: number) => {
    const space = await bob.spaces.find('team');
    const said = { schema: SNAPSHOT_SCHEMA, subject: asset as Uuid, dependencies: [] };
    await space.signData(
      Array.from({ length: count }, () => ({ ...said, content: { kind: 'record', bytes } as const })),
    );
    await meet(bob, ada);
    await ada.spaces.settle();
  };
  const { id } = await bob.catalog.getAsset('sales');
  await sign(id, Uint8Array.of(1), 30);
  expect(await known()).toBe(0);
  const { author, logId } = await (await bob.spaces.find('team')).ownDataLog();
  const covered = [{ author, logId, seq: 0, operationId: blake3(Uint8Array.of(2)) }];
  await sign(id, encodeSnapshotRecord({ stateHash: blake3(Uint8Array.of(3)), byteCount: 10, covered }), 40);
  expect(await known()).toBe(KNOWN_SNAPSHOTS_MAX);
  // None of them has what it names, which shows when they are read.
  ada.disk.clock.advance(31 * 86_400_000);
  await ada.spaces.settle();
  await ada.spaces.settle();
  expect(await known()).toBeLessThanOrEqual(1);
});

/** Signs snapshots whose pieces are not what they name. */
async function signWrong(node: FederationNode, assets: readonly string[]): Promise<void> {
  const space = await node.spaces.find('team');
  const { author, logId } = await space.ownDataLog();
  const covered = [{ author, logId, seq: 0, operationId: blake3(Uint8Array.of(2)) }];
  const record = encodeSnapshotRecord({ stateHash: blake3(Uint8Array.of(3)), byteCount: 10, covered });
  const [piece] = encodePieces(new Uint8Array(10));
  const contents = assets.flatMap((asset) => [
    { schema: SNAPSHOT_SCHEMA, subject: asset as Uuid, bytes: record },
    { schema: SNAPSHOT_PIECE_SCHEMA, subject: asset as Uuid, bytes: piece! },
  ]);
  await space.signData(
    contents.map(({ bytes, ...about }) => ({ ...about, dependencies: [], content: { kind: 'record', bytes } })),
  );
}

it('folds nothing for a snapshot whose pieces are not what it names', async () => {
  await signWrong(bob, [(await bob.catalog.getAsset('sales')).id]);
  await meet(bob, ada);
  expect(await ada.spaces.compactSpace('team')).toMatchObject({ acknowledged: 0 });
  expect(ada.warnings.join()).toContain('"cause":"pieces"');
});

it('comes to those that were not tried before, however many are wrong', async () => {
  for (let i = 0; i < 14; i++) {
    await cleo.update('sales', { description: `Sales of month ${i}.`, tags: [`week ${i}`] });
    await cleo.spaces.settle();
  }
  await meet(cleo, ada);
  await ada.spaces.settle();
  const assets = Array.from({ length: 200 }, (_, i) => `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`);
  await signWrong(cleo, assets);
  await meet(cleo, bob);
  await meet(ada, bob);
  let count = 0;
  for (let i = 0; i < 4; i++) count += (await bob.spaces.compactSpace('team')).acknowledged;
  expect(count).toBe(1);
});
