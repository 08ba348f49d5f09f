import { type Data, type DataType, type RecordBatch, Type } from 'apache-arrow';

/** How large a piece of a batch may grow. A single row is never split, whatever its size. */
export interface PieceLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** Yields the rows of the batch in order, in pieces within the limits; nothing is copied. An empty batch yields nothing. */
export function* splitBatch(batch: RecordBatch, limits: PieceLimits): Generator<RecordBatch> {
  for (let rowStart = 0; rowStart < batch.numRows;) {
    let rowCount = Math.min(limits.rowsMax, batch.numRows - rowStart);
    while (rowCount > 1 && byteCountOf(batch.data, rowStart, rowStart + rowCount) > limits.bytesMax) {
      rowCount = rowCount >> 1;
    }
    const whole = rowStart === 0 && rowCount === batch.numRows;
    yield whole ? batch : batch.slice(rowStart, rowStart + rowCount);
    rowStart += rowCount;
  }
}

/** The bytes of the values in rows `rowStart` (inclusive) to `rowEnd` (exclusive); validity bitmaps are not counted. */
export function byteCountOf(data: Data, rowStart: number, rowEnd: number): number {
  const rowCount = rowEnd - rowStart;
  const type: DataType = data.type;
  switch (type.typeId) {
    case Type.Null:
      return 0;
    case Type.Bool:
      return Math.ceil(rowCount / 8);
    case Type.Utf8:
    case Type.Binary:
    case Type.LargeUtf8:
    case Type.LargeBinary:
      return 4 * rowCount + Number(data.valueOffsets[rowEnd]) - Number(data.valueOffsets[rowStart]);
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      return (
        4 * rowCount +
        byteCountOf(data.children[0]!, Number(data.valueOffsets[rowStart]), Number(data.valueOffsets[rowEnd]))
      );
    case Type.FixedSizeList: {
      const { listSize } = type as DataType & { listSize: number };
      return byteCountOf(data.children[0]!, rowStart * listSize, rowEnd * listSize);
    }
    case Type.Struct:
      return data.children.reduce((total, child) => total + byteCountOf(child, rowStart, rowEnd), 0);
    case Type.Union: {
      const all = data.children.reduce((total, child) => total + byteCountOf(child, 0, child.length), 0);
      return data.length === 0 ? 0 : Math.ceil(((data.length + all) / data.length) * rowCount);
    }
    default:
      return data.length === 0 ? 0 : Math.ceil((data.values.byteLength / data.length) * rowCount);
  }
}
