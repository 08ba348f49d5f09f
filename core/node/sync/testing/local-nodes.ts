import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalClient } from '#core/api/index.ts';
import type { InputFile } from '#core/kernel/index.ts';
import { toUtf8 } from '#core/kernel/index.ts';
import { CONFIG_FILE } from '../../config.ts';
import { createNode } from '../../create-node.ts';

/** A whole node of this process that talks over the loopback interface. */
export interface LocalNode extends AsyncDisposable {
  readonly home: string;
  call<T>(operation: string, input?: unknown): Promise<T>;
  /** Stores rows, as CSV. */
  ingest(asset: string, csv: string, options?: Record<string, unknown>): Promise<void>;
  count(asset: string): Promise<number>;
  startSync(): Promise<void>;
}

/** A folder for homes; what a node keeps beside its home lies there too. */
export async function homesFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'granary-nodes-'));
  process.env['XDG_STATE_HOME'] = join(path, 'state');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export async function openLocalNode(folder: string, deviceName: string): Promise<LocalNode> {
  const home = join(folder, deviceName);
  const sync = { deviceName, discover: false, listen: ['/ip4/127.0.0.1/tcp/0'] };
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, CONFIG_FILE), JSON.stringify({ sync }), { mode: 0o600 });
  const node = await createNode({ home, command: 'test' });
  const client = createLocalClient(node.registry, { ...node.owner, deviceInfo: 'test' });
  return {
    home,
    call: async <T>(operation: string, input: unknown = {}) => (await client.call(operation, input)) as T,
    async ingest(asset, csv, options = {}) {
      const file: InputFile = {
        name: `${asset}.csv`,
        replayable: true,
        read: async function* () {
          yield toUtf8(csv);
        },
      };
      const files = (async function* () {
        yield file;
      })();
      await client.call('ingestFiles', { asset, ...options }, { files });
    },
    async count(asset) {
      const chunks: Uint8Array[] = [];
      const write = async (chunk: Uint8Array) => void chunks.push(chunk.slice());
      await client.call(
        'query',
        { sql: `SELECT count(*) AS n, sum(id) AS s FROM "${asset}"`, format: 'json' },
        { write },
      );
      const [row] = JSON.parse(Buffer.concat(chunks).toString()) as { n: number }[];
      return row!.n;
    },
    startSync: () => node.startSync(),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}
