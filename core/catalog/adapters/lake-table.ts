import type { Schema } from 'apache-arrow';
import { type AssetId, GranaryError, isUuid } from '#core/kernel/index.ts';
import type { SqlConnection } from '#core/platform/ports.ts';
import type { WriteTarget } from '../ports.ts';
import { postgresColumn } from './postgres-column.ts';

/**
 * The tables of structured assets. `lake.tables` has a row per asset, `lake.applied` one per segment whose rows are in
 * the asset's table, in the order of the version; `inexact` lists the columns (by index) in which a value could not be
 * held. The table of an asset has the row's number within the version (`_row`) and the columns `c0`, `c1`, …: column
 * names of Arrow may be longer than PostgreSQL's 63 bytes, or equal to each other. A view by the asset's name and with its column
 * names stands in the schema `lake_assets`, for people who come with psql.
 */
export const LAKE_DDL = `
  CREATE SCHEMA IF NOT EXISTS lake;
  CREATE SCHEMA IF NOT EXISTS lake_assets;
  CREATE TABLE IF NOT EXISTS lake.tables (
    asset_id uuid PRIMARY KEY,
    generation bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    version bigint NOT NULL,
    columns text[] NOT NULL
  );
  CREATE TABLE IF NOT EXISTS lake.applied (
    asset_id uuid NOT NULL REFERENCES lake.tables ON DELETE CASCADE,
    position integer NOT NULL,
    segment_id text NOT NULL,
    row_count bigint NOT NULL,
    inexact integer[] NOT NULL,
    PRIMARY KEY (asset_id, position)
  );`;

/**
 * Columns a table may have. A row must fit a page of 8 kB, where the least a long value needs is 18 bytes and a short one
 * is kept whole up to 24: 300 always fit. Assets with more columns are read from the journal alone.
 */
export const LAKE_COLUMNS_MAX = 300;

/** PostgreSQL cuts longer names. */
const IDENTIFIER_BYTES_MAX = 63;

/** What is loaded of an asset. */
export interface LakeTable {
  readonly assetId: AssetId;
  /** No two tables ever have the same: a scan that is under way never meets the rows of a later table. */
  readonly generation: bigint;
  /** The newest version whose loading has begun. */
  readonly version: number;
  /** Names and types, one text a column. */
  readonly columns: readonly string[];
  readonly segments: readonly AppliedSegment[];
}

interface AppliedSegment {
  readonly id: string;
  readonly rowCount: number;
  /** Columns in which PostgreSQL lacks a value, by index. */
  readonly inexact: readonly number[];
}

export const columnTexts = (schema: Schema): string[] => schema.fields.map((field) => `${field.name}: ${field.type}`);

/** SQL name of the table. */
export function lakeTableName(table: { readonly assetId: AssetId; readonly generation: bigint }): string {
  return `lake.t${uuidText(table.assetId).replaceAll('-', '')}_${table.generation}`;
}

/** The row's number, then the columns: what COPY loads, in order. */
export const lakeColumns = (columnCount: number): string[] => [
  '_row',
  ...Array.from({ length: columnCount }, (_, i) => `c${i}`),
];

/** What is loaded of the asset, or undefined when nothing ever was. Nothing needs to exist. */
export async function readLakeTable(connection: SqlConnection, assetId: AssetId): Promise<LakeTable | undefined> {
  const [found] = await connection.query<{ known: boolean }>(`SELECT to_regclass('lake.applied') IS NOT NULL AS known`);
  if (!found?.known) return undefined;
  const [table] = await connection.query<{ generation: bigint; version: bigint; columns: string[] }>(
    'SELECT generation, version, columns FROM lake.tables WHERE asset_id = $1',
    [assetId],
  );
  if (!table) return undefined;
  const segments = await connection.query<{ segment_id: string; row_count: bigint; inexact: number[] }>(
    'SELECT segment_id, row_count, inexact FROM lake.applied WHERE asset_id = $1 ORDER BY position',
    [assetId],
  );
  return {
    assetId,
    generation: table.generation,
    version: Number(table.version),
    columns: table.columns,
    segments: segments.map(({ segment_id, row_count, inexact }) => ({
      id: segment_id,
      rowCount: Number(row_count),
      inexact,
    })),
  };
}

/** Replaces whatever table the asset had by an empty one. Within a transaction. */
export async function createLakeTable(
  connection: SqlConnection,
  target: WriteTarget,
  version: number,
): Promise<LakeTable> {
  const { assetId, schema } = target;
  await dropLakeTable(connection, assetId);
  const columns = columnTexts(schema);
  const [created] = await connection.query<{ generation: bigint }>(
    'INSERT INTO lake.tables (asset_id, version, columns) VALUES ($1, $2, $3) RETURNING generation',
    [assetId, version, columns],
  );
  const table = { assetId, generation: created!.generation, version, columns, segments: [] };
  const physical = schema.fields.map((field, i) => `c${i} ${postgresColumn(field.type).sqlType}`);
  await connection.exec(
    `CREATE TABLE ${lakeTableName(table)} (${['_row bigint PRIMARY KEY', ...physical].join(', ')})`,
  );
  await connection.exec(viewStatements(target, table));
  return table;
}

/** Removes the table of an asset, its view and what is known of it. Within a transaction. */
export async function dropLakeTable(connection: SqlConnection, assetId: AssetId): Promise<void> {
  const [found] = await connection.query<{ generation: bigint }>(
    'DELETE FROM lake.tables WHERE asset_id = $1 RETURNING generation',
    [assetId],
  );
  if (!found) return;
  await connection.exec(`DROP TABLE IF EXISTS ${lakeTableName({ assetId, generation: found.generation })} CASCADE`);
}

/** The view shows the rows of whole segments: those of one that is being loaded belong to no version yet. */
function viewStatements(target: WriteTarget, table: LakeTable): string {
  const view = `lake_assets.${quoteIdentifier(identifierOf(target.assetName, target.assetId))}`;
  const taken = new Set<string>();
  const columns = target.schema.fields.map((field, i) => {
    let name = identifierOf(field.name, `c${i}`);
    if (taken.has(name)) name = cutIdentifier(name, `~${i}`);
    taken.add(name);
    return `c${i} AS ${quoteIdentifier(name)}`;
  });
  return `DROP VIEW IF EXISTS ${view} CASCADE;
    CREATE VIEW ${view} AS SELECT ${columns.join(', ')} FROM ${lakeTableName(table)} WHERE _row < (
      SELECT coalesce(sum(row_count), 0)::bigint FROM lake.applied WHERE asset_id = '${uuidText(target.assetId)}');`;
}

/** A name PostgreSQL keeps whole: a longer one is cut and told apart by `suffix`. */
function identifierOf(name: string, suffix: string): string {
  const clean = name.replaceAll('\0', '').toWellFormed();
  if (clean === '') return suffix;
  return Buffer.byteLength(clean) <= IDENTIFIER_BYTES_MAX ? clean : cutIdentifier(clean, `~${suffix}`);
}

function cutIdentifier(name: string, suffix: string): string {
  let cut = '';
  for (const character of name) {
    if (Buffer.byteLength(cut + character + suffix) > IDENTIFIER_BYTES_MAX) break;
    cut += character;
  }
  return cut + suffix;
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** An asset id is put into statements as it is: nothing but a UUID may pass. */
function uuidText(assetId: AssetId): string {
  if (isUuid(assetId)) return assetId;
  throw new GranaryError('INTERNAL', `The asset id ${JSON.stringify(assetId)} is not a UUID.`);
}
