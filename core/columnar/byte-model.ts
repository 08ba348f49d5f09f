import { align, HEAP, useCodec } from './av1/codec-instance.ts';

/** How bytes are cut into records: a fixed number of bytes each, or up to and with a byte that ends them. */
export type Records = { readonly width: number } | { readonly terminator: number };

/**
 * The most bytes that go through the model: it takes 2 to 3 MB a second in either direction, so that a section costs a
 * scan at most half a second.
 */
export const MODELLED_BYTES_MAX = 2 ** 20;

const layoutOf = (records: Records) =>
  'width' in records ? { width: records.width, terminator: 0 } : { width: 0, terminator: records.terminator };

/** Bytes coded by the context mixing coder of `wasm/byte-model.as.ts`, the last byte of every record of fixed width first. */
export function encodeBytes(bytes: Uint8Array, records: Records): Uint8Array {
  const { width, terminator } = layoutOf(records);
  const { exports, reserve } = useCodec();
  const work = HEAP + align(bytes.length);
  const target = work + align(exports.byteModelBytes(bytes.length));
  const memory = reserve(target + 2 * bytes.length + 64);
  memory.set(bytes, HEAP);
  turnRecords(memory.subarray(HEAP, HEAP + bytes.length), width);
  const byteCount = exports.encodeBytes(work, HEAP, bytes.length, width, terminator, target);
  return memory.slice(target, target + byteCount);
}

/** The reverse of {@link encodeBytes}; any source gives some `byteCount` bytes. */
export function decodeBytes(coded: Uint8Array, byteCount: number, records: Records): Uint8Array {
  const { width, terminator } = layoutOf(records);
  const { exports, reserve } = useCodec();
  const work = HEAP + align(byteCount);
  const source = work + align(exports.byteModelBytes(byteCount));
  const memory = reserve(source + coded.length);
  memory.set(coded, source);
  exports.decodeBytes(work, HEAP, byteCount, width, terminator, source, source + coded.length);
  const bytes = memory.slice(HEAP, HEAP + byteCount);
  turnRecords(bytes, width);
  return bytes;
}

/** Reverses every whole record in place: numbers are predicted best from their high bytes on. */
function turnRecords(bytes: Uint8Array, width: number): void {
  if (width > 1) for (let at = 0; at + width <= bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** Records of a fixed width, where the format knows such: 1 to 255 bytes. */
export const recordsOfWidth = (width: number): Records | undefined =>
  width >= 1 && width < 256 ? { width } : undefined;
