/** ffprobe and players refuse files of more than 1,000 streams, and every column is one. */
export const COLUMNS_MAX = 1000;

/**
 * Rows of a row group unless the caller asks otherwise: 64 blocks of 4,096 symbols fill the codec's four interleaved
 * tiles; smaller groups cost speed and size, larger ones cost memory and make pruning coarse.
 */
export const ROW_GROUP_ROWS = 2 ** 18;

/** The most rows a row group may have: keeps every buffer of a decoded chunk below 2^31 bytes for fixed-width types. */
export const ROW_GROUP_ROWS_MAX = 2 ** 20;

/** A row group ends early when its Arrow buffers reach this size, so that long texts do not fill the memory. */
export const ROW_GROUP_ARROW_BYTES = 64 * 2 ** 20;

/** A segment ends after this many rows: a failed transfer or a damaged file then costs a bounded piece. */
export const SEGMENT_ROWS = 16 * ROW_GROUP_ROWS;

/** A segment ends after this many encoded bytes: it is assembled and hashed in memory. */
export const SEGMENT_BYTES = 64 * 2 ** 20;

/** A segment that is to hold all rows of an asset is assembled in memory before it leaves the node. */
export const SINGLE_SEGMENT_BYTES_MAX = 2 ** 30;

/** A header larger than this is refused: 1,000 columns need about 200 kB a row group. */
export const SEGMENT_HEADER_BYTES_MAX = 64 * 2 ** 20;

/** Row groups a reader accepts in one segment; more would only be found in a forged file. */
export const ROW_GROUPS_MAX = 65_536;

/** Longest bound of a text column in UTF-8 bytes: longer ones seldom prune more and fill the header. */
export const TEXT_BOUND_BYTES_MAX = 48;

/** Text or binary bytes of one column in one row group: Arrow's 32-bit offsets end here. */
export const TEXT_BYTES_MAX = 2 ** 31 - 1;

/** Bytes that one section of a chunk may expand to; a reader refuses more before it allocates. */
export const SECTION_BYTES_MAX = 2 ** 31 - 1;

/**
 * What a section, or the text of a column, may expand to whatever its file's size: twice the Arrow buffers of a row
 * group, since rows are cut by their average size. Beyond that, see `EXPANSION_MAX`.
 */
export const EXPANDED_BYTES_FREE = 128 * 2 ** 20;

/**
 * How many times its stored bytes a section, or the text of a column, may expand to beyond `EXPANDED_BYTES_FREE`: zstd
 * makes 2 GiB of 64 kB when forged, and hardly more than a hundredth of that ratio from data that somebody has.
 */
export const EXPANSION_MAX = 1024;

/**
 * What decoding a chunk takes for each of its rows at most, at any one time and besides what expands: the symbols and
 * 64-bit integers, 32 bytes of the widest type before and after nulls are put in. A constant of 2^20 rows is 30 bytes.
 */
export const DECODED_BYTES_PER_ROW = 128;

/**
 * Tags of a file, row groups included; a file has a few from other programs. A tag can be three bytes and costs a
 * hundred in memory.
 */
export const TAGS_MAX = ROW_GROUPS_MAX + 1000;

/** Types may nest this deep; the reader recurses. */
export const TYPE_DEPTH_MAX = 64;

/** Distinct integers that a chunk may number: a table of more saves nothing, and each takes a reader memory. */
export const INTEGER_ENTRIES_MAX = 65_536;

/**
 * What the model of section 5.1 of the format works in at most, whatever it decodes: eight contexts of 2^21 states, and
 * its tables. One such memory for each thread.
 */
export const MODEL_BYTES_MAX = 17 * 2 ** 20;
