import { type Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';

/** The columns a scan asks for, in the order asked. Errors: `INTERNAL` for a column the asset does not have. */
export function projectSchema(schema: Schema, columns: readonly string[]): Schema {
  return new Schema(columns.map((name) => schema.fields[columnIndex(schema, name)]!));
}

/** The place of a column by name. Errors: `INTERNAL` when there is none: the query was planned for another schema. */
export function columnIndex(schema: Schema, name: string): number {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index < 0) {
    throw new GranaryError('INTERNAL', `A scan asks for the column ${JSON.stringify(name)}, which is not stored.`, {
      column: name,
    });
  }
  return index;
}

/** The columns of `schema`, found by name, without copying. */
export function projectBatch(batch: RecordBatch, schema: Schema): RecordBatch {
  const children = schema.fields.map((field) => batch.data.children[columnIndex(batch.schema, field.name)]!);
  return batchOf(schema, batch.numRows, children);
}

/** A batch from its columns; without columns it still has rows. */
export function batchOf(schema: Schema, rowCount: number, children: RecordBatch['data']['children']): RecordBatch {
  const type = new Struct(schema.fields as Field[]);
  return new RecordBatch(schema, makeData({ type, length: rowCount, nullCount: 0, children: [...children] }));
}

/** Rows a batch without columns counts at most; a count fits any size, but consumers step by batches. */
const COUNT_BATCH_ROWS = 2 ** 20;

/** What a scan of no columns yields: batches that have rows and nothing else. */
export function* countingBatches(rowCount: number): Generator<RecordBatch> {
  const schema = new Schema([]);
  for (let left = rowCount; left > 0; left -= COUNT_BATCH_ROWS) {
    yield batchOf(schema, Math.min(left, COUNT_BATCH_ROWS), []);
  }
}
