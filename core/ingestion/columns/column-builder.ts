import { type Data, type DataType, makeData } from 'apache-arrow';

/**
 * Collects the values of one column of one batch straight into the buffers of Arrow's layout. A row may be written
 * again as long as it is the last one: that is how a row that turns out bad is taken back.
 */
export interface ColumnBuilder {
  /** Reads the UTF-8 text of a value into row `row`; false when the text does not fit the type. */
  append(row: number, bytes: Uint8Array, start: number, end: number): boolean;
  appendNull(row: number): void;
  /** The column's first `rowCount` rows; the builder is empty afterwards. */
  finish(rowCount: number): Data;
}

/** What every builder does apart from reading a value. */
export interface Cells {
  /** Sets row `row` to a value that lies in `bytes`; false when it does not fit. The row is marked valid. */
  write(row: number, bytes: Uint8Array, start: number, end: number): boolean;
  writeNull?(row: number): void;
  take(rowCount: number): { data?: ArrayBufferView; values?: Uint8Array; valueOffsets?: Int32Array };
}

/** Bytes of a bitmap, padded as Arrow wants it. */
export const bitmapLength = (rowCount: number) => Math.ceil(rowCount / 64) * 8;

/** Adds the validity bitmap to the cells of a column. */
export function withValidity(type: DataType, capacity: number, cells: Cells): ColumnBuilder {
  let validity = new Uint8Array(bitmapLength(capacity));
  return {
    append(row, bytes, start, end) {
      if (!cells.write(row, bytes, start, end)) return false;
      validity[row >> 3]! |= 1 << (row & 7);
      return true;
    },
    appendNull(row) {
      validity[row >> 3]! &= ~(1 << (row & 7));
      cells.writeNull?.(row);
    },
    finish(rowCount) {
      const bitmap = validity.subarray(0, bitmapLength(rowCount));
      validity = new Uint8Array(bitmapLength(capacity));
      for (let row = rowCount; row < bitmap.length * 8 && row >> 3 < bitmap.length; row++) {
        bitmap[row >> 3]! &= ~(1 << (row & 7));
      }
      const nullCount = rowCount - countOnes(bitmap);
      const { data, values, valueOffsets } = cells.take(rowCount);
      return makeData({
        type,
        length: rowCount,
        nullCount,
        nullBitmap: nullCount === 0 ? undefined : bitmap,
        data: values ?? data,
        valueOffsets,
      } as never);
    },
  };
}

function countOnes(bytes: Uint8Array): number {
  let ones = 0;
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) ones++;
  return ones;
}
