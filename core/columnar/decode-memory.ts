/** Where a decoder puts the values of a column. What is handed out holds anything and is written in full. */
export interface DecodeMemory {
  /** So many bytes, aligned for every typed array. */
  bytes(count: number): Uint8Array<ArrayBuffer>;
}

/** Memory of its own for every column. */
export const freshMemory: DecodeMemory = { bytes: (count) => new Uint8Array(count) };

/** Memory that is used again: to get new memory from the system costs as much time as to decode into it. */
export interface ReusedMemory extends DecodeMemory {
  /** Takes back everything handed out so far: its contents may change from now on. */
  reset(): void;
}

export function createReusedMemory(): ReusedMemory {
  let buffer = new ArrayBuffer(0);
  let used = 0;
  let wanted = 0;
  return {
    bytes(count) {
      const size = Math.ceil(count / 8) * 8;
      wanted += size;
      if (used + size > buffer.byteLength) return new Uint8Array(count);
      used += size;
      return new Uint8Array(buffer, used - size, count);
    },
    reset() {
      if (wanted > buffer.byteLength) buffer = new ArrayBuffer(wanted);
      used = 0;
      wanted = 0;
    },
  };
}
