import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AuditOutput } from '#core/audit/index.ts';
import type { LineageOutput } from '#core/lineage/index.ts';
import type { MetricsOutput } from '#sync/peers/index.ts';
import { LEAF_BYTES } from '#sync/segments/index.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import {
  createSyncNode,
  describeSpace,
  ingest,
  letIn,
  patiently,
  peerOf,
  rowsOf,
  type SyncNode,
  untilAgreed,
} from '#tests/support/sync-node.ts';

/** Numbers that no codec makes much smaller; the same ones for the same count. */
function noise(rowCount: number): string {
  let state = 1;
  const next = () => (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  const lines = ['id,level'];
  for (let i = 0; i < rowCount; i++) lines.push(`${i},${next() / 2 ** 32 + next()}`);
  return lines.join('\n');
}

async function startPair(stack: AsyncDisposableStack) {
  const { path } = stack.use(await temporaryFolder());
  const anna = stack.use(await createSyncNode(path, 'anna'));
  const bo = stack.use(await createSyncNode(path, 'bo'));
  await Promise.all([anna.start(), bo.start()]);
  await anna.call('createSpace', { name: 'Coop' });
  await letIn(anna, 'Coop', bo);
  return { path, anna, bo };
}

const metricsOf = (node: SyncNode) => node.call<MetricsOutput>('syncMetrics');

describe('a node that is killed', () => {
  test('in the middle of a fetch goes on with what is missing', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo } = await startPair(stack);
    await bo.stop();
    await bo.configure({ bytesPerSecond: 200_000 });
    await bo.start();
    await ingest(anna, 'levels', 'levels.csv', noise(150_000));
    await anna.call('shareAssets', { space: 'Coop', assets: ['levels'], subscribe: 'data' });

    let before: MetricsOutput['fetching'] = [];
    const haveBytes = async () => {
      const { fetching } = await metricsOf(bo);
      if (fetching.length > 0) before = fetching;
      return before.reduce((sum, each) => sum + each.haveBytes, 0);
    };
    await expect.poll(haveBytes, { ...patiently, interval: 50 }).toBeGreaterThan(20 * LEAF_BYTES);
    await bo.kill();
    expect(before.every((each) => each.byteCount !== null && each.haveBytes < each.byteCount)).toBe(true);

    await bo.start();
    const sum = 'SELECT count(*) AS count, sum(id) AS ids, sum(level) AS levels FROM levels';
    await expect.poll(() => rowsOf(bo, sum).catch(String), patiently).toEqual(await rowsOf(anna, sum));
    // Not one leaf that was verified before came again.
    const missing = before.map(
      (each) => Math.ceil(each.byteCount! / LEAF_BYTES) - Math.floor(each.haveBytes / LEAF_BYTES),
    );
    const { segments } = await metricsOf(bo);
    expect(segments['leaf-stored']).toBeLessThanOrEqual(missing.reduce((total, count) => total + count, 0));
    expect(segments['unneeded'] ?? 0).toBe(0);
  });

  test('at any moment of agreeing agrees after its restart, and nothing is there twice', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo } = await startPair(stack);
    const own = { anna: 'levels-of-anna', bo: 'levels-of-bo' } as const;
    for (const node of [anna, bo]) {
      await ingest(node, own[node.name as keyof typeof own], 'first.csv', 'id\n0\n');
      await node.call('shareAssets', { space: 'Coop', assets: [own[node.name as keyof typeof own]] });
    }
    await untilAgreed('Coop', anna, bo);
    const acknowledged = { anna: ['first.csv'], bo: ['first.csv'] };
    const write = async (node: SyncNode, round: number) => {
      const name = node.name as keyof typeof own;
      for (let i = 0; i < 4; i++) {
        const file = `round-${round}-${i}.csv`;
        await ingest(node, own[name], file, `id\n${round * 10 + i}\n`);
        acknowledged[name].push(file);
        await node.call('updateAsset', { name: own[name], addTags: [`${round}-${i}`] });
      }
    };
    for (const [round, killed] of [[bo], [anna], [anna, bo]].entries()) {
      const writing = [anna, bo].map((node) => write(node, round + 1).catch(() => undefined));
      await new Promise((resolve) => setTimeout(resolve, 200 + 1500 * Math.random()));
      await Promise.all(killed.map((node) => node.kill()));
      await Promise.all(writing);
      await Promise.all(killed.map((node) => node.start()));
    }
    await untilAgreed('Coop', anna, bo);
    expect(await describeSpace(anna, 'Coop')).toMatchObject({ refused: {}, waiting: {} });
    for (const writer of [anna, bo]) {
      const name = own[writer.name as keyof typeof own];
      for (const node of [anna, bo]) {
        const { versions } = await node.call<{ versions: { rowCount: number }[] }>('listVersions', { name });
        expect(Math.max(...versions.map(({ rowCount }) => rowCount))).toBe(versions.length);
        const { upstream } = await node.call<LineageOutput>('getLineage', { name });
        const files = upstream.map(({ from }) => from.name);
        expect(new Set(files).size).toBe(files.length);
        expect(files).toEqual(expect.arrayContaining(acknowledged[writer.name as keyof typeof own]));
        expect(files).toHaveLength(versions.length);
      }
      const { entries } = await writer.call<AuditOutput>('listAudit', { asset: name, limit: 1000 });
      const audited = entries.flatMap(({ action, detail }) =>
        action === 'WRITE' && !detail.includes('change=') ? /version=(\d+)/.exec(detail)?.[1] : [],
      );
      expect(new Set(audited).size).toBe(audited.length);
    }
    for (const node of [anna, bo]) {
      await expect
        .poll(async () => (await peerOf(node, node === anna ? bo : anna)).contacts, patiently)
        .toMatchObject([{ isEqual: true, missingHere: {}, missingThere: {} }]);
    }
  });
});

describe('a home that was restored from a copy', () => {
  test('goes on as a new incarnation: nobody sees a fork, and what others have comes back', async () => {
    await using stack = new AsyncDisposableStack();
    const { path, anna, bo } = await startPair(stack);
    await ingest(anna, 'levels', 'first.csv', 'id\n1\n');
    await anna.call('shareAssets', { space: 'Coop', assets: ['levels'], subscribe: 'data' });
    await untilAgreed('Coop', anna, bo);
    await anna.stop();
    const copy = join(path, 'copy');
    await cp(anna.home, copy, { recursive: true });

    await anna.start();
    await ingest(anna, 'levels', 'second.csv', 'id\n2\n');
    await anna.call('updateAsset', { name: 'levels', description: 'of the lake' });
    const all = 'SELECT id FROM levels ORDER BY id';
    await expect.poll(() => rowsOf(bo, all).catch(String), patiently).toHaveLength(2);
    await untilAgreed('Coop', anna, bo);
    await anna.stop();

    await rm(anna.home, { recursive: true });
    await cp(copy, anna.home, { recursive: true });
    await anna.start();
    // Done before anything came back, and in the numbers of the logs that others have longer.
    await ingest(anna, 'other', 'other.csv', 'id\n7\n');
    await anna.call('shareAssets', { space: 'Coop', assets: ['other'], subscribe: 'data' });
    await expect.poll(() => rowsOf(anna, all).catch(String), patiently).toHaveLength(2);
    await ingest(anna, 'levels', 'third.csv', 'id\n3\n');
    await expect.poll(() => rowsOf(bo, all).catch(String), patiently).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    await expect.poll(() => rowsOf(bo, 'SELECT id FROM other').catch(String), patiently).toEqual([{ id: 7 }]);
    await untilAgreed('Coop', anna, bo);
    for (const node of [anna, bo]) {
      expect(await describeSpace(node, 'Coop')).toMatchObject({ refused: {}, waiting: {} });
      const { contacts } = await peerOf(node, node === anna ? bo : anna);
      expect(contacts).toMatchObject([{ isEqual: true, missingHere: {}, missingThere: {} }]);
      expect(Object.keys((await metricsOf(node)).sync).filter((event) => event.startsWith('refused-'))).toEqual([]);
    }
  });
});

describe('many assets at once', () => {
  test('come small ones first, though a large one was asked for before', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo } = await startPair(stack);
    const small = Array.from({ length: 12 }, (_, i) => `small-${i}`);
    await ingest(anna, 'large', 'large.csv', noise(150_000));
    for (const [i, name] of small.entries()) await ingest(anna, name, `${name}.csv`, `id\n${i}\n`);
    await anna.call('shareAssets', { space: 'Coop', assets: ['large', ...small] });
    await untilAgreed('Coop', anna, bo);
    await bo.stop();
    await bo.configure({ bytesPerSecond: 20_000 });
    await bo.start();

    const large = bo.call('fetchAsset', { asset: 'large' }).catch(() => undefined);
    await expect.poll(async () => (await metricsOf(bo)).segments['leaf-stored'], patiently).toBeGreaterThan(0);
    await Promise.all(small.map((asset) => bo.call('fetchAsset', { asset })));
    const { fetching } = await metricsOf(bo);
    expect(fetching.length).toBeGreaterThan(0);
    expect((await describeSpace(bo, 'Coop')).assets.filter((each) => each.missingSegmentCount > 0)).toMatchObject([
      { name: 'large' },
    ]);
    await bo.kill();
    await large;
  });
});
