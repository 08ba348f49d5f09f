import { RecordBatch, type Schema, makeData, Struct } from 'apache-arrow';
import { concatBytes, equalBytes, GranaryError } from '#core/kernel/index.ts';
import { createColumnBuilder } from './copy-binary-column.ts';

/**
 * COPY's binary format (PostgreSQL manual, COPY, "Binary Format") as Arrow: a signature, then for each row its number of
 * fields (16 bits) and each field's length (32 bits, -1 for null) and bytes, all big-endian; a row of -1 fields ends it.
 */

/** Arrow and DuckDB pay per batch, and a batch holds every column at once: 16 thousand rows keep both costs small. */
export const COPY_BATCH_ROWS_MAX = 16_384;
/** Bounds a batch whose values are long; looked at after each row. */
export const COPY_BATCH_BYTES_MAX = 8 * 2 ** 20;

const SIGNATURE = Uint8Array.from([0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00]);
/** The signature, 32 bits of flags and the length of an extension that no version of PostgreSQL writes. */
const HEADER_BYTE_COUNT = SIGNATURE.length + 8;
const TRAILER_BYTE_COUNT = 2;
const TRAILER_FIELD_COUNT = -1;
const NULL_LENGTH = -1;

/**
 * Reads what `COPY … TO STDOUT (FORMAT binary)` prints as batches of the columns of `schema`, which the statement must
 * select in the same order. Errors: `INTERNAL` when the bytes are not in the documented format.
 */
export async function* readCopyBinary(
  chunks: AsyncIterable<Uint8Array>,
  schema: Schema,
): AsyncGenerator<RecordBatch, void, undefined> {
  const rows = createRowBuilder(schema);
  let headerRead = false;
  let ended = false;
  for await (const bytes of wholeRows(chunks)) {
    const view = new DataView(bytes.data.buffer, bytes.data.byteOffset, bytes.data.byteLength);
    let at = 0;
    if (!headerRead) {
      if (bytes.data.length < HEADER_BYTE_COUNT) continue;
      at = readHeader(bytes.data, view);
      headerRead = true;
    }
    while (!ended) {
      const end = endOfRow(view, at, schema.fields.length);
      if (end === undefined) break;
      if (end === at + TRAILER_BYTE_COUNT && view.getInt16(at) === TRAILER_FIELD_COUNT) {
        ended = true;
      } else {
        rows.add(bytes.data, view, at);
        if (rows.isFull()) yield rows.take();
      }
      at = end;
    }
    bytes.consumed = at;
  }
  if (!ended) throw malformed('it ends before its trailer');
  if (rows.rowCount() > 0) yield rows.take();
}

/**
 * Joins chunks of any size with what the reader left of the ones before. A row longer than a chunk is offered again only
 * when the bytes have doubled, so that no byte is copied more than a few times.
 */
async function* wholeRows(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly data: Uint8Array; consumed: number }, void, undefined> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let offerAt = 0;
  const offer = () => ({ data: waiting.length === 1 ? waiting[0]! : concatBytes(waiting), consumed: 0 });
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < offerAt) continue;
    const bytes = offer();
    yield bytes;
    const rest = bytes.data.subarray(bytes.consumed);
    waiting = rest.length === 0 ? [] : [rest];
    waitingBytes = rest.length;
    offerAt = bytes.consumed === 0 ? 2 * rest.length : 0;
  }
  if (waitingBytes > 0) yield offer();
}

function readHeader(bytes: Uint8Array, view: DataView): number {
  if (!equalBytes(bytes.subarray(0, SIGNATURE.length), SIGNATURE)) throw malformed('its signature is missing');
  if (view.getInt32(SIGNATURE.length + 4) !== 0) throw malformed('it has an unknown header extension');
  return HEADER_BYTE_COUNT;
}

/** The offset after the row that starts at `start`, or undefined when the row is not there as a whole. */
function endOfRow(view: DataView, start: number, fieldCount: number): number | undefined {
  if (start + 2 > view.byteLength) return undefined;
  const found = view.getInt16(start);
  let at = start + 2;
  if (found === TRAILER_FIELD_COUNT) return at;
  if (found !== fieldCount) throw malformed(`a row has ${found} fields instead of ${fieldCount}`);
  for (let i = 0; i < fieldCount; i++) {
    if (at + 4 > view.byteLength) return undefined;
    const length = view.getInt32(at);
    if (length < NULL_LENGTH) throw malformed(`a field has the length ${length}`);
    at += 4 + Math.max(length, 0);
  }
  return at <= view.byteLength ? at : undefined;
}

/** Collects the fields of rows, column by column, until a batch is taken. */
function createRowBuilder(schema: Schema) {
  const columns = schema.fields.map((field) => createColumnBuilder(field.type, COPY_BATCH_ROWS_MAX));
  let rowCount = 0;
  let byteCount = 0;
  return {
    /** Adds the whole row that starts at `start`. */
    add(bytes: Uint8Array, view: DataView, start: number): void {
      let at = start + 2;
      for (const column of columns) {
        const length = view.getInt32(at);
        at += 4;
        if (length === NULL_LENGTH) {
          column.addNull(rowCount);
        } else {
          column.add(rowCount, bytes, view, at, length);
          at += length;
        }
      }
      rowCount++;
      byteCount += at - start;
    },
    rowCount: (): number => rowCount,
    isFull: (): boolean => rowCount === COPY_BATCH_ROWS_MAX || byteCount >= COPY_BATCH_BYTES_MAX,
    take(): RecordBatch {
      const children = columns.map((column) => column.take(rowCount));
      const data = makeData({ type: new Struct(schema.fields), length: rowCount, nullCount: 0, children });
      rowCount = 0;
      byteCount = 0;
      return new RecordBatch(schema, data);
    },
  };
}

const malformed = (what: string): GranaryError =>
  new GranaryError('INTERNAL', `The database's COPY output cannot be read: ${what}.`);
