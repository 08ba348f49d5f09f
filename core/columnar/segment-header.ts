import type { Schema } from 'apache-arrow';
import type { Mapping } from './chunk-format.ts';
import type { Method } from './integer-stream.ts';
import type { ChunkStatistics } from './statistics.ts';

/**
 * How a chunk is stored. `method` and, for palettes, `pixels` are needed to decode it; the rest is told for people:
 * `divisor`, `digits` of decimals, `alphabet` of palettes, `order` and `entries` of dictionaries, and the predictor,
 * bins and ranker that the integer codec chose.
 */
export interface ChunkEncoding {
  readonly method: Method;
  readonly mapping: Mapping;
  readonly [detail: string]: unknown;
}

/** One column of one row group: where its AV1 temporal unit lies in the file and what is known of it. */
export interface ChunkHeader {
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteCount: number;
  readonly encoding: ChunkEncoding;
  readonly statistics: ChunkStatistics;
  /** Of the decoded values; see `matchesChecksum`. */
  readonly checksum: string;
}

export interface RowGroupHeader {
  readonly rowCount: number;
  /** One per column, in the order of the schema. */
  readonly chunks: readonly ChunkHeader[];
}

/** Everything a segment tells before its frames. */
export interface SegmentHeader {
  readonly formatVersion: 1;
  readonly schema: Schema;
  readonly rowCount: number;
  readonly rowGroups: readonly RowGroupHeader[];
}

/** A chunk that has no place in a file yet. */
export interface EncodedChunk extends Omit<ChunkHeader, 'offset'> {
  readonly unit: Uint8Array;
  /** A second temporal unit, for players alone: the column as a picture. */
  readonly picture?: Uint8Array | undefined;
}

/** One row group, encoded and verified. Holds plain data only, so that it can be sent between threads. */
export interface EncodedRowGroup {
  readonly rowCount: number;
  readonly chunks: readonly EncodedChunk[];
}
