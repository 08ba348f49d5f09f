import { type DataType, type Field, RecordBatchReader } from 'apache-arrow';
import { type DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { GranaryError } from '#core/kernel/index.ts';
import { engineTypeOf, logicalTypeOf } from './duckdb-types.ts';
import { fillVector, VECTOR_ROWS_MAX } from './fill-vector.ts';
import { toScanColumn } from './scan-column.ts';
import { NO_COLUMN } from './scan-function.ts';

/** A table of the query's own instance that takes rows sent by the node's side. */
export interface SentTable {
  readonly name: string;
  /** Appends the batches of an Arrow IPC stream and returns how many rows they were. */
  append(bytes: Uint8Array): number;
  /** Stores what is still in memory. To be called in any case, also when appending failed. */
  finish(): void;
}

/** Creates the table. The field with index i becomes the column `columnName(i)`; without one it is left out. */
export async function createSentTable(
  connection: DuckDBConnection,
  name: string,
  fields: readonly Field[],
  columnName: (index: number) => string | undefined,
): Promise<SentTable> {
  const wanted = fields.flatMap((field, index) => {
    const column = columnName(index);
    return column === undefined ? [] : [{ field, column }];
  });
  const types = wanted.map(({ field }) => engineTypeOf(field.type as DataType));
  const definitions = wanted.map(({ column }, i) => `${column} ${types[i]!.sql}`);
  // A table has at least one column; rows that are only counted need one too.
  await connection.run(`CREATE TABLE ${name} (${[...definitions, `${name}_none BOOLEAN`].join(', ')})`);
  const appender = await connection.createAppender(name);
  const chunk = duckdb.create_data_chunk([
    ...types.map(logicalTypeOf),
    duckdb.create_logical_type(duckdb.Type.BOOLEAN),
  ]);
  const wrapped = new DuckDBDataChunk(chunk);
  return {
    name,
    append(bytes) {
      let appended = 0;
      for (const batch of RecordBatchReader.from(bytes)) {
        const scanned = wanted.map(({ field }) => {
          const data = batch.getChild(field.name)?.data[0];
          if (!data) throw new GranaryError('INTERNAL', `The rows sent have no column "${field.name}".`);
          if (engineTypeOf(data.type).sql !== engineTypeOf(field.type as DataType).sql) {
            throw new GranaryError(
              'INTERNAL',
              `Column "${field.name}" was sent as ${data.type} instead of ${field.type}.`,
            );
          }
          return toScanColumn(data, field.name);
        });
        for (let row = 0; row < batch.numRows; row += VECTOR_ROWS_MAX) {
          const rowCount = Math.min(VECTOR_ROWS_MAX, batch.numRows - row);
          duckdb.data_chunk_reset(chunk);
          duckdb.data_chunk_set_size(chunk, rowCount);
          for (const [i, column] of scanned.entries()) {
            fillVector(duckdb.data_chunk_get_vector(chunk, i), column, row, rowCount);
          }
          const none = duckdb.data_chunk_get_vector(chunk, scanned.length);
          duckdb.copy_data_to_vector(none, 0, NO_COLUMN.buffer, 0, rowCount);
          appender.appendDataChunk(wrapped);
        }
        appended += batch.numRows;
      }
      return appended;
    },
    finish() {
      appender.closeSync();
    },
  };
}
