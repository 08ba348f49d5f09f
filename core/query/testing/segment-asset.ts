import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordBatch, Schema } from 'apache-arrow';
import type { SegmentRef } from '#core/catalog/index.ts';
import { createInlineRowGroupEncoder, encodeSegments } from '#core/columnar/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { QueryableAsset } from '../ports.ts';

export interface SegmentAssetOptions {
  /** Where the segment files go. */
  readonly folder: string;
  readonly name: string;
  readonly schema: Schema;
  readonly rowGroupRows?: number;
  /** One segment or more for each list of batches. */
  readonly parts: readonly (readonly RecordBatch[])[];
}

/** An asset whose rows lie in segment files. */
export async function segmentAsset(options: SegmentAssetOptions): Promise<QueryableAsset> {
  const { folder, name, schema, rowGroupRows, parts } = options;
  mkdirSync(folder, { recursive: true });
  const segments: SegmentRef[] = [];
  const segmentPath = (id: string) => join(folder, `${id}.webm`);
  for (const part of parts) {
    const encoder = createInlineRowGroupEncoder();
    for await (const { bytes, hash, header } of encodeSegments(schema, fromArray(part), { encoder, rowGroupRows })) {
      writeFileSync(segmentPath(hash), bytes);
      const columns = schema.fields.map((_, column) => ({
        nullCount: header.rowGroups.reduce((sum, group) => sum + group.chunks[column]!.statistics.nullCount, 0),
      }));
      segments.push({ id: hash, rowCount: header.rowCount, byteCount: bytes.length, columns });
    }
  }
  const digits = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return {
    id: `00000000-0000-7000-8000-${digits}` as AssetId,
    name,
    version: 1,
    storageFormat: 'WEBM_COLUMNAR',
    schema,
    segments,
    segmentPath,
    scan() {
      throw new Error('The engine reads segments itself.');
    },
  };
}

async function* fromArray<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
