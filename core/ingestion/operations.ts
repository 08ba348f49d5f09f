import { z } from 'zod';
import { DATA_ASSET_TYPES, STORAGE_FORMATS } from '#core/catalog/index.ts';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { type IngestDeps, ingestFiles } from './ingest-files.ts';

/** Rows in one answer; the rest is asked for by offset. */
export const LIST_QUARANTINED_MAX = 100_000;

const ingestInput = z.strictObject({
  asset: z.string(),
  /** Of a new asset; an asset that is there keeps its own. */
  storageFormat: z
    .enum([...STORAGE_FORMATS, 'SLED_EDGE'])
    .transform((format) => (format === 'SLED_EDGE' ? 'EDGE' : format))
    .optional(),
  assetType: z.enum(DATA_ASSET_TYPES).optional(),
  description: z.string().optional(),
  tags: z.array(z.string()).default([]),
  /** Of a new asset, by column: how far a stored value may be from the one that comes in, `0.5` or `1%` of itself. */
  maxErrors: z.record(z.string(), z.string()).default({}),
  /** The text of a schema file; absent: the columns are found from the data. */
  schemaFile: z.string().optional(),
  onError: z.enum(['stop', 'quarantine']).default('stop'),
  /** Store content again that the asset holds already. */
  again: z.boolean().default(false),
});

const ingestOutput = z.object({
  asset: z.string(),
  assetId: z.string(),
  storageFormat: z.enum(STORAGE_FORMATS),
  /** The version that was made; null when every file was known already. */
  version: z.int().nullable(),
  /** Rows and stored bytes that came in with this call. */
  rowCount: z.int(),
  byteCount: z.int(),
  elapsedMilliseconds: z.number(),
  files: z.array(
    z.object({
      name: z.string(),
      outcome: z.enum(['stored', 'known']),
      knownVersion: z.int().nullable(),
      format: z.string(),
      rowCount: z.int(),
      quarantinedCount: z.int(),
      notes: z.array(z.object({ column: z.string(), note: z.string() })),
    }),
  ),
});

const quarantineOutput = z.object({
  totalCount: z.int(),
  rows: z.array(
    z.object({
      source: z.string(),
      record: z.int(),
      line: z.int().nullable(),
      byteOffset: z.int().nullable(),
      reason: z.string(),
      raw: z.string(),
      version: z.int(),
    }),
  ),
});

export type IngestInput = z.output<typeof ingestInput>;
export type IngestOutput = z.output<typeof ingestOutput>;
export type QuarantineOutput = z.output<typeof quarantineOutput>;

export function ingestionOperations(deps: IngestDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'ingestFiles',
      description: 'Stores the files that come with the call as a new version of an asset.',
      input: ingestInput,
      output: ingestOutput,
      permission: 'write',
      handler: (input, context) => ingestFiles(deps, input, context),
    }),
    defineOperation({
      name: 'listQuarantined',
      description: 'The rows of an asset that were set aside, with reason and place.',
      input: z.strictObject({
        name: z.string(),
        limit: z.int().min(1).max(LIST_QUARANTINED_MAX).default(100),
        offset: z.int().min(0).default(0),
      }),
      output: quarantineOutput,
      permission: 'read',
      async handler({ name, limit, offset }, { signal }) {
        const asset = await deps.catalog.getAsset(name);
        const { rows, totalCount } = await deps.catalog.listQuarantined(asset.id, { limit, offset }, { signal });
        return {
          totalCount,
          rows: rows.map((row) => ({ ...row, line: row.line ?? null, byteOffset: row.byteOffset ?? null })),
        };
      },
    }),
  ];
}
