import { type DuckDBConnection, DuckDBTableFunction } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { GranaryError } from '#core/kernel/index.ts';
import type { ColumnarScan } from './columnar-scan.ts';
import { engineTypeOf, logicalTypeOf } from './duckdb-types.ts';
import { fillVector, VECTOR_ROWS_MAX } from './fill-vector.ts';
import type { AssetDescription } from './query-messages.ts';
import type { ScanColumn } from './scan-column.ts';

/** A table function that hands the rows of an asset to the engine, of another asset for each query. */
export interface ScanFunction {
  readonly name: string;
  /** Gives the function the columns of an asset. */
  bind(scan: BoundScan): void;
  /** Name of the column with this index in the schema, within the function. */
  columnName(index: number): string;
  /** Tells the function what to scan. A function whose rows the plan does not need is not told, and has none. */
  open(scan: ColumnarScan, threadCount: number): void;
  /** Takes the asset from it again. */
  release(): void;
}

/** Where one scan of the function stands. The engine's threads share it: callbacks run one after another. */
interface Position {
  /** Indices in the schema, and where each goes in the engine's chunk. */
  readonly columns: readonly { readonly index: number; readonly output: number }[];
  rowGroup: number;
  row: number;
  current: readonly ScanColumn[] | undefined;
}

/**
 * A first column that no view shows: the engine asks a function for its first column where it needs none, as in
 * count(*), and this one costs nothing.
 */
export const NO_COLUMN = new Uint8Array(VECTOR_ROWS_MAX);

export interface BoundScan {
  readonly asset: AssetDescription;
  readonly isCancelled: () => boolean;
  /** Gets what a callback threw; the engine only sees that something did. */
  readonly onError: (error: unknown) => void;
}

/**
 * Registers the function. `token` is random: whoever does not know it can name neither the function nor its columns. A
 * function that is bound to no asset has no rows.
 */
export function registerScanFunction(connection: DuckDBConnection, token: string, number: number): ScanFunction {
  const name = `${token}_f${number}`;
  const columnName = (index: number) => `${token}_${number}_${index}`;
  const booleans = duckdb.create_logical_type(duckdb.Type.BOOLEAN);
  let bound: BoundScan | undefined;
  let opened: { scan: ColumnarScan; threadCount: number } | undefined;

  const tableFunction = new DuckDBTableFunction();
  const table = tableFunction.table_function;
  duckdb.table_function_set_name(table, name);
  duckdb.table_function_supports_projection_pushdown(table, true);
  duckdb.table_function_set_bind(table, (info) => {
    duckdb.bind_add_result_column(info, `${token}_none`, booleans);
    for (const [index, { type }] of (bound?.asset.schema.fields ?? []).entries())
      duckdb.bind_add_result_column(info, columnName(index), logicalTypeOf(engineTypeOf(type)));
    duckdb.bind_set_cardinality(info, bound?.asset.rowCount ?? 0, true);
  });
  duckdb.table_function_set_init(table, (info) => {
    const count = duckdb.init_get_column_count(info);
    const columns = Array.from({ length: count }, (_, output) => ({
      index: duckdb.init_get_column_index(info, output) - 1,
      output,
    }));
    const position: Position = { columns, rowGroup: 0, row: 0, current: undefined };
    duckdb.init_set_init_data(info, position);
    duckdb.init_set_max_threads(info, opened?.threadCount ?? 1);
  });
  duckdb.table_function_set_function(table, (info, output) => {
    try {
      if (bound?.isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
      if (!opened) duckdb.data_chunk_set_size(output, 0);
      else fillChunk(opened.scan, duckdb.function_get_init_data(info) as Position, output);
    } catch (error) {
      bound?.onError(error);
      duckdb.data_chunk_set_size(output, 0);
      duckdb.function_set_error(info, 'The scan failed.');
    }
  });
  connection.registerTableFunction(tableFunction);
  return {
    name,
    columnName,
    bind(scan) {
      bound = scan;
    },
    open(scan, threadCount) {
      opened = { scan, threadCount };
    },
    release() {
      bound = undefined;
      opened = undefined;
    },
  };
}

function fillChunk(scan: ColumnarScan, position: Position, output: duckdb.DataChunk): void {
  while (position.rowGroup < scan.rowGroupCount && position.row >= scan.rowCountOf(position.rowGroup)) {
    position.rowGroup += 1;
    position.row = 0;
    position.current = undefined;
  }
  if (position.rowGroup >= scan.rowGroupCount) {
    position.current = undefined;
    duckdb.data_chunk_set_size(output, 0);
    return;
  }
  const { columns } = position;
  position.current ??= scan.columns(
    position.rowGroup,
    columns.filter(({ index }) => index >= 0).map(({ index }) => index),
  );
  const rowCount = Math.min(VECTOR_ROWS_MAX, scan.rowCountOf(position.rowGroup) - position.row);
  duckdb.data_chunk_set_size(output, rowCount);
  let next = 0;
  for (const { index, output: place } of columns) {
    const vector = duckdb.data_chunk_get_vector(output, place);
    if (index < 0) duckdb.copy_data_to_vector(vector, 0, NO_COLUMN.buffer, 0, rowCount);
    else fillVector(vector, position.current[next++]!, position.row, rowCount);
  }
  position.row += rowCount;
}
