/** Bytes of one Yjs update: what is left of a body of 256 KiB once it is sealed and has its envelope, with room to spare. */
export const UPDATE_BYTES_MAX = 240 * 1024;

/** Entries that one update may set: all tags, error bounds and fields of its author's own that an asset can have. */
export const UPDATE_ENTRIES_MAX = 1_500;

/**
 * Entries and characters that one log may ever write into the document of one asset. A person types it full in a
 * thousand years; Yjs keeps a few bytes for each.
 */
export const LOG_CLOCK_MAX = 2 ** 24;

/** Bytes of a quality contract as canonical JSON: two hundred rules, and some left for the rest of the update. */
export const CONTRACT_BYTES_MAX = 64 * 1024;

/** Fields of one's own that an asset can have; more is data and belongs in a table. */
export const CUSTOM_FIELDS_MAX = 100;

/** Characters of the name of a field of one's own. */
export const CUSTOM_NAME_LENGTH_MAX = 100;

/** Characters of the text of a field of one's own: a paragraph; a hundred of them fit in one update. */
export const CUSTOM_TEXT_LENGTH_MAX = 1_000;

/** Characters of a column's name that can have an error bound by way of the document. */
export const COLUMN_NAME_LENGTH_MAX = 255;

/** Characters of an error bound, such as `0.05` or `1%`. */
export const MAX_ERROR_LENGTH_MAX = 32;

/** Bytes of one record: what is left of a body of 256 KiB once it is sealed and has its envelope, with room to spare. */
export const RECORD_BYTES_MAX = 240 * 1024;

/** Objects and lists within each other in a record: a schema may nest its types 64 deep, with three levels for each. */
export const RECORD_DEPTH_MAX = 256;

/** Parts of one version: 15 MB of references, which name ten thousand segments, or half a terabyte. */
export const VERSION_PARTS_MAX = 64;

/** Versions that one version can join: as many devices as a space has seldom commit at once. */
export const VERSION_PARENTS_MAX = 64;

/** Sources that one version names: as many files as one ingestion takes with room to spare in a body. */
export const VERSION_SOURCES_MAX = 1_000;

/**
 * Seals of one segment that count of one author: a device seals a segment once, and once more when its home was restored from a
 * backup. Each is asked for where the rows are fetched.
 */
export const AUTHOR_SEALS_MAX = 4;

/** Characters of a name, kind, value or hash in a record. */
export const RECORD_TEXT_LENGTH_MAX = 4_096;

/** Members of the details of an edge. */
export const EDGE_DETAILS_MAX = 100;

/**
 * Operations of one device about one asset that wait for others at one time: what it writes in weeks. Each device has a limit
 * of its own, so that none takes the room of others; of what is beyond, the asset is folded anew once it can count.
 */
export const WAITING_OPERATIONS_MAX = 1_024;

/** Bytes of the operations of one device about one asset that wait for others: they are stored anew with each change of it. */
export const WAITING_BYTES_MAX = 2 ** 20;

/**
 * Logs of one device whose first operation about an asset waits in any case, by which the rest is found again. A device has
 * more than one where it was restored or goes on after a fork.
 */
export const WAITING_LOGS_MAX = 16;
