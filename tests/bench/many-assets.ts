import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHttpClient } from '#core/api/adapters/http-client.ts';
import type { ListAssetsOutput } from '#core/catalog/index.ts';
import { createNode } from '#core/node/create-node.ts';
import { readHolder } from '#core/node/holder.ts';
import { createNodeFileSystem } from '#core/platform/index.ts';
import { meetInMemory } from './meet.ts';
import { joinNode, openBenchNode, signAssets } from './space-node.ts';

/** Assets that go from one node to the other before they are applied: what came is held on its hash chain first. */
const STEP = 20_000;
const CLI = fileURLToPath(new URL('./start-and-tell.ts', import.meta.url));

/** Makes a home in which so many assets came from a space. */
export async function createReplicas(folder: string, home: string, count: number): Promise<void> {
  await (await createNode({ home, command: 'benchmark' }))[Symbol.asyncDispose]();
  await using founder = await openBenchNode(join(folder, 'founder'));
  await using member = await openBenchNode(home);
  await founder.spaces.createSpace('all');
  await joinNode(founder, member, 'all');
  const space = await founder.spaces.find('all');
  for (let made = 0; made < count; made += STEP) {
    await signAssets(founder, space, made, Math.min(STEP, count - made));
    await meetInMemory(member, founder);
    await member.spaces.settle();
  }
}

export interface StartFigures {
  /** From the start of the process to the first answer. */
  readonly milliseconds: number;
  /** Of all its threads until then, milliseconds. */
  readonly processorMs: number;
  /** Of V8 after the first answer and a collection. */
  readonly heapBytes: number;
}

export async function measureStart(home: string, count: number): Promise<StartFigures> {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--disable-warning=ExperimentalWarning', CLI, 'start', '--port', '0'],
    {
      env: { ...process.env, GRANARY_HOME: home, XDG_STATE_HOME: join(home, '..', 'state') },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    },
  );
  const exited = new Promise((resolve) => child.on('exit', resolve));
  try {
    for (;;) {
      const holder = await readHolder(createNodeFileSystem(), home);
      if (holder?.api && holder.pid === child.pid) {
        const client = createHttpClient({ ...holder.api, deviceInfo: 'benchmark' });
        const { totalCount } = (await client.call('listAssets', { limit: 10 })) as ListAssetsOutput;
        if (totalCount !== count) throw new Error(`The node knows ${totalCount} assets instead of ${count}.`);
        const milliseconds = performance.now() - start;
        const told = once(child, 'message');
        child.send('tell');
        const [figures] = (await told) as [Omit<StartFigures, 'milliseconds'>];
        return { milliseconds, ...figures };
      }
      if (child.exitCode !== null) throw new Error(`The node ended with ${child.exitCode}.`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    child.disconnect();
    child.kill('SIGINT');
    await exited;
  }
}
