/**
 * Where things lie in the module's memory. All sizes and offsets are bytes.
 *
 *      0  shared tables, written once by `initialise`
 *   4096  first stream area, one for each tile that is coded in turn
 *   8192  second stream area
 *  16384  third stream area
 *  20480  the image of a fresh stream's probabilities, written once by the host
 *  24576  tables of the integer pipeline
 *  32768  fourth stream area
 *  36864  four ranker areas
 *  65536  the host's heap
 *
 * There are no globals in the hot paths: AssemblyScript keeps globals in memory anyway, and with fixed addresses the
 * four streams can be coded by one loop.
 */

// Shared tables.
/** alphabet << 4: eight u16, 4 * (alphabet - 1 - i), what every symbol is granted at least. */
export const GRANTS: usize = 256;
/** symbol << 4: eight u16, all ones in the lanes from `symbol` on. */
export const LANES_FROM: usize = 512;
/** 256 bytes: which pixel values a block holds; then 256 bytes: value -> colour index. */
export const VALUE_SEEN: usize = 1024;
export const VALUE_INDEX: usize = 1280;

/**
 * Stream areas of 4096 bytes. In the hot loops a stream is named by a type, the integer whose size in bytes times STREAMS
 * is the address of its area: a load's constant offset must be known when compiling, types are AssemblyScript's only
 * compile-time parameters, and offsets that are added at run time cost 6 % of the speed.
 */
export const STREAMS: usize = 4096;
export type StreamA = u8;
export type StreamB = u16;
export type StreamC = u32;
export type StreamD = u64;

/** The address of the area of stream 0 to 3. */
export function streamAt(index: i32): usize {
  return STREAMS << (index as usize);
}

/** u64: the coder's window, see decoder.as.ts and encoder.as.ts. */
export const WINDOW: usize = 0;
/** u32: the next byte of the tile to be read or written. */
export const CURSOR: usize = 8;
/** u32: the end of the tile's data (decoder). */
export const LIMIT: usize = 12;
/** u32: the first byte of the tile's data. */
export const START: usize = 16;
/** u32: the next symbol to be written (decoder) or read (encoder). */
export const SYMBOLS: usize = 20;
/** u32: the alphabet whose colour probabilities lie in COLOUR_CDFS; 0 = none yet. */
export const ALPHABET: usize = 24;
/** u32: the number of colours in CACHE. */
export const CACHE_SIZE: usize = 28;
/** u32: 1 when a block brought another palette than the one before it. */
export const PALETTE_CHANGED: usize = 32;
/** u32: 1 when every counter of COLOUR_CDFS is full. */
export const WARM: usize = 36;
/** 8 bytes: the palette of the block to the left. */
export const CACHE: usize = 40;
/** 16 bytes: the palette of the present block. */
export const PALETTE: usize = 48;
/** u16: the coder's range. It must lie right below THRESHOLDS: the decoder reads both as one table. */
export const RANGE: usize = 78;
/** eight u16: the upper ends of the symbols' parts of the range. */
export const THRESHOLDS: usize = 80;
/** 16 bytes: ff where the counter of a context is not full yet. */
export const COLD: usize = 96;
/** Five contexts of 32 bytes: eight u16 (32768 - cdf, zero past the alphabet), then a counter byte. */
export const COLOUR_CDFS: usize = 128;
export const COLOUR_COUNTERS: usize = 128 + 16;
export const COLOUR_CDFS_BYTES: usize = 160;
/** Rows of 32 bytes for the block syntax: u16 (32768 - cdf), counter at +30; see block-syntax.as.ts. */
export const SYNTAX_CDFS: usize = 320;
/** The stored colour probabilities of the alphabets 2..8, COLOUR_CDFS_BYTES each. */
export const STORED_CDFS: usize = 672;
/** Bytes of SYNTAX_CDFS and STORED_CDFS together, which follow each other. */
export const CDF_IMAGE_BYTES: usize = 1472;
/** A byte for each row of the present diagonal: context << 5, which is its offset in COLOUR_CDFS. */
export const CONTEXTS: usize = 2176;
/** Three diagonals of colours, 128 bytes each, indexed by row, with a byte of padding in front. */
export const DIAGONALS: usize = 2304 + 16;
export const DIAGONAL_BYTES: usize = 128;
/** A byte for each row of the present diagonal: the coded symbol, that is the colour's rank. */
export const RANKS: usize = 2816;

/** A fresh stream's SYNTAX_CDFS and STORED_CDFS. */
export const CDF_IMAGE: usize = 20480;

// Integer pipeline.
/** Two vectors: the smallest and the largest residual. */
export const EXTREMES: usize = 24576;
/** Seven i64: the upper ends (inclusive) of the bins but the last. */
export const BIN_ENDS: usize = 24576 + 64;
/** 16 bytes: bin -> class. Classes are bins numbered by falling frequency. */
export const BIN_CLASSES: usize = 24576 + 128;
/** class << 5: low i64, mask of the offset u64, bits of the offset u32. */
export const CLASSES: usize = 24576 + 192;

/** Four areas of RANKER_BYTES, see ranker.as.ts. */
export const RANKERS: usize = 36864;
export const RANKER_BYTES: usize = 4096;
