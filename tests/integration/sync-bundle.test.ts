import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandResult, runGranary, spawnGranary, temporaryFolder } from '#tests/support/granary.ts';

/** Two members who never have a network, and a stick between them. */
const folder = await temporaryFolder();
const [mill, field, thief] = ['mill', 'field', 'thief'].map((name) => join(folder.path, name)) as [
  string,
  string,
  string,
];
const stick = (name: string) => join(folder.path, name);

beforeAll(async () => {
  // What lies beside the homes belongs to the test as well.
  process.env['XDG_STATE_HOME'] = join(folder.path, 'state');
  for (const home of [mill, field, thief]) {
    await mkdir(home, { mode: 0o700 });
    const deviceName = home.slice(folder.path.length + 1);
    await writeFile(join(home, 'granary.config.json'), JSON.stringify({ sync: { deviceName } }), { mode: 0o600 });
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

async function run(home: string, ...words: string[]): Promise<string> {
  const result = await runGranary(home, words);
  expect(result.stderr).not.toContain('error:');
  expect(result.exitCode).toBe(0);
  return result.stdout;
}

const json = async (home: string, ...words: string[]) => JSON.parse(await run(home, ...words, '--json'));
const rows = async (home: string, sql: string) => JSON.parse(await run(home, 'query', sql, '--format', 'json'));

function expectError({ stderr, exitCode }: CommandResult, code: string, text: string): void {
  expect(stderr).toMatch(new RegExp(`^error: ${code} `, 'm'));
  expect(stderr).toContain(text);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(exitCode).toBe(1);
}

async function ingest(home: string, asset: string, text: string): Promise<void> {
  const path = stick(`${asset}-${text.length}.csv`);
  await writeFile(path, text);
  await run(home, 'ingest', path, '--asset', asset);
}

/** Writes a bundle of the space onto the stick. */
const exportTo = (home: string, name: string, ...options: string[]) =>
  json(home, 'bundle', 'export', '--space', 'Harvest', '--to', stick(name), ...options);

const projection = async (home: string) => (await json(home, 'space', 'show', 'Harvest')).projectionHash;

// Every command is a process of its own, and machines that run tests are busy.
describe('two homes without a network', { timeout: 300_000 }, () => {
  test('a device that is no member learns nothing and joins nothing', async () => {
    await ingest(mill, 'readings', 'id,celsius\n1,4.5\n2,5.5\n');
    await run(mill, 'space', 'create', 'Harvest');
    await run(mill, 'space', 'share', 'Harvest', 'readings');

    await exportTo(mill, 'early.bundle');
    expectError(
      await runGranary(field, ['bundle', 'import', stick('early.bundle'), '--join']),
      'BUNDLE_FOREIGN',
      'granary identity',
    );
    expect((await json(field, 'bundle', 'show', stick('early.bundle'))).name).toBeNull();
  });

  test('a manager makes a device a member by its identity', async () => {
    const { identity, fingerprint } = await json(field, 'identity');
    const wrong = identity.slice(0, 40) + (identity[40] === 'x' ? 'y' : 'x') + identity.slice(41);
    expectError(await runGranary(mill, ['space', 'admit', 'Harvest', wrong]), 'INPUT_INVALID', 'Copy it again');
    expect(await run(mill, 'space', 'admit', 'Harvest', identity)).toContain(fingerprint);
  });

  test('the device joins by a bundle, and has the rows that came with it', async () => {
    await exportTo(mill, 'first.bundle', '--with-data');
    expect(await json(field, 'bundle', 'show', stick('first.bundle'))).toMatchObject({
      name: 'Harvest',
      canJoin: true,
    });
    const unasked = await runGranary(field, ['bundle', 'import', stick('first.bundle')]);
    expectError(unasked, 'BUNDLE_FOREIGN', 'with --join');
    expect((await json(field, 'space', 'list')).spaces).toEqual([]);
    const joined = await json(field, 'bundle', 'import', stick('first.bundle'), '--join');
    expect(joined).toMatchObject({
      joined: true,
      segmentCount: 1,
      missingOperations: {},
      missingSegments: {},
      waiting: {},
    });
    expect(joined.sender.name).toBe('mill');
    expect(await rows(field, 'SELECT * FROM readings ORDER BY id')).toEqual([
      { id: 1, celsius: 4.5 },
      { id: 2, celsius: 5.5 },
    ]);
    expect(await projection(field)).toBe(await projection(mill));
  });

  test('what the other one adds comes back, in a bundle that goes on from the first', async () => {
    await ingest(field, 'readings', 'id,celsius\n3,6.5\n');
    await ingest(field, 'harvest', 'field,tons\nnorth,12\n');
    await run(field, 'space', 'share', 'Harvest', 'harvest');
    const to = stick('back.bundle');
    const back = await exportTo(field, 'back.bundle', '--since', stick('first.bundle'));
    const whole = await exportTo(field, 'whole.bundle');
    expect(back.operationCount).toBeLessThan(whole.operationCount);
    expect((await json(mill, 'bundle', 'show', to)).since).toBe(
      (await json(mill, 'bundle', 'show', stick('first.bundle'))).root,
    );

    const taken = await json(mill, 'bundle', 'import', to);
    expect(taken).toMatchObject({ joined: false, operationCount: back.operationCount, knownOperationCount: 0 });
    expect(await projection(mill)).toBe(await projection(field));
  });

  test('rows come in a bundle with data, and nothing twice', async () => {
    // What is known came without its rows.
    expectError(await runGranary(mill, ['query', 'SELECT * FROM harvest']), 'SEGMENT_MISSING', 'granary fetch');

    await exportTo(field, 'data.bundle', '--with-data', '--since', stick('first.bundle'));
    expect(await json(mill, 'bundle', 'import', stick('data.bundle'))).toMatchObject({
      segmentCount: 2,
      missingSegments: {},
    });
    expect(await rows(mill, 'SELECT * FROM harvest')).toEqual([{ field: 'north', tons: 12 }]);
    expect(await rows(mill, 'SELECT count(*) AS n FROM readings')).toEqual([{ n: 3 }]);
    expect(await run(mill, 'verify')).toContain('all as they were stored');
  });

  test('a sealed bundle opens for those it is sealed to, and for its sender to go on from', async () => {
    const to = stick('sealed.bundle');
    expect(await run(mill, 'bundle', 'export', '--space', 'Harvest', '--to', to, '--for', 'field')).toContain(
      'sealed to field',
    );
    expect((await readFile(to)).includes('Harvest')).toBe(false);
    expect((await readFile(stick('whole.bundle'))).includes('Harvest')).toBe(true);
    expectError(await runGranary(thief, ['bundle', 'import', to, '--join']), 'BUNDLE_SEALED', 'Ask its sender');
    expect(await run(field, 'bundle', 'import', to)).toContain('Everything that the bundle speaks of is here.');
    await ingest(mill, 'readings', 'id,celsius\n4,7.5\n5,8.5\n');
    await exportTo(mill, 'next.bundle', '--for', 'field', '--since', stick('sealed.bundle'));
    const next = await json(field, 'bundle', 'import', stick('next.bundle'));
    expect(next).toMatchObject({ missingOperations: {} });
    expect(next.operationCount).toBeGreaterThan(0);
    expect(await json(field, 'bundle', 'import', stick('next.bundle'))).toMatchObject({ operationCount: 0 });
  });

  test('nobody joins by a bundle that goes on from another one', async () => {
    const { identity } = await json(thief, 'identity');
    await run(mill, 'space', 'admit', 'Harvest', identity, '--level', 'read');
    await exportTo(mill, 'later.bundle', '--since', stick('sealed.bundle'));
    expectError(
      await runGranary(thief, ['bundle', 'import', stick('later.bundle'), '--join']),
      'BUNDLE_FOREIGN',
      'stands alone',
    );
  });

  test('a bundle that was passed over is named as the reason for what is missing', async () => {
    await ingest(mill, 'readings', 'id,celsius\n6,9.5\n');
    await exportTo(mill, 'lost.bundle', '--since', stick('next.bundle'));
    await ingest(mill, 'readings', 'id,celsius\n7,9.75\n8,1\n');
    await exportTo(mill, 'after.bundle', '--since', stick('lost.bundle'));
    const text = await run(field, 'bundle', 'import', stick('after.bundle'));
    expect(text).toContain('in the bundle that this one goes on from');
    expect(text).not.toContain('Everything');
    await run(field, 'bundle', 'import', stick('lost.bundle'));
    expect(await run(field, 'bundle', 'import', stick('after.bundle'))).toContain(
      'Everything that the bundle speaks of is here.',
    );
    expect(await projection(field)).toBe(await projection(mill));
  });

  test('a damaged bundle is refused, and the whole one goes in afterwards', async () => {
    const bytes = await readFile(stick('data.bundle'));
    const damaged = Uint8Array.from(bytes);
    damaged[bytes.length >> 1]! ^= 1;
    await writeFile(stick('damaged.bundle'), damaged);
    await writeFile(stick('short.bundle'), bytes.subarray(0, bytes.length - 100));
    for (const name of ['damaged.bundle', 'short.bundle']) {
      expectError(await runGranary(mill, ['bundle', 'import', stick(name)]), 'BUNDLE_DAMAGED', 'copy the file again');
    }
    await run(mill, 'bundle', 'import', stick('data.bundle'));
    expect(await readdir(join(mill, 'tmp'))).toEqual([]);
  });

  test('an export that fails or is interrupted leaves no file', async () => {
    const before = await readdir(folder.path);
    const words = ['bundle', 'export', '--space', 'Harvest', '--to', stick('never.bundle'), '--with-data'];
    expectError(await runGranary(mill, [...words, '--for', 'nobody']), 'DEVICE_NOT_FOUND', 'nobody');
    expectError(await runGranary(mill, [...words, '--since', stick('readings-23.csv')]), 'BUNDLE_DAMAGED', 'no bundle');
    // Interrupted at any moment, from before the home is open to after the end: the file is there whole, or not at all.
    const { child, result } = spawnGranary(mill, words);
    while (child.exitCode === null && !(await readdir(folder.path)).some((name) => name.startsWith('never'))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    child.kill('SIGINT');
    const { exitCode } = await result;
    const left = (await readdir(folder.path)).filter((name) => !before.includes(name));
    expect(left).toEqual(exitCode === 0 ? ['never.bundle'] : []);
    if (exitCode === 0) await run(field, 'bundle', 'import', stick('never.bundle'));
    expect(await readdir(join(mill, 'tmp'))).toEqual([]);
  });
});
