import { Data, DataType, type Field, type RecordBatch, type Schema, Vector } from 'apache-arrow';
import { schemaFromJson, schemaToJson, type SchemaJson } from '../arrow-json.ts';
import { concatData } from '../concat-data.ts';
import { batchOf } from '../rebatch.ts';

type Buffers = ConstructorParameters<typeof Data>[4];
type Buffer = ArrayBufferView<ArrayBuffer> | undefined;

/** An Arrow array as plain data that a thread can send. */
interface ArrayMessage {
  readonly length: number;
  readonly nullCount: number;
  /** Offsets, values, validity, type ids: the order of Arrow's JavaScript library. */
  readonly buffers: readonly Buffer[];
  readonly children: readonly ArrayMessage[];
  readonly dictionary: readonly ArrayMessage[];
}

/** A record batch as plain data that a thread can send. */
export interface BatchMessage {
  readonly schema: SchemaJson;
  readonly rowCount: number;
  readonly columns: readonly ArrayMessage[];
}

/**
 * The batch and the buffers to transfer with it. Its rows are copied once, unless the caller gives the batch away: then
 * its buffers, which must share no memory with anything else, are moved.
 */
export function batchToMessage(batch: RecordBatch, owned: boolean): { message: BatchMessage; transfer: ArrayBuffer[] } {
  const transfer = new Set<ArrayBuffer>();
  const columns = batch.schema.fields.map((field: Field, i) => {
    const data = batch.data.children[i]!;
    return arrayToMessage(owned ? data : concatData(field.type as DataType, [data]), transfer);
  });
  return {
    message: { schema: schemaToJson(batch.schema), rowCount: batch.numRows, columns },
    transfer: [...transfer],
  };
}

function arrayToMessage(data: Data, transfer: Set<ArrayBuffer>): ArrayMessage {
  const own = [data.valueOffsets, data.values, data.nullBitmap, data.typeIds] as Buffer[];
  for (const buffer of own) if (buffer && buffer.byteLength > 0) transfer.add(buffer.buffer);
  return {
    length: data.length,
    nullCount: DataType.isUnion(data.type) ? -1 : data.nullCount,
    buffers: own,
    children: data.children.map((child) => arrayToMessage(child, transfer)),
    dictionary: (data.dictionary?.data ?? []).map((chunk) => arrayToMessage(chunk, transfer)),
  };
}

/** The batch again, over the same buffers. */
export function batchFromMessage(message: BatchMessage): RecordBatch {
  const schema: Schema = schemaFromJson(message.schema);
  const columns = schema.fields.map((field, i) => arrayFromMessage(message.columns[i]!, field.type as DataType));
  return batchOf(schema, message.rowCount, columns);
}

function arrayFromMessage(message: ArrayMessage, type: DataType): Data {
  const children = message.children.map((child, i) => arrayFromMessage(child, type.children[i]!.type as DataType));
  const dictionary = DataType.isDictionary(type)
    ? new Vector(message.dictionary.map((chunk) => arrayFromMessage(chunk, type.dictionary as DataType)))
    : undefined;
  const buffers = message.buffers as unknown as Buffers;
  return new Data(type, 0, message.length, message.nullCount, buffers, children, dictionary);
}
