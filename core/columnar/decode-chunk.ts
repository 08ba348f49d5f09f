import type { Data, DataType } from 'apache-arrow';
import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import { arrowDataOf } from './arrow-data.ts';
import { matchesChecksum } from './column-checksum.ts';
import { decodeColumn } from './decode-column.ts';
import type { DecodeMemory } from './decode-memory.ts';
import type { SegmentHeader } from './segment-header.ts';

export interface DecodeOptions {
  /**
   * Text that is stored as a dictionary comes as `Dictionary<Utf8>` with the narrowest indices of Uint8, Uint16 and Int32,
   * entries in ascending byte order and each used at least once. Other columns, and text stored otherwise, come in the type of the schema.
   */
  readonly dictionary?: boolean | undefined;
  /**
   * The most bytes that one section or the texts of the chunk may expand to; what the format allows when left out (see
   * `EXPANDED_BYTES_FREE` and `EXPANSION_MAX`).
   */
  readonly expandedBytesMax?: number | undefined;
  /** Takes the values; memory of their own when left out. */
  readonly memory?: DecodeMemory | undefined;
}

/**
 * Decodes one column of one row group into an Arrow array of exactly the schema's type, and verifies its checksum.
 * Synchronous; runs in Node and in the browser. Errors: `SEGMENT_CORRUPT` with `column` and `rowGroup`, `UNSUPPORTED`
 * when no zstd is installed in this realm, `LIMIT_EXCEEDED` when the caller's budget does not suffice.
 *
 * @param unit the bytes of the file from the chunk's `offset`, `byteCount` long
 */
export function decodeChunk(
  header: SegmentHeader,
  rowGroupIndex: number,
  columnIndex: number,
  unit: Uint8Array,
  options: DecodeOptions = {},
): Data {
  const rowGroup = header.rowGroups[rowGroupIndex];
  const chunk = rowGroup?.chunks[columnIndex];
  const field = header.schema.fields[columnIndex];
  if (!rowGroup || !chunk || !field) {
    throw new GranaryError('INPUT_INVALID', `The segment has no column ${columnIndex} in row group ${rowGroupIndex}.`);
  }
  const corrupt = (why: string, cause?: unknown) =>
    new GranaryError(
      'SEGMENT_CORRUPT',
      `Column "${field.name}" of row group ${rowGroupIndex} is damaged: ${why}`,
      { column: field.name, rowGroup: rowGroupIndex },
      { cause },
    );
  if (unit.length !== chunk.byteCount) throw corrupt(`${unit.length} bytes instead of ${chunk.byteCount}.`);
  const type = field.type as DataType;
  try {
    const nullCount = chunk.encoding.mapping === 'arrow' ? 0 : chunk.statistics.nullCount;
    const { method, pixels, runs } = chunk.encoding;
    const encoding = { method, pixels, runs, expandedBytesMax: options.expandedBytesMax };
    const decoded = decodeColumn(type, unit, encoding, rowGroup.rowCount, nullCount, options.memory);
    if (!matchesChecksum(decoded, chunk.checksum)) throw corrupt('its values do not match their checksum.');
    return arrowDataOf(type, decoded.column, { dictionary: options.dictionary === true });
  } catch (error) {
    // Whatever a decoder throws on damaged bytes, a RangeError included, means one thing to the caller.
    if (isGranaryError(error, 'SEGMENT_CORRUPT') || isGranaryError(error, 'UNSUPPORTED')) throw error;
    // No writer exceeds the limits of the format, but a caller's budget may be less.
    if (isGranaryError(error, 'LIMIT_EXCEEDED') && options.expandedBytesMax !== undefined) throw error;
    throw corrupt(error instanceof Error ? error.message : String(error), error);
  }
}
