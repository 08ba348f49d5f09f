import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createHttpClient } from '#core/api/adapters/http-client.ts';
import { expect, vi } from 'vitest';
import type { CallOptions } from '#core/api/index.ts';
import type { ListAssetsOutput } from '#core/catalog/index.ts';
import type { PeerOutput } from '#sync/peers/index.ts';
import type { SpaceDescription } from '#sync/spaces/index.ts';
import { type CommandResult, type LaunchOptions, runGranary, spawnGranary } from './granary.ts';

// Several whole nodes at once, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 300_000 });

/** A home in which commands run, and a node that serves it as long as it is started. */
export interface SyncNode extends AsyncDisposable {
  readonly home: string;
  /** What other devices see this one called. */
  readonly name: string;
  /** Where it listens when the settings do not say otherwise. */
  readonly listen: readonly string[];
  /** Settings from the next start on. */
  configure(settings: SyncSettings): Promise<void>;
  /** Runs one command line as a user would, in a process of its own. */
  run(...words: string[]): Promise<CommandResult>;
  /** What a command line says with `--json`; fails when the command does. */
  json<T = unknown>(...words: string[]): Promise<T>;
  /** A command that is still running. */
  spawn(...words: string[]): ReturnType<typeof spawnGranary>;
  /** Calls an operation of the running node: cheap enough to be asked again and again. */
  call<T = unknown>(operation: string, input?: unknown, options?: CallOptions): Promise<T>;
  start(): Promise<void>;
  /** Ctrl-C. Resolves when the process is gone, with what it said. */
  stop(): Promise<CommandResult>;
  /** Kills the process at once and waits until it is gone. */
  kill(): Promise<void>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  readonly isRunning: boolean;
}

export interface SyncSettings {
  readonly listen?: readonly string[];
  readonly discover?: boolean;
  readonly relays?: readonly string[];
  readonly isRelay?: boolean;
  readonly bytesPerSecond?: number;
}

/** A port that nothing listens on now. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    server.close(() => resolve(port));
  });
  return promise;
}

/**
 * Makes a home below the folder. Its device state lies beside it: a copy of the home is not a copy of that. By default it
 * listens on a port of the loopback interface that stays the same from start to start, and finds nobody by itself.
 */
export async function createSyncNode(
  folder: string,
  name: string,
  settings: SyncSettings = {},
  prefix: readonly string[] = [],
): Promise<SyncNode> {
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const listen = [`/ip4/127.0.0.1/tcp/${await freePort()}`];
  const configure = async (changes: SyncSettings): Promise<void> => {
    const sync = { discover: false, listen, ...changes, deviceName: name };
    await writeFile(join(home, 'granary.config.json'), JSON.stringify({ sync, api: { port: 0 } }));
  };
  await configure(settings);
  const options: LaunchOptions = { env: { XDG_STATE_HOME: join(folder, 'state') }, prefix };
  let running: ReturnType<typeof spawnGranary> | undefined;

  const run = (...words: string[]) => runGranary(home, words, options);
  const end = async (signal: 'SIGINT' | 'SIGKILL'): Promise<CommandResult> => {
    const { child, result } = running!;
    running = undefined;
    child.kill('SIGCONT');
    child.kill(signal);
    return result;
  };
  // The first command makes the home; a first start would store the sample as well.
  await run('identity');
  return {
    home,
    name,
    listen,
    configure,
    run,
    async json<T>(...words: string[]): Promise<T> {
      const { exitCode, stdout, stderr } = await run(...words, '--json');
      if (exitCode !== 0) throw new Error(`granary ${words.join(' ')} ended with ${exitCode}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    spawn: (...words) => spawnGranary(home, words, options),
    async call<T>(operation: string, input: unknown = {}, options: CallOptions = {}): Promise<T> {
      const { api } = JSON.parse(await readFile(join(home, 'holder.json'), 'utf8')) as {
        api: { host: string; port: number; token: string };
      };
      return (await createHttpClient({ ...api, deviceInfo: 'test' }).call(operation, input, options)) as T;
    },
    async start() {
      const { child, result } = (running = spawnGranary(home, ['start'], options));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let text = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('Serving http://')) resolve();
      });
      void result.then(({ stderr }) => reject(new Error(`${name} ended before it served: ${stderr}`)), reject);
      await promise;
    },
    stop: () => end('SIGINT'),
    async kill() {
      await end('SIGKILL');
    },
    signal: (signal) => void running!.child.kill(signal),
    get isRunning() {
      return running !== undefined;
    },
    async [Symbol.asyncDispose]() {
      if (running) await end('SIGKILL');
    },
  };
}

/** For what comes about by itself: it is asked for again and again, and the machine may be busy with other things. */
export const patiently = { timeout: 120_000, interval: 200 };

/** Lets a device into a space of a running node. */
export async function letIn(manager: SyncNode, space: string, device: SyncNode, level = 'write'): Promise<void> {
  const { ticket } = await manager.call<{ ticket: string }>('invitePeer', { space, level });
  await device.call('joinSpace', { ticket });
}

/** What a running node knows of another one. */
export async function peerOf(node: SyncNode, other: SyncNode): Promise<PeerOutput> {
  const { peers } = await node.call<{ peers: PeerOutput[] }>('listPeers');
  const peer = peers.find(({ name }) => name === other.name);
  if (!peer) throw new Error(`${node.name} does not know ${other.name}.`);
  return peer;
}

/** Runs a command and stops it by Ctrl-C while it works. */
export async function interrupt(node: SyncNode, ...words: string[]): Promise<CommandResult> {
  for (let milliseconds = 1000; ; milliseconds += 1500) {
    const { child, result } = node.spawn(...words);
    setTimeout(() => child.kill('SIGINT'), milliseconds);
    const ended = await result;
    // Without a code it had not begun to listen to Ctrl-C.
    if (ended.exitCode !== null) return ended;
  }
}

export const describeSpace = (node: SyncNode, space: string): Promise<SpaceDescription> =>
  node.call('describeSpace', { space });

/** Stores a CSV file in a running node, as a new version of an asset. */
export async function ingest(node: SyncNode, asset: string, file: string, csv: string): Promise<void> {
  const bytes = Buffer.from(csv);
  const input = { name: file, byteCount: bytes.length, read: () => each([bytes]), replayable: true };
  await node.call('ingestFiles', { asset }, { files: each([input]) });
}

async function* each<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
}

/** The rows that a query of a running node gives. */
export async function rowsOf(node: SyncNode, sql: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  const write = async (chunk: Uint8Array) => void chunks.push(chunk);
  await node.call('query', { sql, format: 'json' }, { write });
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** The assets of a running node as people see them, by name. */
export async function assetsOf(node: SyncNode): Promise<Record<string, string>> {
  const { assets } = await node.call<ListAssetsOutput>('listAssets');
  const told = assets.map(({ name, description, tags, rowCount, schema }) => {
    const columns = schema.fields.map((field) => field.name).join();
    return [name, `${rowCount} rows of ${columns}; ${description ?? ''}; ${tags.join()}`];
  });
  return Object.fromEntries(told.sort()) as Record<string, string>;
}

/** Resolves once running nodes have come to the same state of a space, and their catalogs have followed. */
export async function untilAgreed(space: string, ...nodes: readonly SyncNode[]): Promise<void> {
  const states = async () => {
    const of = async (node: SyncNode) => {
      const { projectionHash, waiting } = await describeSpace(node, space);
      return JSON.stringify([projectionHash, waiting, await assetsOf(node)]);
    };
    return new Set(await Promise.all(nodes.map(of))).size;
  };
  await expect.poll(states, patiently).toBe(1);
}
