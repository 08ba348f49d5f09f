import { type Data, DataType, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { concatData } from './concat-data.ts';
import { ROW_GROUP_ARROW_BYTES } from './limits.ts';

/** A batch of these columns. */
export function batchOf(schema: Schema, rowCount: number, columns: Data[]): RecordBatch {
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rowCount, nullCount: 0, children: columns }));
}

/** Bytes that the rows of an array take, without what it shares with rows that are not its own. */
export function dataByteCount(data: Data): number {
  const type = data.type as DataType;
  const { length } = data;
  let byteCount = data.nullBitmap?.length ? length / 8 : 0;
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  if (offsets) byteCount += length * offsets.BYTES_PER_ELEMENT;
  if (DataType.isBool(type)) return byteCount + length / 8;
  if (DataType.isDictionary(type)) return byteCount + length * dictionaryRowBytes(data);
  if (offsets && length > 0 && !DataType.isUnion(type)) {
    const count = Number(offsets[length]) - Number(offsets[0]);
    const child = data.children[0];
    return byteCount + (child ? dataByteCount(child.slice(Number(offsets[0]), count)) : count);
  }
  if (data.values) byteCount += length * data.stride * (data.values as Int8Array).BYTES_PER_ELEMENT;
  return data.children.reduce((sum, child) => sum + dataByteCount(child), byteCount);
}

/** Bytes of a row of a dictionary once its text is written out, taking all entries as equally frequent. */
function dictionaryRowBytes(data: Data): number {
  const entries = data.dictionary?.data ?? [];
  const entryCount = entries.reduce((sum, chunk) => sum + chunk.length, 0);
  return 4 + entries.reduce((sum, chunk) => sum + dataByteCount(chunk), 0) / Math.max(entryCount, 1);
}

function checkSchema(schema: Schema, batch: RecordBatch): void {
  const { fields } = batch.schema;
  const wrong = schema.fields.find(
    (field, i) => fields[i]?.name !== field.name || String(fields[i]?.type) !== String(field.type),
  );
  if (!wrong && fields.length === schema.fields.length) return;
  throw new GranaryError(
    'SCHEMA_MISMATCH',
    wrong
      ? `A batch does not fit column "${wrong.name}" of type ${wrong.type}.`
      : 'A batch has another number of columns.',
    wrong ? { column: wrong.name } : {},
  );
}

/** Rows for one row group; `owned` when they share no memory with the batches they came from. */
export interface RowGroupBatch {
  readonly batch: RecordBatch;
  readonly owned: boolean;
}

/**
 * The rows of the batches in batches of `rowCount` rows (fewer when they are large, and in the last). Never yields an
 * empty one. Errors: `SCHEMA_MISMATCH`, those of `concatData`.
 */
export async function* rebatch(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  rowCount: number,
): AsyncGenerator<RowGroupBatch> {
  let parts: RecordBatch[] = [];
  let rows = 0;
  let byteCount = 0;
  const take = () => {
    const joined = join(schema, parts, rows);
    parts = [];
    rows = 0;
    byteCount = 0;
    return joined;
  };
  for await (const batch of batches) {
    checkSchema(schema, batch);
    const rowBytes = Math.max(dataByteCount(batch.data) / Math.max(batch.numRows, 1), 1 / 8);
    for (let row = 0; row < batch.numRows;) {
      const room = Math.floor((ROW_GROUP_ARROW_BYTES - byteCount) / rowBytes);
      const count = Math.min(batch.numRows - row, rowCount - rows, rows === 0 ? Math.max(room, 1) : room);
      if (count > 0) {
        parts.push(count === batch.numRows ? batch : batch.slice(row, row + count));
        rows += count;
        row += count;
        byteCount += count * rowBytes;
      }
      if (rows === rowCount || row < batch.numRows) yield take();
    }
  }
  if (rows > 0) yield take();
}

function join(schema: Schema, parts: readonly RecordBatch[], rowCount: number): RowGroupBatch {
  const columns = schema.fields.map((field, i) => {
    const chunks = parts.map((part) => part.data.children[i]!);
    return chunks.length === 1 ? chunks[0]! : concatData(field.type as DataType, chunks);
  });
  return { batch: batchOf(schema, rowCount, columns), owned: parts.length > 1 };
}
