import { z } from 'zod';
import { STORAGE_FORMATS } from '#core/catalog/index.ts';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { type ExportDeps, exportAsset } from './export-asset.ts';
import { type QueryDeps, runQuery } from './run-query.ts';

/** A statement longer than this was not written by a person, and parsing it is the engine's first work. */
export const SQL_LENGTH_MAX = 100_000;

const explanation = z.object({
  scans: z
    .array(
      z.object({
        asset: z.string(),
        storageFormat: z.enum(STORAGE_FORMATS),
        columnsDecoded: z.array(z.string()).readonly(),
        filters: z.array(z.string()).readonly(),
        rowGroups: z.int(),
        rowGroupsSkipped: z.int(),
        bytesRead: z.int(),
        chunksCached: z.int(),
        decoder: z.string(),
      }),
    )
    .readonly(),
  stages: z.array(z.object({ stage: z.string(), milliseconds: z.number() })).readonly(),
  plan: z.string(),
});

const queryInput = z.strictObject({
  sql: z.string().min(1).max(SQL_LENGTH_MAX),
  format: z.enum(['table', 'json', 'ndjson', 'csv', 'arrow']).default('json'),
  /** A version number, or the newest version at a time. Applies to every asset of the statement. */
  asOf: z
    .union([z.strictObject({ version: z.int().min(1) }), z.strictObject({ time: z.iso.datetime({ offset: true }) })])
    .optional(),
  /** Run the statement, throw its rows away and say how they were found. */
  explain: z.boolean().default(false),
  /** Columns of the reader's terminal, for the table format. */
  width: z.int().min(20).optional(),
});

const queryOutput = z.object({ rowCount: z.int(), explanation: explanation.nullable() });

const exportInput = z.strictObject({
  name: z.string(),
  format: z.enum(['csv', 'ndjson', 'parquet', 'arrow', 'webm']),
});

const exportOutput = z.object({ rowCount: z.int() });

export type QueryInput = z.output<typeof queryInput>;
export type QueryOutput = z.output<typeof queryOutput>;
export type ExportInput = z.output<typeof exportInput>;
export type ExportOutput = z.output<typeof exportOutput>;

export function queryOperations(deps: QueryDeps & ExportDeps): readonly Operation[] {
  return [
    defineOperation({
      name: 'query',
      description: 'Runs one SELECT over the assets; the rows are the output stream.',
      input: queryInput,
      output: queryOutput,
      permission: 'read',
      streams: 'the rows in the format asked for',
      handler: (input, context) => runQuery(deps, input, context),
    }),
    defineOperation({
      name: 'exportAsset',
      description: 'Writes the rows of an asset as a file of another format; the file is the output stream.',
      input: exportInput,
      output: exportOutput,
      permission: 'read',
      streams: 'the file',
      handler: (input, context) => exportAsset(deps, input, context),
    }),
  ];
}
