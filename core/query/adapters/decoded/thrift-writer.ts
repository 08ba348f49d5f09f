import { ByteWriter } from '#core/columnar/index.ts';

/** Types of Thrift's compact protocol. */
const INT32 = 5;
const INT64 = 6;
const TEXT = 8;
const LIST = 9;
const STRUCT = 12;
const TRUE = 1;
const FALSE = 2;

/** A field of a struct: its number, and its value. */
export type ThriftField = readonly [id: number, value: ThriftValue];

export type ThriftValue =
  | { readonly int32: number }
  | { readonly int64: number }
  | { readonly text: string }
  | { readonly flag: boolean }
  | { readonly struct: readonly ThriftField[] }
  | { readonly list: readonly ThriftValue[] };

/**
 * A struct in Thrift's compact protocol, which Parquet writes its metadata in. Fields come in the order of their
 * numbers. Source: thrift/doc/specs/thrift-compact-protocol.md of Apache Thrift.
 */
export function writeThrift(fields: readonly ThriftField[]): Uint8Array {
  const writer = new ByteWriter();
  writeStruct(writer, fields);
  return writer.finish();
}

function writeStruct(writer: ByteWriter, fields: readonly ThriftField[]): void {
  let last = 0;
  for (const [id, value] of fields) {
    writer.byte(((id - last) << 4) | typeOf(value));
    last = id;
    // A boolean field has no bytes of its own: its type says it.
    if (!('flag' in value)) writeValue(writer, value);
  }
  writer.byte(0);
}

function typeOf(value: ThriftValue): number {
  if ('int32' in value) return INT32;
  if ('int64' in value) return INT64;
  if ('text' in value) return TEXT;
  if ('struct' in value) return STRUCT;
  if ('list' in value) return LIST;
  return value.flag ? TRUE : FALSE;
}

const LONG_LIST = 15;

function writeValue(writer: ByteWriter, value: ThriftValue): void {
  if ('int32' in value) writer.signed(BigInt(value.int32));
  else if ('int64' in value) writer.signed(BigInt(value.int64));
  else if ('text' in value) {
    const bytes = new TextEncoder().encode(value.text);
    writer.number(bytes.length).bytes(bytes);
  } else if ('struct' in value) writeStruct(writer, value.struct);
  else if ('list' in value) {
    const { length } = value.list;
    const type = length === 0 ? STRUCT : typeOf(value.list[0]!);
    writer.byte((Math.min(length, LONG_LIST) << 4) | type);
    if (length >= LONG_LIST) writer.number(length);
    for (const item of value.list) writeValue(writer, item);
  } else writer.byte(value.flag ? TRUE : FALSE);
}
