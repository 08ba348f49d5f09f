import { MAX_ERROR_METADATA } from './error-bound.ts';
import type { ChunkEncoding, SegmentHeader } from './segment-header.ts';

/** What a segment stores of one column, summed over its row groups. */
export interface ColumnInspection {
  readonly name: string;
  /** The Arrow type as Arrow prints it. */
  readonly type: string;
  readonly rowCount: number;
  readonly nullCount: number;
  readonly byteCount: number;
  /** Bits of the stored units for each row; 0 without rows. */
  readonly bitsPerValue: number;
  /** Distinct ways in which the row groups map values to integers, in order of first use. */
  readonly mappings: readonly string[];
  readonly predictors: readonly string[];
  readonly methods: readonly string[];
  /** How far values may be from those that came in, `0.5` or `1%` of themselves; null when they are exact. */
  readonly maxError: string | null;
  /** How each row group is stored, with the bins and the ranker where there are any. */
  readonly rowGroups: readonly {
    readonly rowCount: number;
    readonly byteCount: number;
    readonly encoding: ChunkEncoding;
  }[];
}

export interface SegmentInspection {
  readonly formatVersion: number;
  readonly rowCount: number;
  readonly rowGroupCount: number;
  /** Bytes of all units, without the container. */
  readonly byteCount: number;
  readonly columns: readonly ColumnInspection[];
}

const distinct = (values: readonly unknown[]): string[] => [
  ...new Set(values.filter((value) => typeof value === 'string')),
];

/** What is stored in a segment, per column, from its header alone. */
export function inspectSegment(header: SegmentHeader): SegmentInspection {
  const columns = header.schema.fields.map((field, index): ColumnInspection => {
    const rowGroups = header.rowGroups.map(({ rowCount, chunks }) => ({
      rowCount,
      byteCount: chunks[index]!.byteCount,
      encoding: chunks[index]!.encoding,
    }));
    const encodings = rowGroups.map((group) => group.encoding);
    const byteCount = rowGroups.reduce((sum, group) => sum + group.byteCount, 0);
    return {
      name: field.name,
      type: String(field.type),
      rowCount: header.rowCount,
      nullCount: header.rowGroups.reduce((sum, group) => sum + group.chunks[index]!.statistics.nullCount, 0),
      byteCount,
      bitsPerValue: header.rowCount === 0 ? 0 : (8 * byteCount) / header.rowCount,
      mappings: distinct(encodings.map(({ mapping }) => mapping)),
      predictors: distinct(encodings.map((encoding) => encoding['predictor'])),
      methods: distinct(encodings.map(({ method }) => method)),
      maxError: field.metadata.get(MAX_ERROR_METADATA) ?? null,
      rowGroups,
    };
  });
  return {
    formatVersion: header.formatVersion,
    rowCount: header.rowCount,
    rowGroupCount: header.rowGroups.length,
    byteCount: columns.reduce((sum, column) => sum + column.byteCount, 0),
    columns,
  };
}
