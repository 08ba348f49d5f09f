import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SegmentRef } from '#core/catalog/index.ts';
import { createInlineRowGroupEncoder, encodeSegments } from '#core/columnar/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { AssetResolver, QueryEngine } from '../ports.ts';
import { sampleRows } from './sample-rows.ts';

const ROWS = 2 ** 13;

/** The first query pays for code that is loaded and compiled; after a few more it is done. */
const ROUNDS = 4;

const SQL = 'SELECT noise, avg(number), count(*) FROM sample WHERE number > -300 GROUP BY noise ORDER BY noise';

/**
 * Runs queries over made-up rows, so that the first one over real rows finds every step of its way loaded and compiled.
 * What goes wrong here goes wrong again where somebody waits for it, and is told there.
 */
export async function warmEngine(engine: QueryEngine, folder: string): Promise<void> {
  const path = join(folder, `${randomBytes(8).toString('hex')}.webm`);
  try {
    const resolver = await sampleResolver(path);
    for (let round = 0; round < ROUNDS; round++) {
      await using result = await engine.run({ sql: SQL }, resolver);
      for await (const _ of result.batches);
    }
  } catch {
    // See above.
  } finally {
    await rm(path, { force: true });
  }
}

async function sampleResolver(path: string): Promise<AssetResolver> {
  const batch = sampleRows(ROWS);
  const { schema } = batch;
  const encoder = createInlineRowGroupEncoder();
  async function* rows() {
    yield batch;
  }
  const segments: SegmentRef[] = [];
  for await (const { bytes, hash, header } of encodeSegments(schema, rows(), { encoder })) {
    await writeFile(path, bytes, { mode: 0o600 });
    const columns = schema.fields.map(() => ({ nullCount: 0 }));
    segments.push({ id: hash, rowCount: header.rowCount, byteCount: bytes.length, columns });
  }
  return {
    names: async () => ['sample'],
    resolve: async (name) => ({
      id: '00000000-0000-7000-8000-000000000000' as AssetId,
      name,
      version: 1,
      storageFormat: 'WEBM_COLUMNAR',
      schema,
      segments,
      segmentPath: () => path,
      async *scan() {
        yield batch;
      },
    }),
  };
}
