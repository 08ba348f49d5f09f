import {
  type Data,
  DataType,
  Field,
  RecordBatch,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  makeData,
} from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { withType } from './arrow-data.ts';
import { copyBits } from './bitmap.ts';
import { checkIpc } from './check-ipc.ts';
import { checkNested } from './check-nested.ts';
import { validityOf } from './column-values.ts';
import { expansionMax } from './expansion.ts';
import { bytesOf, sameBytes } from './words.ts';

/** One column as an Arrow IPC stream of one record batch, uncompressed. `data` must start at row 0. */
export function nestedToIpc(data: Data): Uint8Array {
  const field = new Field('', data.type as DataType, true);
  const children = [data];
  const struct = makeData({ type: new Struct([field]), length: data.length, nullCount: 0, children });
  const batch = new RecordBatch(new Schema([field]), struct);
  const writer = new RecordBatchStreamWriter();
  return writer.writeAll([batch]).toUint8Array(true);
}

/** The column that {@link nestedToIpc} wrote, under the type of the schema. Errors: `FORMAT_INVALID`. */
export function nestedFromIpc(bytes: Uint8Array, type: DataType, rowCount: number): Data {
  checkIpc(bytes);
  const batches = [...RecordBatchReader.from(bytes)];
  const data = batches[0]?.data.children[0];
  if (batches.length !== 1 || !data || data.length !== rowCount || String(data.type) !== String(type)) {
    throw new GranaryError('FORMAT_INVALID', `A nested column does not hold ${rowCount} rows of ${type}.`);
  }
  const typed = withType(data, type);
  checkNested(typed, expansionMax(bytes.length));
  return typed;
}

const sameView = (
  left: ArrayBufferView | undefined,
  right: ArrayBufferView | undefined,
  byteCount: number,
): boolean => {
  const empty = new Uint8Array(0);
  const a = left ? bytesOf(left) : empty;
  const b = right ? bytesOf(right) : empty;
  return sameBytes(a.subarray(0, byteCount), b.subarray(0, byteCount));
};

/** True when two arrays that start at row 0 hold the same bits in every buffer, slots under nulls included. */
export function sameData(left: Data, right: Data): boolean {
  const { length } = left;
  if (right.length !== length || left.children.length !== right.children.length) return false;
  const type = left.type as DataType;
  if (!DataType.isUnion(type) && !DataType.isNull(type)) {
    const a = validityOf(left);
    const b = validityOf(right);
    if (a.nullCount !== b.nullCount || !sameView(a.validity, b.validity, Number.POSITIVE_INFINITY)) return false;
  }
  const offsets = left.valueOffsets as Int32Array | BigInt64Array | undefined;
  const offsetCount = DataType.isDenseUnion(type) ? length : length + 1;
  if (length > 0 && offsets && !sameView(offsets, right.valueOffsets, offsetCount * offsets.BYTES_PER_ELEMENT))
    return false;
  if (left.typeIds && !sameView(left.typeIds, right.typeIds, length)) return false;
  if (DataType.isBool(type)) return sameView(validBits(left), validBits(right), Number.POSITIVE_INFINITY);
  if (left.values && !sameView(left.values, right.values, valueByteCount(left))) return false;
  if (left.dictionary) {
    const chunks = left.dictionary.data;
    const others = right.dictionary?.data ?? [];
    if (chunks.length !== others.length || !chunks.every((chunk, i) => sameData(chunk, others[i]!))) return false;
  }
  return left.children.every((child, i) => sameData(child, right.children[i]!));
}

/** Booleans with the slots under nulls as zero: Arrow's writer clears them when all rows are null. */
function validBits(data: Data): Uint8Array {
  const bits = copyBits(data.values as Uint8Array, data.offset, data.length);
  const { validity } = validityOf(data);
  return validity ? bits.map((byte, i) => byte & validity[i]!) : bits;
}

function valueByteCount(data: Data): number {
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  if (offsets) return data.length === 0 ? 0 : Number(offsets[data.length]);
  return data.length * data.stride * (data.values as Int8Array).BYTES_PER_ELEMENT;
}
