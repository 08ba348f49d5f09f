import { type Data, DataType, Field, makeData, type RecordBatch, Schema } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { batchOf } from './project-batch.ts';

/** A dictionary of texts is a way to hand over texts: in a store, and in what it yields, the column is of text. */
function plainType(type: DataType): DataType {
  if (!DataType.isDictionary(type)) return type;
  const value: DataType = type.dictionary;
  return isText(value) || DataType.isBinary(value) || DataType.isLargeBinary(value) ? value : type;
}

const isText = (type: DataType): boolean => DataType.isUtf8(type) || DataType.isLargeUtf8(type);

/** The schema with every dictionary of texts or bytes replaced by what it holds. */
export function plainSchema(schema: Schema): Schema {
  const plain = (field: Field) => new Field(field.name, plainType(field.type), field.nullable, field.metadata);
  return new Schema(schema.fields.map(plain), schema.metadata);
}

/** The batch under its {@link plainSchema}; columns without a dictionary are not copied. Errors: `INPUT_INVALID`. */
export function plainBatch(batch: RecordBatch): RecordBatch {
  if (batch.schema.fields.every(({ type }) => plainType(type) === type)) return batch;
  return batchOf(plainSchema(batch.schema), batch.numRows, batch.data.children.map(plainData));
}

export async function* plainBatches(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) yield plainBatch(batch);
}

/** Texts written out, one after another. A row is null when its index is, or when the entry it names is. */
function plainData(data: Data): Data {
  const type = plainType(data.type);
  if (type === data.type) return data;
  const entries = (data.dictionary?.data ?? []).flatMap(entriesOf);
  const rows: (Uint8Array | undefined)[] = Array.from({ length: data.length });
  let byteCount = 0;
  let nullCount = 0;
  for (let row = 0; row < data.length; row++) {
    const index = data.getValid(row) ? Number(data.values[row]) : undefined;
    if (index !== undefined && !(index in entries)) {
      throw new GranaryError(
        'INPUT_INVALID',
        `Row ${row} of a dictionary column names the entry ${index}, which is not there.`,
      );
    }
    const entry = index === undefined ? undefined : entries[index];
    rows[row] = entry;
    byteCount += entry?.length ?? 0;
    if (!entry) nullCount++;
  }
  const bytes = new Uint8Array(byteCount);
  const nullBitmap = new Uint8Array((data.length + 7) >> 3);
  const isLarge = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
  const valueOffsets = isLarge ? new BigInt64Array(data.length + 1) : new Int32Array(data.length + 1);
  let at = 0;
  rows.forEach((entry, row) => {
    if (entry) {
      bytes.set(entry, at);
      at += entry.length;
      nullBitmap[row >> 3]! |= 1 << (row & 7);
    }
    valueOffsets[row + 1] = isLarge ? BigInt(at) : at;
  });
  const validity = nullCount === 0 ? {} : { nullBitmap };
  return makeData({ type, length: data.length, nullCount, ...validity, valueOffsets, data: bytes } as never);
}

function entriesOf(chunk: Data): (Uint8Array | undefined)[] {
  return Array.from({ length: chunk.length }, (_, i) =>
    chunk.getValid(i)
      ? chunk.values.subarray(Number(chunk.valueOffsets[i]), Number(chunk.valueOffsets[i + 1]))
      : undefined,
  );
}
