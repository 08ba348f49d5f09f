/** All first bytes of values of `width` bytes, then all second bytes, …: Parquet's BYTE_STREAM_SPLIT. */
export function splitBytes(bytes: Uint8Array, width: number): Uint8Array {
  const split = new Uint8Array(bytes.length);
  const count = width === 0 ? 0 : bytes.length / width;
  for (let k = 0, at = 0; k < width; k++) for (let i = k; at < (k + 1) * count; i += width) split[at++] = bytes[i]!;
  return split;
}

/** The reverse of {@link splitBytes}. */
export function joinBytes(split: Uint8Array, width: number): Uint8Array {
  const bytes = new Uint8Array(split.length);
  const count = width === 0 ? 0 : bytes.length / width;
  for (let k = 0, at = 0; k < width; k++) for (let i = k; at < (k + 1) * count; i += width) bytes[i] = split[at++]!;
  return bytes;
}
