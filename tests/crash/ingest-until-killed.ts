// A process to be killed. It opens a home, says on standard output which batches it finds, waits for a line on standard
// input, and then ingests batch after batch, printing each one that was acknowledged.
//
// usage: node ingest-until-killed.ts HOME FIRST_BATCH ASSET=FORMAT…
import { once } from 'node:events';
import { createLocalClient } from '#core/api/index.ts';
import { createNode } from '#core/node/create-node.ts';
import type { InputFile } from '#core/kernel/index.ts';

/** Enough rows for several chunks of every store. */
const ROWS_PER_BATCH = 5000;

const [home, firstBatch, ...targets] = process.argv.slice(2) as [string, string, ...string[]];
const node = await createNode({ home, command: 'crash test' });
const client = createLocalClient(node.registry, { ...node.owner, deviceInfo: 'crash test' });

async function query(sql: string): Promise<Record<string, number>[]> {
  let text = '';
  await client.call(
    'query',
    { sql, format: 'json' },
    { write: async (chunk) => void (text += Buffer.from(chunk).toString()) },
  );
  return JSON.parse(text) as Record<string, number>[];
}

async function* oneFile(batch: number): AsyncGenerator<InputFile> {
  let text = 'batch,row,label\n';
  for (let row = 0; row < ROWS_PER_BATCH; row++) text += `${batch},${row},label ${(row * 31) % 97}\n`;
  yield {
    name: `batch-${batch}.csv`,
    replayable: true,
    async *read() {
      yield Buffer.from(text);
    },
  };
}

const { assets } = (await client.call('listAssets', {})) as { assets: { name: string; version: number }[] };
const found = await Promise.all(
  assets.map(async ({ name, version }) => ({
    name,
    version,
    batches: await query(
      `SELECT batch::INT AS batch, count(*)::INT AS n, count(DISTINCT "row")::INT AS d, sum("row")::INT AS total FROM "${name}" GROUP BY batch ORDER BY batch`,
    ),
  })),
);
const { faults } = (await client.call('verifyAssets', {})) as { faults: unknown[] };
process.stdout.write(`${JSON.stringify({ found, faults, rowsPerBatch: ROWS_PER_BATCH })}\n`);
await once(process.stdin, 'data');

for (let batch = Number(firstBatch); ; batch++) {
  for (const target of targets) {
    const [asset, storageFormat] = target.split('=');
    await client.call('ingestFiles', { asset, storageFormat }, { files: oneFile(batch) });
    process.stdout.write(`${JSON.stringify({ asset, batch })}\n`);
  }
}
