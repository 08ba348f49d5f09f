import { GranaryError } from '#core/kernel/index.ts';
import { TYPE_DEPTH_MAX } from './limits.ts';

/**
 * Arrow's reader follows the FlatBuffers of an IPC stream without looking where they lead: a forged length makes it build
 * a list of 2^31 fields, and fields that contain each other make it build them for ever. So every table and vector that
 * it will follow is followed here first, within the bytes that are there (Apache Arrow `Message.fbs`, `Schema.fbs`).
 */

const damaged = (what: string) => new GranaryError('FORMAT_INVALID', `An Arrow stream is damaged: ${what}.`);

const CONTINUATION = -1;
const MESSAGE_PREFIX_BYTES = 8;
const HEADER_SCHEMA = 1;
const HEADER_DICTIONARY_BATCH = 2;
const HEADER_RECORD_BATCH = 3;
const TYPE_TIMESTAMP = 10;
const TYPE_UNION = 14;
/** FieldNode and Buffer: two 64-bit numbers. */
const STRUCT_BYTES = 16;

/** Checks every message of a stream, up to its end mark. Errors: `FORMAT_INVALID`. */
export function checkIpc(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (let at = 0; at < bytes.length;) {
      if (view.getInt32(at, true) !== CONTINUATION) throw damaged('a message without its mark');
      const byteCount = view.getInt32(at + 4, true);
      if (byteCount === 0) return;
      const start = at + MESSAGE_PREFIX_BYTES;
      if (byteCount < 0 || byteCount > bytes.length - start) throw damaged('a message that ends early');
      const bodyByteCount = new Message(bytes.subarray(start, start + byteCount)).check();
      at = start + byteCount + bodyByteCount;
      if (at > bytes.length) throw damaged('a body that ends early');
    }
  } catch (error) {
    if (error instanceof RangeError) throw damaged('a message that points outside itself');
    throw error;
  }
}

/** One message. Reading outside of it is a RangeError. */
class Message {
  readonly #view: DataView;
  /** Tables that may still be visited: more than there are bytes for are the same ones again. */
  #tablesLeft: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#tablesLeft = bytes.byteLength >> 2;
  }

  /** Returns the bytes of the body. */
  check(): number {
    const message = this.#table(this.#view.getUint32(0, true));
    const [headerType, header, bodyLength] = [1, 2, 3].map((slot) => this.#field(message, slot));
    if (!headerType || !header) throw damaged('a message without a header');
    this.#keyValues(message, 4);
    const at = this.#target(header);
    const type = this.#view.getUint8(headerType);
    if (type === HEADER_SCHEMA) this.#schema(at);
    else if (type === HEADER_RECORD_BATCH) this.#recordBatch(at);
    else if (type === HEADER_DICTIONARY_BATCH) this.#child(this.#table(at), 1, (data) => this.#recordBatch(data));
    else throw damaged('a message of another kind');
    const byteCount = bodyLength ? Number(this.#view.getBigInt64(bodyLength, true)) : 0;
    if (byteCount < 0) throw damaged('a body of less than nothing');
    return byteCount;
  }

  #schema(at: number): void {
    const schema = this.#table(at);
    this.#tables(schema, 1, (field) => this.#schemaField(field, 0));
    this.#keyValues(schema, 2);
    this.#vector(schema, 3, 8);
  }

  #schemaField(at: number, depth: number): void {
    if (depth > TYPE_DEPTH_MAX) throw damaged('types nested too deep');
    const field = this.#table(at);
    this.#vector(field, 0, 1);
    const typeAt = this.#field(field, 2);
    const type = typeAt ? this.#view.getUint8(typeAt) : 0;
    this.#child(field, 3, (target) => {
      const table = this.#table(target);
      if (type === TYPE_TIMESTAMP) this.#vector(table, 1, 1);
      if (type === TYPE_UNION) this.#vector(table, 1, 4);
    });
    this.#child(field, 4, (target) => this.#child(this.#table(target), 1, (index) => this.#table(index)));
    this.#tables(field, 5, (child) => this.#schemaField(child, depth + 1));
    this.#keyValues(field, 6);
  }

  #recordBatch(at: number): void {
    const batch = this.#table(at);
    this.#vector(batch, 1, STRUCT_BYTES);
    this.#vector(batch, 2, STRUCT_BYTES);
    if (this.#field(batch, 3)) throw damaged('it is compressed');
    this.#vector(batch, 4, 8);
  }

  #keyValues(table: number, slot: number): void {
    this.#tables(table, slot, (target) => {
      const pair = this.#table(target);
      this.#vector(pair, 0, 1);
      this.#vector(pair, 1, 1);
    });
  }

  /** A table whose list of fields and whose own bytes lie inside. */
  #table(at: number): number {
    if (this.#tablesLeft-- <= 0) throw damaged('more tables than it has room for');
    const fields = at - this.#view.getInt32(at, true);
    this.#require(fields, this.#view.getUint16(fields, true));
    this.#require(at, this.#view.getUint16(fields + 2, true));
    return at;
  }

  /** Where a field of a table is; 0 when it is left out. */
  #field(table: number, slot: number): number {
    const fields = table - this.#view.getInt32(table, true);
    const entry = 4 + 2 * slot;
    const offset = entry < this.#view.getUint16(fields, true) ? this.#view.getUint16(fields + entry, true) : 0;
    return offset === 0 ? 0 : table + offset;
  }

  #target(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  #child(table: number, slot: number, check: (at: number) => void): void {
    const field = this.#field(table, slot);
    if (field) check(this.#target(field));
  }

  /** A vector that lies inside. */
  #vector(table: number, slot: number, itemBytes: number): { readonly start: number; readonly count: number } {
    const field = this.#field(table, slot);
    if (!field) return { start: 0, count: 0 };
    const at = this.#target(field);
    const count = this.#view.getUint32(at, true);
    this.#require(at + 4, count * itemBytes);
    return { start: at + 4, count };
  }

  #tables(table: number, slot: number, check: (at: number) => void): void {
    const { start, count } = this.#vector(table, slot, 4);
    for (let i = 0; i < count; i++) check(this.#target(start + 4 * i));
  }

  #require(at: number, byteCount: number): void {
    if (at < 0 || at + byteCount > this.#view.byteLength) throw damaged('a message that points outside itself');
  }
}
