import type { AssetId } from '#core/kernel/index.ts';
import type { SqlDatabase } from '#core/platform/ports.ts';
import type { RowStore, SegmentRef, WriteOptions, WriteTarget } from '../ports.ts';
import { dropLakeTable, readLakeTable } from './lake-table.ts';
import { materialiseSegments } from './materialise-segments.ts';
import { plainSchema } from './plain-batch.ts';
import { countingBatches } from './project-batch.ts';
import { planLakeScan, scanLakeTable } from './scan-lake-table.ts';

export interface StructuredRowStoreDeps {
  readonly database: SqlDatabase;
  /** Keeps every row first and for good; the tables of the database are a copy of it. */
  readonly journal: RowStore;
}

export interface StructuredRowStore extends RowStore {
  /**
   * Brings the table of the asset to a version that was committed: `segments` are all of its segments, in order. May be
   * called again at any time, also after it was cut short or the database was lost: rows are loaded exactly once, and a
   * version older than the newest one is passed over, and so is one of which a segment has not come to this node. Calls
   * for one asset run one after another.
   * Errors: those of `scan`, `QUERY_FAILED`, `CATALOG_UNREACHABLE`, `DISK_FULL`, `CANCELLED`.
   */
  materialise(
    target: WriteTarget,
    version: number,
    segments: readonly SegmentRef[],
    options?: WriteOptions,
  ): Promise<void>;
  /** Drops the tables of assets that are gone; the journal is left alone. Errors: `QUERY_FAILED`, `CATALOG_UNREACHABLE`. */
  removeTables(isRemoved: (assetId: AssetId) => Promise<boolean>): Promise<void>;
}

/**
 * POSTGRESQL: rows in tables of the node's database, one an asset (see `lake-table.ts`). Neither is the database the
 * truth nor need it hold every value: rows are durable in the journal before `write` yields their reference, and the
 * journal answers for whatever the table does not have: older versions that are not a beginning of the newest, columns
 * with values PostgreSQL cannot hold, a version that is not loaded yet.
 */
export function createStructuredRowStore({ database, journal }: StructuredRowStoreDeps): StructuredRowStore {
  const loading = new Map<AssetId, Promise<void>>();

  return {
    format: 'POSTGRESQL',
    write: (target, batches, options) => journal.write(target, batches, options),
    async *scan(target, segments, request, options = {}) {
      if (segments.length === 0) return;
      if (request.columns.length === 0) {
        yield* countingBatches(segments.reduce((total, { rowCount }) => total + rowCount, 0));
        return;
      }
      const table = await readLakeTable(database, target.assetId);
      const plan = table && planLakeScan(table, plain(target), segments, request);
      if (plan) yield* scanLakeTable(database, journal, plan, options);
      else yield* journal.scan(target, segments, request, options);
    },
    verify: (target, segments, options) => journal.verify(target, segments, options),
    async materialise(target, version, segments, options = {}) {
      if (segments.some(({ remote }) => remote)) return;
      const { assetId } = target;
      const earlier = loading.get(assetId) ?? Promise.resolve();
      const own = earlier
        .catch(() => undefined)
        .then(() => materialiseSegments({ database, journal }, { target: plain(target), version, segments }, options));
      loading.set(assetId, own);
      try {
        await own;
      } finally {
        if (loading.get(assetId) === own) loading.delete(assetId);
      }
    },
    async removeTables(isRemoved) {
      for (const assetId of await tablesOf(database)) {
        if (await isRemoved(assetId)) await database.transaction((connection) => dropLakeTable(connection, assetId));
      }
    },
    async removeUnreferenced(isReferenced) {
      await dropUnreferencedTables(database, isReferenced);
      return journal.removeUnreferenced(isReferenced);
    },
  };
}

const plain = (target: WriteTarget): WriteTarget => ({ ...target, schema: plainSchema(target.schema) });

/** The assets that have a table. */
async function tablesOf(database: SqlDatabase): Promise<readonly AssetId[]> {
  const [found] = await database.query<{ known: boolean }>(`SELECT to_regclass('lake.tables') IS NOT NULL AS known`);
  if (!found?.known) return [];
  const rows = await database.query<{ asset_id: AssetId }>('SELECT asset_id FROM lake.tables');
  return rows.map(({ asset_id }) => asset_id);
}

/** A table goes when any of its segments does: the asset was removed, or it is loaded anew from what is left. */
async function dropUnreferencedTables(
  database: SqlDatabase,
  isReferenced: (segmentId: string) => boolean,
): Promise<void> {
  const [found] = await database.query<{ known: boolean }>(`SELECT to_regclass('lake.applied') IS NOT NULL AS known`);
  if (!found?.known) return;
  const applied = await database.query<{ asset_id: AssetId; segment_id: string | null }>(
    'SELECT asset_id, segment_id FROM lake.tables LEFT JOIN lake.applied USING (asset_id)',
  );
  const unreferenced = applied.filter(({ segment_id }) => segment_id === null || !isReferenced(segment_id));
  for (const assetId of new Set(unreferenced.map(({ asset_id }) => asset_id))) {
    await database.transaction((connection) => dropLakeTable(connection, assetId));
  }
}
