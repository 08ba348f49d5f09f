import type { RecordBatch, Schema } from 'apache-arrow';
import type { AbortOptions, InputFile, ReportProgress } from '#core/kernel/index.ts';

/** A row that does not fit, kept with the reason and the place instead of being dropped. */
export interface QuarantinedRow {
  /** The file as the caller named it. */
  readonly source: string;
  /** 1-based number of the record within the file, header not counted. */
  readonly record: number;
  /** 1-based line the record starts on; absent for formats without lines. */
  readonly line?: number;
  /** Byte offset of the record within the uncompressed text, when known. */
  readonly byteOffset?: number;
  readonly reason: string;
  /** The record as it was read: the raw text, or JSON; cut at a named limit and then marked so. */
  readonly raw: string;
}

/** Something a person should know about how a column was read: `"zip" holds leading zeros and stays text`. */
export interface ColumnNote {
  readonly column: string;
  readonly note: string;
}

export interface ReadOptions extends AbortOptions {
  /** Fixed columns; absent: inferred from all of the data, never from a sample alone. */
  readonly schema?: Schema | undefined;
  readonly onError: 'stop' | 'quarantine';
  /** Called for each row set aside; awaited, so that memory stays bounded. */
  readonly quarantine: (row: QuarantinedRow) => Promise<void>;
  /** An existing folder for spooled copies; the reader removes what it put there. */
  readonly temporaryFolder: string;
  readonly report?: ReportProgress;
}

/** An opened input: the schema is known, the rows follow once. Dispose when done, read or not. */
export interface BatchSource extends AsyncDisposable {
  readonly schema: Schema;
  readonly format: string;
  readonly notes: readonly ColumnNote[];
  /** Hash over the raw bytes of the input, 64 hexadecimal digits: equal content is recognised by it. */
  readonly contentHash: string;
  readonly batches: AsyncIterable<RecordBatch>;
}

/** Opens one file of any supported format; the format is found from content first, then from the name. */
export type OpenBatchSource = (file: InputFile, options: ReadOptions) => Promise<BatchSource>;
