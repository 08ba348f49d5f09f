/** Where a record of a text stands. The bytes are valid only during the call that hands them over. */
export interface RecordPlace {
  readonly bytes: Uint8Array;
  /** Index of the first byte of the record in `bytes`. */
  readonly start: number;
  /** Exclusive; without the record end. */
  readonly end: number;
  /** 1-based line of the record's first byte. */
  readonly line: number;
  /** Offset of the record's first byte in the whole text. */
  readonly byteOffset: number;
}
