import { describe, expect, test } from 'vitest';
import type { IdentityOutput } from '#sync/spaces/index.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import {
  assetsOf,
  createSyncNode,
  describeSpace,
  ingest,
  letIn,
  patiently,
  peerOf,
  rowsOf,
  untilAgreed,
} from '#tests/support/sync-node.ts';

const READINGS = 'station,celsius\nÅsgård,4.25\nNyby,\nÅsgård,-1.5\n';
const ALL_ROWS = 'SELECT station, celsius FROM readings ORDER BY station, celsius';

describe('two that never meet', () => {
  test('agree through a third, which may only read, or only carry', async () => {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await temporaryFolder());
    const anna = stack.use(await createSyncNode(path, 'anna'));
    const bo = stack.use(await createSyncNode(path, 'bo'));
    const cleo = stack.use(await createSyncNode(path, 'cleo'));
    await Promise.all([anna.start(), bo.start(), cleo.start()]);
    await anna.call('createSpace', { name: 'Coop' });
    await letIn(anna, 'Coop', bo, 'read');
    await letIn(anna, 'Coop', cleo, 'write');
    await Promise.all([anna, cleo].map((node) => node.stop()));
    // From now on nobody can dial these two.
    await Promise.all([anna, cleo].map((node) => node.configure({ listen: [] })));
    await Promise.all([anna.start(), cleo.start()]);

    await ingest(anna, 'readings', 'readings.csv', READINGS);
    await anna.call('shareAssets', { space: 'Coop', assets: ['readings'] });
    await expect.poll(async () => Object.keys(await assetsOf(cleo)), patiently).toContain('readings');
    expect(await peerOf(cleo, anna)).toMatchObject({ isConnected: false });
    await untilAgreed('Coop', anna, bo, cleo);

    // The rows come as soon as the one in the middle has them.
    const fetching = cleo.call('fetchAsset', { asset: 'readings' });
    fetching.catch(() => undefined);
    await expect
      .poll(() => cleo.call('syncMetrics'), patiently)
      .toMatchObject({ segments: { unavailable: expect.any(Number) }, fetching: [{ waitsFor: 'peer' }] });
    await bo.call('fetchAsset', { asset: 'readings' });
    expect(await fetching).toMatchObject({ fetchedCount: 1 });
    expect(await rowsOf(cleo, ALL_ROWS)).toEqual(await rowsOf(anna, ALL_ROWS));
    await cleo.call('updateAsset', { name: 'readings', addTags: ['seen'] });
    await expect.poll(async () => (await assetsOf(anna))['readings'], patiently).toContain('seen');

    await anna.call('grantAccess', { space: 'Coop', device: 'bo', level: 'pull' });
    await untilAgreed('Coop', anna, cleo);
    await ingest(anna, 'secret', 'secret.csv', READINGS);
    await anna.call('shareAssets', { space: 'Coop', assets: ['secret'] });
    await expect.poll(async () => Object.keys(await assetsOf(cleo)), patiently).toContain('secret');
    expect(await peerOf(cleo, anna)).toMatchObject({ isConnected: false });
    expect(await assetsOf(bo)).not.toHaveProperty('secret');
    // It carries what it cannot read, and waits for no key.
    expect((await describeSpace(bo, 'Coop')).waiting).toEqual({});
  });
});

describe('one that can only be reached through a relay', () => {
  test('tells the first and every later change, and fetches the rows', async () => {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await temporaryFolder());
    const relay = stack.use(await createSyncNode(path, 'relay', { isRelay: true }));
    const { peerId } = await relay.json<IdentityOutput>('identity');
    await relay.start();
    const relays = [`${relay.listen[0]}/p2p/${peerId}`];
    const hidden = stack.use(await createSyncNode(path, 'hidden', { listen: [], relays }));
    const caller = stack.use(await createSyncNode(path, 'caller', { listen: [] }));
    await Promise.all([hidden.start(), caller.start()]);
    await hidden.call('createSpace', { name: 'Coop' });
    await expect
      .poll(() => hidden.call('syncMetrics'), patiently)
      .toMatchObject({ addresses: [expect.stringContaining('/p2p-circuit')] });
    await letIn(hidden, 'Coop', caller);

    await ingest(hidden, 'readings', 'readings.csv', READINGS);
    await hidden.call('shareAssets', { space: 'Coop', assets: ['readings'], subscribe: 'data' });
    await expect.poll(() => rowsOf(caller, ALL_ROWS).catch(String), patiently).toHaveLength(3);
    expect(await peerOf(caller, hidden)).toMatchObject({ address: expect.stringContaining('/p2p-circuit') });
    for (let i = 1; i <= 4; i++) {
      const [writer, reader] = i % 2 === 0 ? [hidden, caller] : [caller, hidden];
      await ingest(writer, 'readings', `more-${i}.csv`, `station,celsius\nNyby,${i}\n`);
      await expect.poll(() => rowsOf(reader, ALL_ROWS).catch(String), patiently).toHaveLength(3 + i);
    }
    await untilAgreed('Coop', hidden, caller);
  });
});
