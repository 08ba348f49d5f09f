type View =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;
type ViewConstructor<T> = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};

/**
 * The bytes seen as numbers of a typed array, little-endian; without a copy when they are aligned. Bytes after the last
 * whole element are left out.
 */
export function viewAs<T extends View>(bytes: Uint8Array, type: ViewConstructor<T>): T {
  const width = type.BYTES_PER_ELEMENT;
  const length = Math.floor(bytes.length / width);
  if (bytes.byteOffset % width === 0) return new type(bytes.buffer, bytes.byteOffset, length);
  // Not slice: that of a Node Buffer makes no copy.
  const aligned = new Uint8Array(length * width);
  aligned.set(bytes.subarray(0, length * width));
  return new type(aligned.buffer, 0, length);
}

/** The bytes behind any typed array, without a copy. */
export const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** True when both hold the same bytes; compares four at a time. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  const a = viewAs(left, Int32Array);
  const b = viewAs(right, Int32Array);
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  for (let i = a.length * 4; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}
