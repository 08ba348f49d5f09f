/**
 * What reading a file may cost. Every figure bounds memory or disk, because a file is hostile until it has been read.
 */

/** Rows of one batch: large enough for typed arrays to pay off, small enough to be held several times. */
export const BATCH_ROWS_MAX = 65_536;

/** Bytes of values in one batch; wide tables and long texts get batches of fewer rows. */
export const BATCH_BYTES_MAX = 64 * 2 ** 20;

/** Columns of one table: a segment holds one track per column, and standard tools refuse more tracks. */
export const COLUMNS_MAX = 1_000;

/** Bytes of one record of text, quotes included: a quote that is never closed must not pull the whole file into memory. */
export const RECORD_BYTES_MAX = 16 * 2 ** 20;

/** Characters of a record that are kept with a quarantined row; the rest is cut and marked. */
export const QUARANTINE_RAW_MAX = 65_536;

/** Bytes written to the temporary folder for one input, after decompression: stops decompression bombs. */
export const SPOOL_BYTES_MAX = 256 * 2 ** 30;

/** Compressed bytes of one Parquet row group, which is held in memory as a whole (WebAssembly ends at 4 GiB). */
export const PARQUET_ROW_GROUP_BYTES_MAX = 2 ** 30;

/** JavaScript heap of the thread that decodes a Parquet or Arrow file, values apart; damaged files ask for any amount. */
export const DECODER_HEAP_MEBIBYTES_MAX = 256;

/** Bytes of one buffer of an Arrow file after decompression, which is held in memory as a whole. */
export const ARROW_MESSAGE_BYTES_MAX = 2 ** 30;

/** Bytes taken from the start of the text to find its format and its delimiter. */
export const SAMPLE_BYTES = 65_536;

/** Bytes handled between two looks at the abort signal and two flushes of finished batches. */
export const STEP_BYTES = 2 ** 20;

/** Bytes of a schema file: 1,000 columns with long names fit many times. */
export const SCHEMA_FILE_BYTES_MAX = 4 * 2 ** 20;

/** Levels of objects and arrays within one JSON record; deeper ones overflow the stack of whoever reads them. */
export const JSON_DEPTH_MAX = 500;

/** Files one call may name by directories and globs. */
export const FILES_MAX = 100_000;
