import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openClient } from '#core/node/cli/open-client.ts';
import { fromHex } from '#core/kernel/index.ts';
import { openLevelStore } from '#core/platform/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import { decodeSealedSegment } from '#sync/segments/index.ts';
import type { SpaceDescription, SyncExplanation } from '#sync/spaces/index.ts';
import type { RelayOutput } from '#sync/relay/index.ts';
import type { TicketOutput } from '#sync/peers/index.ts';
import { runGranary, startGranary, temporaryFolder } from '#tests/support/granary.ts';

const SPACE = 'Cooperative of the river';
const ROWS = [
  ['batch', 'orchard', 'sugar'],
  ['1', 'Upper Quincefield', '17.25'],
  ['2', 'Lower Medlarwood', '18.5'],
  ['3', 'Upper Quincefield', '16.75'],
];
const ASSET = 'harvest-weights-2026';
const CSV = ROWS.map((row) => row.join(',')).join('\n') + '\n';
/** What nobody may find on a relay: the name, the schema and the rows of an asset. */
const SECRETS = [ASSET, 'orchard', 'sugar', 'Quincefield', 'Medlarwood'];
const patiently = { timeout: 60_000, interval: 300 };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks the node that runs on a home; where none runs, one that is opened for the question. */
async function call<T>(home: string, operation: string, input: object = {}): Promise<T> {
  await using client = await openClient({ home, command: 'a test' });
  return (await client.call(operation, input)) as T;
}

async function command(home: string, words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runGranary(home, words);
  expect(stderr).not.toContain('error:');
  expect(exitCode).toBe(0);
  return stdout;
}

/** A home whose node is at one port of this machine, has no sample in it, and knows of others by its relays alone. */
async function makeHome(root: string, name: string, relays: readonly string[] = []) {
  const home = join(root, name);
  const port = await freePort();
  const sync = { deviceName: name, listen: [`/ip4/127.0.0.1/tcp/${port}`], discover: false, relays };
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, 'granary.config.json'), JSON.stringify({ sync }));
  const { peerId } = await call<{ peerId: string }>(home, 'getIdentity');
  return { home, address: `/ip4/127.0.0.1/tcp/${port}/p2p/${peerId}` };
}

/** Every byte of a home, and what its store says, which is compressed on the disk. */
async function readEverything(home: string): Promise<{ readonly files: Buffer[]; readonly entries: Buffer[] }> {
  const files: Buffer[] = [];
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    files.push(Buffer.from(entry.name));
    if (entry.isFile()) files.push(await readFile(join(entry.parentPath, entry.name)));
  }
  const entries: Buffer[] = [];
  const store = await openLevelStore(join(home, 'store'), { mustExist: true });
  for await (const [key, value] of store.entries({ gte: '', lt: '~' }))
    entries.push(Buffer.from(key), Buffer.from(value));
  await store.close();
  return { files, entries };
}

/** The keys of the sealed segments that a member has. */
async function segmentKeys(home: string): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  const store = await openLevelStore(join(home, 'store'), { mustExist: true });
  for await (const [, value] of store.entries(prefixRange('space-seal-proved/'))) {
    const record = JSON.parse(Buffer.from(value).toString()) as string;
    keys.push(Buffer.from(decodeSealedSegment(fromHex(record)).key));
  }
  await store.close();
  return keys;
}

async function whileRunning(home: string, work: () => Promise<void>): Promise<void> {
  await using _ = await startGranary(home);
  await work();
}

describe('a relay', () => {
  test('hands operations and rows on between members who are never there together, and reads none of them', async () => {
    await using folder = await temporaryFolder();
    const relay = await makeHome(folder.path, 'relay');
    const founder = await makeHome(folder.path, 'founder');
    const relayNode = await startGranary(relay.home, ['--relay']);
    const [anna, chris] = [
      await makeHome(folder.path, 'anna', [relay.address]),
      await makeHome(folder.path, 'chris', [relay.address]),
    ];

    {
      await using _ = await startGranary(founder.home);
      await call(founder.home, 'createSpace', { name: SPACE });
      const join = async (home: string, level: string) => {
        const { ticket } = await call<TicketOutput>(founder.home, 'invitePeer', { space: SPACE, level });
        await call(home, 'joinSpace', { ticket });
      };
      await join(relay.home, 'pull');
      // One after the other: these two never meet.
      await whileRunning(anna.home, () => join(anna.home, 'write'));
      await whileRunning(chris.home, () => join(chris.home, 'read'));
      const memberCount = () =>
        call<SpaceDescription>(relay.home, 'describeSpace', { space: SPACE }).then((space) => space.memberCount);
      await expect.poll(memberCount, patiently).toBe(4);
    }

    await whileRunning(anna.home, async () => {
      const file = join(folder.path, 'rows.csv');
      await writeFile(file, CSV);
      await command(anna.home, ['ingest', file, '--asset', ASSET]);
      await call(anna.home, 'shareAssets', { space: SPACE, assets: [ASSET], subscribe: 'data' });
      const held = () => call<RelayOutput>(relay.home, 'getRelay').then(({ spaces }) => spaces[0]);
      await expect.poll(held, patiently).toMatchObject({ announcedCount: 1, heldCount: 1 });
    });

    await whileRunning(chris.home, async () => {
      const isHere = () =>
        call<SyncExplanation>(chris.home, 'explainSync', { asset: ASSET }).then(
          (explanation) => explanation.isHere,
          () => false,
        );
      await expect.poll(isHere, patiently).toBe(true);
      const sql = `SELECT orchard, sum(sugar) AS sugar FROM "${ASSET}" GROUP BY orchard ORDER BY orchard`;
      expect(JSON.parse(await command(chris.home, ['query', sql, '--format', 'json']))).toEqual([
        { orchard: 'Lower Medlarwood', sugar: 18.5 },
        { orchard: 'Upper Quincefield', sugar: 34 },
      ]);
    });
    expect(await command(relay.home, ['space', 'show', SPACE])).toMatch(/segments held +1, /);

    await relayNode[Symbol.asyncDispose]();
    const secrets = [...SECRETS.map((text) => Buffer.from(text)), ...(await segmentKeys(anna.home))];
    expect(secrets).toHaveLength(SECRETS.length + 1);
    const seen = await readEverything(relay.home);
    const member = await readEverything(anna.home);
    for (const secret of secrets) {
      const has = ({ files, entries }: typeof seen, form: Buffer) =>
        [...files, ...entries].some((bytes) => bytes.includes(form));
      const forms = [secret, Buffer.from(secret.toString('hex')), Buffer.from(secret.toString('base64'))];
      expect(forms.map((form) => has(seen, form))).toEqual([false, false, false]);
      expect(forms.some((form) => has(member, form))).toBe(true);
    }
    // It has not so much as begun a database or a table.
    expect(await readdir(relay.home)).not.toContain('catalog');
    expect(await readdir(join(relay.home, 'segments'))).toEqual([]);
  }, 300_000);
});
