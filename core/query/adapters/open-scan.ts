import type { DuckDBConnection } from '@duckdb/node-api';
import { openColumnarScan } from './columnar-scan.ts';
import { createAssetView } from './create-asset-view.ts';
import { type DecodePool, THREADED_VALUES_MIN } from './decode-pool.ts';
import { decodeToFiles } from './decoded/decode-to-files.ts';
import type { RowGroupFiles } from './decoded/row-group-files.ts';
import { isOrderFree, isStoppedEarly, type PlanNode } from './explain-plan.ts';
import type { PreparedStatement, QueriedAsset } from './plan-statement.ts';
import { quoteText } from './quote.ts';
import type { ReadHeader } from './segment-reader.ts';
import { wantedRowGroups } from './wanted-row-groups.ts';

export interface OpenScanDeps {
  readonly readHeader: ReadHeader;
  readonly pool: DecodePool;
  readonly files: RowGroupFiles;
  readonly threadCount: number;
}

/**
 * Makes the rows of an asset's segments ready: decoded into files that the engine scans itself, or, where these would not
 * fit into the cache or only the first rows may be asked for, to be decoded while it scans.
 */
export async function openScan(
  { readHeader, pool, files, threadCount }: OpenScanDeps,
  connection: DuckDBConnection,
  asset: QueriedAsset,
  { plan: enginePlan }: PreparedStatement,
  isCancelled: () => boolean,
): Promise<void> {
  const { description, fn, plan, counts } = asset;
  const { schema } = description;
  const wanted = wantedRowGroups(readHeader, description, plan, counts, isCancelled);
  const columns = schema.fields.flatMap(({ name }, index) => (plan.columns.includes(name) ? [index] : []));
  const isScan = (node: PlanNode) => String(node.extra_info.Function ?? '').toLowerCase() === fn.name;
  const rowCount = wanted.reduce((sum, group) => sum + group.rowCount, 0);
  if (columns.length === 0) {
    await createAssetView(connection, description, `range(${rowCount})`, () => undefined);
    return;
  }
  const isWhole = !isStoppedEarly(enginePlan, isScan);
  if (isWhole && rowCount * columns.length >= THREADED_VALUES_MIN) pool.start();
  asset.decoded = !isWhole ? undefined : decodeToFiles({ pool, files }, schema, wanted, columns, counts, isCancelled);
  const { decoded } = asset;
  if (decoded) {
    const paths = decoded.paths.map(quoteText);
    const available = new Set(columns);
    await createAssetView(connection, description, `read_parquet([${paths.join(', ')}])`, (index) =>
      available.has(index) ? decoded.columnExpression(index) : undefined,
    );
    return;
  }
  fn.open(openColumnarScan(pool, wanted, counts, isCancelled), isOrderFree(enginePlan, isScan) ? threadCount : 1);
}
