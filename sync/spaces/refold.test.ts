import { describe, expect, it } from 'vitest';
import { fromHex, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { assetHeads, openYjsDocument, WAITING_OPERATIONS_MAX } from '#sync/documents/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { collectOperations, refoldAssets, type StoredOperation } from './refold-assets.ts';
import { readReplica } from './replicas.ts';
import { refoldKey, replicaKey } from './space-keys.ts';
import { agree, CONTEXT, type FederationNode, invite, newNode, projectionHash } from './testing/federation.ts';

const operationsOf = async (node: FederationNode, author: Uint8Array): Promise<Uint8Array[]> => {
  const { store } = await node.spaces.find('team');
  const operations: Uint8Array[] = [];
  for (const log of store.logs()) {
    if (log.author.every((byte, i) => byte === author[i])) {
      for await (const bytes of node.logs.operationsFrom(log.author, log.logId, 0)) operations.push(bytes);
    }
  }
  return operations;
};

describe('an asset of which more waits than may', () => {
  it('is folded anew, once, when what was waited for has come', async () => {
    const [ada, bob, cleo] = [await newNode('ada'), await newNode('bob'), await newNode('cleo')];
    await ada.spaces.createSpace('team');
    for (const guest of [bob, cleo]) await invite(ada, guest, 'team', 'write');
    await ada.commit('sales', [1]);
    await ada.spaces.shareAssets('team', ['sales'], 'metadata', CONTEXT);
    await agree(ada, bob, cleo);
    await ada.update('sales', { description: 'Waited for.' });
    await agree(ada, bob);
    const { id: subject } = await bob.catalog.getAsset('sales');
    const space = await bob.spaces.find('team');
    const replica = await readReplica({ store: bob.disk.store, blake3 }, space.record.space, subject);
    const dependencies = assetHeads(replica!).map(fromHex);
    await space.signData(
      Array.from({ length: WAITING_OPERATIONS_MAX + 100 }, (_, i) => ({
        schema: 'granary.unknown.v9',
        subject,
        dependencies: i === 0 ? dependencies : [],
        content: { kind: 'record', bytes: Uint8Array.of(i & 255) },
      })),
    );
    await bob.update('sales', { tags: ['last'] });
    await bob.spaces.settle();

    const there = await cleo.spaces.find('team');
    await there.view.append(await operationsOf(bob, bob.device));
    await cleo.spaces.settle();
    expect(await cleo.catalog.getAsset('sales')).toMatchObject({ description: null, tags: [] });
    await there.view.append(await operationsOf(ada, ada.device));
    await cleo.spaces.settle();
    expect(await cleo.catalog.getAsset('sales')).toMatchObject({ description: 'Waited for.', tags: ['last'] });
    expect(await projectionHash(cleo, 'team')).toBe(await projectionHash(bob, 'team'));
  });
});

describe('what is held while assets are folded anew', () => {
  it('is what fits, and nothing of records that say nothing', async () => {
    const ada = await newNode('ada');
    await ada.spaces.createSpace('team');
    const names = ['sales', 'plants', 'rivers'];
    for (const name of names) await ada.commit(name, [1]);
    await ada.spaces.shareAssets('team', names, 'metadata', CONTEXT);
    await ada.spaces.settle();
    const space = await ada.spaces.find('team');
    const subject = (await ada.catalog.getAsset('sales')).id as Uuid;
    const content = { kind: 'record', bytes: new Uint8Array(100_000) } as const;
    await space.signData([{ schema: 'granary.unknown.v9', subject, dependencies: [], content }]);
    await ada.spaces.settle();
    const before = await projectionHash(ada, 'team');
    const { store } = ada.disk;
    const deps = { store, logs: ada.logs, blake3, openDocument: openYjsDocument, breathe: async () => undefined };
    const ids: Uuid[] = [];
    for (const name of names) ids.push((await ada.catalog.getAsset(name)).id as Uuid);

    const all = new Map<Uuid, StoredOperation[]>(ids.map((id) => [id, []]));
    await collectOperations(deps, space, space.access, all);
    expect([...all.keys()]).toEqual(ids);
    const bytesOf = (operations: readonly StoredOperation[]) =>
      operations.reduce((sum, { content }) => sum + content.bytes.length, 0);
    expect(bytesOf(all.get(subject)!)).toBeLessThan(100_000);
    const few = new Map<Uuid, StoredOperation[]>(ids.map((id) => [id, []]));
    await collectOperations(deps, space, space.access, few, 1);
    expect([...few]).toEqual([[ids[0], all.get(ids[0]!)]]);

    // Each in its turn.
    const commit = new Commit();
    for (const id of ids) {
      commit.delete(replicaKey(space.record.space, id)).put(refoldKey(space.record.space, id), new Uint8Array());
    }
    await store.write(commit, { sync: true });
    await refoldAssets(deps, space, space.access, { heldBytesMax: 1 });
    expect(await projectionHash(ada, 'team')).toBe(before);
  });
});
