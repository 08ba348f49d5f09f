import type { SqlConnection } from '#core/platform/ports.ts';
import type { ViewRows } from '../project-view.ts';

type Column = readonly [name: string, type: string];

/** A table of the view; `time` columns arrive as milliseconds. */
interface ViewTable {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly conflict: string;
}

const ASSET_COLUMNS: readonly Column[] = [
  ['id', 'uuid'],
  ['name', 'text'],
  ['description', 'text'],
  ['asset_type', 'text'],
  ['storage_format', 'text'],
  ['schema', 'jsonb'],
  ['tags', 'text[]'],
  ['version', 'bigint'],
  ['removed', 'boolean'],
  ['created_at', 'time'],
  ['updated_at', 'time'],
  ['seq', 'bigint'],
];

const JOB_COLUMNS: readonly Column[] = [
  ['id', 'uuid'],
  ['name', 'text'],
  ['source', 'jsonb'],
  ['target_asset_id', 'uuid'],
  ['schedule', 'jsonb'],
  ['transformation_logic', 'text'],
  ['status', 'text'],
  ['last_run', 'time'],
  ['next_run', 'time'],
  ['error_count', 'integer'],
  ['max_errors', 'integer'],
  ['last_result', 'jsonb'],
  ['seq', 'bigint'],
];

/** What may change is written over; what cannot is left alone when a batch comes twice. */
const replace = (key: string, columns: readonly Column[]) =>
  `(${key}) DO UPDATE SET ${columns.map(([name]) => `${name} = excluded.${name}`).join(', ')}`;

const TABLES: Readonly<Record<Exclude<keyof ViewRows, 'asset_changes'> | 'audit_logs', ViewTable>> = {
  data_assets: { name: 'data_assets', columns: ASSET_COLUMNS, conflict: replace('id', ASSET_COLUMNS) },
  asset_versions: {
    name: 'asset_versions',
    columns: [
      ['asset_id', 'uuid'],
      ['version', 'bigint'],
      ['parent', 'bigint'],
      ['kind', 'text'],
      ['row_count', 'bigint'],
      ['byte_count', 'bigint'],
      ['schema', 'jsonb'],
      ['operation_id', 'text'],
      ['created_at', 'time'],
      ['seq', 'bigint'],
    ],
    conflict: 'DO NOTHING',
  },
  version_segments: {
    name: 'version_segments',
    columns: [
      ['asset_id', 'uuid'],
      ['version', 'bigint'],
      ['segment_id', 'text'],
      ['change', 'text'],
      ['ordinal', 'integer'],
      ['row_count', 'bigint'],
      ['byte_count', 'bigint'],
    ],
    conflict: 'DO NOTHING',
  },
  webm_columnar: {
    name: 'webm_columnar',
    columns: [
      ['segment_hash', 'text'],
      ['asset_id', 'uuid'],
      ['row_count', 'bigint'],
      ['byte_count', 'bigint'],
      ['columns', 'jsonb'],
      ['created_at', 'time'],
      ['seq', 'bigint'],
    ],
    conflict: 'DO NOTHING',
  },
  ingestion_jobs: { name: 'ingestion_jobs', columns: JOB_COLUMNS, conflict: replace('id', JOB_COLUMNS) },
  data_lineage: {
    name: 'data_lineage',
    columns: [
      ['id', 'uuid'],
      ['from_kind', 'text'],
      ['from_name', 'text'],
      ['to_kind', 'text'],
      ['to_name', 'text'],
      ['asset_id', 'uuid'],
      ['version', 'bigint'],
      ['job_id', 'uuid'],
      ['detail', 'jsonb'],
      ['at', 'time'],
      ['seq', 'bigint'],
    ],
    conflict: 'DO NOTHING',
  },
  audit_logs: {
    name: 'audit_logs',
    columns: [
      ['id', 'uuid'],
      ['user_id', 'text'],
      ['asset_id', 'uuid'],
      ['purpose', 'text'],
      ['action', 'text'],
      ['outcome', 'text'],
      ['source_ip', 'text'],
      ['device_info', 'text'],
      ['detail', 'jsonb'],
      ['at', 'time'],
      ['seq', 'bigint'],
    ],
    conflict: 'DO NOTHING',
  },
};

/** The tables that a rebuild empties. */
export const VIEW_TABLES = [...Object.values(TABLES).map(({ name }) => `granary.${name}`), 'granary.catalog_progress'];

const fromJson = (name: string, type: string) => (type === 'time' ? `to_timestamp(${name} / 1000)` : name);
const jsonColumn = ([name, type]: Column) => `${name} ${type === 'time' ? 'double precision' : type}`;

/** One statement for any number of rows: they come as one JSON text, which both engines read faster than parameters. */
const insertStatement = ({ name, columns, conflict }: ViewTable) =>
  `INSERT INTO granary.${name} (${columns.map(([column]) => column).join(', ')}) ` +
  `SELECT ${columns.map(([column, type]) => fromJson(column, type)).join(', ')} ` +
  `FROM jsonb_to_recordset($1::jsonb) AS record (${columns.map(jsonColumn).join(', ')}) ON CONFLICT ${conflict}`;

const CHANGE_ASSETS =
  'UPDATE granary.data_assets AS asset SET version = change.version, ' +
  'schema = coalesce(change.schema, asset.schema), updated_at = to_timestamp(change.updated_at / 1000), ' +
  'removed = coalesce(change.removed, asset.removed), seq = change.seq FROM jsonb_to_recordset($1::jsonb) AS change ' +
  '(id uuid, version bigint, schema jsonb, updated_at double precision, removed boolean, seq bigint) ' +
  'WHERE asset.id = change.id';

/**
 * The rows as JSON text that PostgreSQL takes: its text cannot hold U+0000 nor half of a surrogate pair, and names and
 * values of hostile files can. The view shows U+FFFD in their place; the journal keeps them as they are.
 */
export const viewJson = (rows: readonly object[]): string =>
  JSON.stringify(rows).replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (escape) =>
    escape === '\\\\' ? escape : '\\ufffd',
  );

/** Writes the rows of one batch. */
export async function writeViewRows(connection: SqlConnection, rows: ViewRows): Promise<void> {
  const { asset_changes: changes, ...tables } = rows;
  for (const [name, tableRows] of Object.entries(tables)) {
    if (tableRows.length === 0) continue;
    await connection.query(insertStatement(TABLES[name as keyof typeof tables]), [viewJson(tableRows)]);
  }
  if (changes.length > 0) await connection.query(CHANGE_ASSETS, [viewJson(changes)]);
}

export async function writeAuditRows(connection: SqlConnection, rows: readonly object[]): Promise<void> {
  await connection.query(insertStatement(TABLES.audit_logs), [viewJson(rows)]);
}
