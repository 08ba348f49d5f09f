import type { RecordBatch, Schema } from 'apache-arrow';
import type { ColumnNote, ReadOptions } from '../ports.ts';

/** One input whose format is known, decompressed. */
export interface Content {
  /** The file as the caller named it. */
  readonly name: string;
  /** The first bytes. */
  readonly head: Uint8Array;
  /** The first reading; must be read to its end, so that the content hash is known. */
  first(): AsyncIterable<Uint8Array>;
  /** Further readings of the same bytes. */
  again(): AsyncIterable<Uint8Array>;
  /** The first reading into a file of its own, removed with the input; for formats that are read from their end. */
  spool(): Promise<string>;
}

/** What a format's source makes of a content after the first reading. */
export interface OpenedContent {
  readonly schema: Schema;
  readonly notes: readonly ColumnNote[];
  /** Reads the rows; called once. */
  batches(): AsyncGenerator<RecordBatch>;
  /** Releases what opening took; called once, whether rows were read or not. */
  close?(): Promise<void>;
}

/** A format's source. */
export type OpenContent = (content: Content, options: ReadOptions) => Promise<OpenedContent>;
