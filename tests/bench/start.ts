import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHttpClient } from '#core/api/adapters/http-client.ts';
import { createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createCatalog, type ListAssetsOutput } from '#core/catalog/index.ts';
import { createNode } from '#core/node/create-node.ts';
import { openDeviceLog } from '#core/node/device-log.ts';
import { readHolder } from '#core/node/holder.ts';
import { createNodeFileSystem, openLevelStore, systemClock, systemRandom } from '#core/platform/index.ts';
import { temporaryFolder } from './data.ts';
import { atMost, type Benchmark, median, reported } from './measure.ts';

const ASSETS = 10_000;
const START_MS_MAX = 2000;
const RUNS = 3;
const CLI = fileURLToPath(new URL('../../core/node/cli.ts', import.meta.url));
const milliseconds = (value: number) => `${value.toFixed(0)} ms`;

/** From the start of the process to a node that has answered a call, with 10,000 assets in its catalog. */
export const startBenchmark: Benchmark = {
  name: 'start',
  async run() {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    await (await createNode({ home, command: 'benchmark' }))[Symbol.asyncDispose]();
    await createAssets(home);
    const rebuild = await timeRebuild(home);
    const times: number[] = [];
    for (let i = 0; i < RUNS; i++) times.push(await timeStart(home));
    return [
      atMost(`start with ${ASSETS.toLocaleString('en-US')} assets`, median(times), START_MS_MAX, milliseconds),
      reported('building the view anew', milliseconds(rebuild)),
    ];
  },
};

async function createAssets(home: string): Promise<void> {
  const store = await openLevelStore(join(home, 'store'), { mustExist: true });
  const machine = { clock: systemClock, random: systemRandom };
  const { log } = await openDeviceLog(
    { ...machine, files: createNodeFileSystem(), openStore: openLevelStore },
    home,
    store,
  );
  const audit = createAuditLog({ store, ...machine, sha256: nodeSha256 });
  const catalog = createCatalog({ store, log, audit, ...machine });
  const actor = { userId: null, purpose: 'ADMIN', sourceIp: null, deviceInfo: 'benchmark' } as const;
  for (let i = 0; i < ASSETS; i++) {
    const input = { name: `asset ${i}`, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' } as const;
    await catalog.createAsset(input, { actor });
  }
  await store.close();
}

async function timeRebuild(home: string): Promise<number> {
  await using node = await createNode({ home, command: 'benchmark' });
  const operation = node.registry.get('diagnose');
  const start = performance.now();
  await operation.handler(
    { rebuildCatalog: true },
    {
      caller: { ...node.owner, deviceInfo: 'benchmark' },
      signal: new AbortController().signal,
      report: () => undefined,
      files: (async function* () {})(),
      write: async () => undefined,
    },
  );
  return performance.now() - start;
}

async function timeStart(home: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'start', '--port', '0'], {
    env: { ...process.env, GRANARY_HOME: home },
    stdio: 'ignore',
  });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  try {
    for (;;) {
      const holder = await readHolder(createNodeFileSystem(), home);
      if (holder?.api && holder.pid === child.pid) {
        const client = createHttpClient({ ...holder.api, deviceInfo: 'benchmark' });
        const { totalCount } = (await client.call('listAssets', { limit: 10 })) as ListAssetsOutput;
        if (totalCount < ASSETS) throw new Error(`The node knows ${totalCount} assets instead of ${ASSETS}.`);
        return performance.now() - start;
      }
      if (child.exitCode !== null) throw new Error(`The node ended with ${child.exitCode}.`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    child.kill('SIGINT');
    await exited;
  }
}
