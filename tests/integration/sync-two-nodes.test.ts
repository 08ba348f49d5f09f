import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SessionOutput } from '#sync/peers/index.ts';
import type { MemberOutput, SpaceSummary, SyncExplanation } from '#sync/spaces/index.ts';
import { type CommandResult, temporaryFolder } from '#tests/support/granary.ts';
import {
  assetsOf,
  createSyncNode,
  describeSpace,
  ingest,
  interrupt,
  letIn,
  patiently,
  peerOf,
  rowsOf,
  untilAgreed,
} from '#tests/support/sync-node.ts';

const READINGS = 'station,celsius\nÅsgård,4.25\nNyby,\nÅsgård,-1.5\n';
const MORE = 'station,celsius\nNyby,7\nÅsgård,9.5\n';
const ALL_ROWS = 'SELECT station, celsius FROM readings ORDER BY station, celsius';

const expectError = (result: CommandResult, code: string, text: string | RegExp = ''): void => {
  expect(result.stderr).toMatch(new RegExp(`^error: ${code} `, 'm'));
  expect(result.stderr).toMatch(text);
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.exitCode).toBe(1);
};

/** Two running nodes; `anna` has founded the space `Coop` and has the files to ingest. */
async function startPair(stack: AsyncDisposableStack) {
  const { path } = stack.use(await temporaryFolder());
  const file = async (name: string, text: string) => {
    await writeFile(join(path, name), text);
    return join(path, name);
  };
  const anna = stack.use(await createSyncNode(path, 'anna'));
  const bo = stack.use(await createSyncNode(path, 'bo'));
  await Promise.all([anna.start(), bo.start()]);
  await anna.json('ingest', await file('readings.csv', READINGS), '--asset', 'readings');
  await anna.call('createSpace', { name: 'Coop' });
  return { path, file, anna, bo };
}

describe('two nodes in one space', () => {
  test('see, fetch and change the same assets, without being started anew', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo, file } = await startPair(stack);

    const invited = await anna.run('peer', 'invite', 'Coop', '--level', 'write');
    const ticket = invited.stdout.split('\n').find((line) => line.length > 100)!;
    const joined = await bo.run('peer', 'join', ticket);
    expect(joined).toMatchObject({ exitCode: 0, stderr: '' });
    expect(joined.stdout).toContain('Coop: joined; this device may read and write');
    const shared = await anna.run('space', 'share', 'Coop', 'readings');
    expect(shared).toMatchObject({ exitCode: 0, stderr: '' });

    await expect.poll(() => assetsOf(bo), patiently).toEqual(await assetsOf(anna));
    await untilAgreed('Coop', anna, bo);
    expectError(await bo.run('query', ALL_ROWS), 'SEGMENT_MISSING', 'granary fetch "readings"');
    const before = await bo.json<SyncExplanation>('explain-sync', 'readings');
    expect(before.isHere).toBe(false);
    expect(before.lines.join('\n')).toMatch(/made by "anna"[^]*1 of its 1 segments[^]*granary fetch/);

    expect(await bo.json('fetch', 'readings')).toMatchObject({ segmentCount: 1, fetchedCount: 1 });
    expect(await rowsOf(bo, ALL_ROWS)).toEqual(await rowsOf(anna, ALL_ROWS));
    const after = await bo.json<SyncExplanation>('explain-sync', 'readings');
    expect(after).toMatchObject({ isHere: true });
    expect(after.lines.join('\n')).toContain('All of its 1 segments are on this node');

    await bo.json('ingest', await file('more.csv', MORE), '--asset', 'readings');
    await bo.json('assets', 'set', 'readings', '--name', 'climate', '--tag', 'north');
    await expect.poll(() => assetsOf(anna), patiently).toEqual(await assetsOf(bo));
    await untilAgreed('Coop', anna, bo);
    expect(await assetsOf(anna)).toMatchObject({ climate: '5 rows of station,celsius; ; north' });
    await anna.json('fetch', 'climate');
    const ofClimate = ALL_ROWS.replace('readings', 'climate');
    expect(await rowsOf(anna, ofClimate)).toEqual(await rowsOf(bo, ofClimate));

    const [left, right] = await Promise.all([anna, bo].map((node) => node.run('space', 'show', 'Coop')));
    const hash = /projection +([0-9a-f]{64})/;
    expect(hash.exec(left!.stdout)![1]).toBe(hash.exec(right!.stdout)![1]);
    expect((await describeSpace(anna, 'Coop')).refused).toEqual({});
  });

  test('say the truth about each other, also when one is stopped', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo } = await startPair(stack);
    expect((await anna.run('peer', 'list')).stdout).toContain('There are no other devices yet');
    await letIn(anna, 'Coop', bo);
    await anna.json('space', 'share', 'Coop', 'readings');
    await untilAgreed('Coop', anna, bo);

    const done = await anna.run('sync', 'now', 'bo');
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout).toMatch(/^bo \(\S+\): done[^]*Coop +equal[^]*equal with 1 device/);
    expect((await bo.run('peer', 'list')).stdout).toMatch(/anna +\S+ +connected +/);
    expect((await bo.run('peer', 'status', 'anna')).stdout).toMatch(/line +connected, \/ip4\/127[^]*Coop +equal/);
    expect(await peerOf(anna, bo)).toMatchObject({ isConnected: true, waitsFor: [], contacts: [{ isEqual: true }] });

    bo.signal('SIGSTOP');
    await expect.poll(async () => (await peerOf(anna, bo)).isConnected, patiently).toBe(false);
    expect((await anna.run('peer', 'list')).stdout).toMatch(/bo [^\n]* not connected/);
    const failed = await anna.run('sync', 'now', 'bo');
    expectError(failed, 'SYNC_INTERRUPTED', /bo \(\S+\) cannot be reached/);
    expect(failed.stdout).toContain('): cannot be reached (');

    expectError(await interrupt(anna, 'sync', 'now', 'bo'), 'CANCELLED');

    bo.signal('SIGCONT');
    await expect.poll(async () => (await peerOf(anna, bo)).isConnected, patiently).toBe(true);
    const { sessions } = await anna.json<{ sessions: SessionOutput[] }>('sync', 'now');
    expect(sessions).toMatchObject([{ name: 'bo', end: 'complete', spaces: [{ isEqual: true }] }]);
  });

  test('keep what a reader may not do from being done', async () => {
    await using stack = new AsyncDisposableStack();
    const { anna, bo, file } = await startPair(stack);
    await letIn(anna, 'Coop', bo, 'read');
    await anna.json('space', 'share', 'Coop', 'readings', '--subscribe', 'data');
    await untilAgreed('Coop', anna, bo);
    await expect.poll(() => rowsOf(bo, ALL_ROWS).catch(String), patiently).toHaveLength(3);

    const more = await file('more.csv', MORE);
    expectError(await bo.run('ingest', more, '--asset', 'readings'), 'FORBIDDEN', 'belongs to the space "Coop"');
    expectError(await bo.run('assets', 'set', 'readings', '--name', 'mine'), 'FORBIDDEN', 'may not write');
    expectError(await bo.run('assets', 'remove', 'readings'), 'FORBIDDEN', 'may not write');
    await bo.json('ingest', more, '--asset', 'own');
    expectError(await bo.run('space', 'share', 'Coop', 'own'), 'FORBIDDEN', 'may not write');
    expectError(await bo.run('peer', 'invite', 'Coop'), 'FORBIDDEN', 'does not manage');
    expectError(await bo.run('space', 'grant', 'Coop', 'bo', 'manage'), 'FORBIDDEN', 'does not manage');

    await anna.json('space', 'grant', 'Coop', 'bo', 'write');
    await expect.poll(async () => (await bo.run('ingest', more, '--asset', 'readings')).exitCode, patiently).toBe(0);
    await expect.poll(async () => (await assetsOf(anna))['readings'], patiently).toContain('5 rows');
    expect((await describeSpace(anna, 'Coop')).refused).toEqual({});
  });

  test('part when one is removed: it hears of it, gets nothing new and writes nothing more', async () => {
    await using stack = new AsyncDisposableStack();
    const { path, file, anna, bo } = await startPair(stack);
    const cleo = stack.use(await createSyncNode(path, 'cleo'));
    await cleo.start();
    await letIn(anna, 'Coop', bo);
    await letIn(anna, 'Coop', cleo);
    await anna.json('space', 'share', 'Coop', 'readings', '--subscribe', 'data');
    await untilAgreed('Coop', anna, bo, cleo);
    await expect.poll(() => rowsOf(bo, ALL_ROWS).catch(String), patiently).toHaveLength(3);

    expect((await anna.run('space', 'revoke', 'Coop', 'bo')).stdout).toMatch(/bo \([^)]*\): removed from Coop/);
    await ingest(anna, 'readings', 'more.csv', MORE);
    await expect.poll(async () => (await assetsOf(cleo))['readings'], patiently).toContain('5 rows');
    // Any member tells it, and from then on it may write no more.
    const heard = async () => (await bo.json<{ spaces: SpaceSummary[] }>('space', 'list')).spaces[0];
    await expect.poll(heard, patiently).toMatchObject({ level: null, removal: { name: 'anna' } });
    expectError(
      await bo.run('ingest', await file('false.csv', MORE), '--asset', 'readings'),
      'FORBIDDEN',
      'may not write',
    );
    expectError(await bo.run('sync', 'now', 'anna'), 'DEVICE_NOT_FOUND');
    await untilAgreed('Coop', anna, cleo);
    expect((await assetsOf(anna))['readings']).toContain('5 rows');
    const { members } = await cleo.json<{ members: MemberOutput[] }>('space', 'members', 'Coop');
    expect(members.find(({ name }) => name === 'bo')).toMatchObject({ level: null });
  });
});
