import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { forgetProjection } from './forget-projection.ts';
import { readReplica } from './replicas.ts';
import {
  agree,
  CONTEXT,
  createDisk,
  type FederationNode,
  invite,
  newNode,
  openNode,
  projectionHash,
} from './testing/federation.ts';

/** Operations of one log. */
type Log = readonly Uint8Array[];

const share = (node: FederationNode, ...assets: string[]) =>
  node.spaces.shareAssets('team', assets, 'metadata', CONTEXT);

async function logsOf(node: FederationNode): Promise<Log[]> {
  const { store } = await node.spaces.find('team');
  const logs: Log[] = [];
  for (const { author, logId } of store.logs()) {
    const operations: Uint8Array[] = [];
    for await (const bytes of node.logs.operationsFrom(author, logId, 0)) operations.push(bytes);
    logs.push(operations);
  }
  return logs;
}

describe('operations in any order', () => {
  let logs: Log[];
  let expected: string;
  let joinedWith: Parameters<FederationNode['spaces']['join']>[0];

  /** Three authors, of whom one is removed in the end, about two assets; versions with two heads that somebody joined. */
  beforeAll(async () => {
    const [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
    const eve = await newNode('eve');
    await ada.spaces.createSpace('team');
    for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
    await invite(ada, eve, 'team', 'read');
    const space = await eve.spaces.find('team');
    const operations: Uint8Array[] = [];
    for (const { author, logId } of space.store.logs('control')) {
      for await (const bytes of eve.logs.operationsFrom(author, logId, 0)) operations.push(bytes);
    }
    joinedWith = { space: space.record.space, genesisId: space.genesisId, name: 'team', operations };
    await ada.commit('sales', [1], { source: 'sales.csv' });
    await ada.commit('stock', [2]);
    await share(ada, 'sales', 'stock');
    await agree(ada, bob, cleo);
    await ada.commit('sales', [3]);
    await bob.commit('sales', [4]);
    await cleo.update('stock', { description: 'Of Cleo.', tags: ['cleo'] });
    await bob.update('stock', { description: 'Of Bob.' });
    await agree(ada, bob, cleo);
    await bob.spaces.mergeHeads('sales', undefined);
    await agree(ada, bob, cleo);
    // Bob builds on what Cleo says after the end that her removal names.
    await cleo.update('stock', { tags: ['late'] });
    await cleo.commit('stock', [9]);
    await agree(bob, cleo);
    await bob.commit('stock', [5]);
    await ada.spaces.revokeAccess('team', 'cleo');
    await agree(ada, bob);
    logs = await logsOf(bob);
    expected = await projectionHash(bob, 'team');
  }, 60_000);

  it('amount to the same', async () => {
    const steps = fc.array(
      fc.record({ log: fc.nat(20), count: fc.integer({ min: 1, max: 4 }), settles: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(steps, async (order) => {
        const node = await openNode(createDisk('eve'));
        await node.spaces.join(joinedWith);
        const space = await node.spaces.find('team');
        const taken = logs.map(() => 0);
        const deliver = async (i: number, count: number) => {
          await space.view.append(logs[i]!.slice(taken[i], taken[i]! + count));
          taken[i] = taken[i]! + count;
        };
        for (const { log, count, settles } of order) {
          await deliver(log % logs.length, count);
          if (settles) await node.spaces.settle();
        }
        // Whatever came too early is handed over once more.
        for (let round = 0; round < 3; round++) for (const operations of logs) await space.view.append(operations);
        expect(await projectionHash(node, 'team')).toBe(expected);
        expect(node.warnings).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('amount to the same when all is folded once more', async () => {
    const node = await openNode(createDisk('eve'));
    await node.spaces.join(joinedWith);
    const space = await node.spaces.find('team');
    for (let round = 0; round < 3; round++) for (const operations of logs) await space.view.append(operations);
    expect(await projectionHash(node, 'team')).toBe(expected);
    await forgetProjection(node.disk.store, space.record.space);
    expect(await projectionHash(node, 'team')).toBe(expected);
    const stock = await node.catalog.getAsset('stock');
    const replica = await readReplica({ store: node.disk.store, blake3 }, space.record.space, stock.id);
    expect([...replica!.operations.values()].filter(({ isVoid }) => isVoid)).toHaveLength(2);
  });
});
