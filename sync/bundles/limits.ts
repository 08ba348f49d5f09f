/** What reading a bundle holds in memory at most, whatever the file says. */

/** A section is held in memory whole; four times what ours have, so that the largest operation fits behind others. */
export const BUNDLE_SECTION_BYTES_MAX = 2 ** 20;

/** Logs of one frontier: some hundred bytes each in memory, and far more than the devices of a cooperative write. */
export const BUNDLE_LOGS_MAX = 2 ** 18;

/** Segments of one bundle: some hundred bytes each in memory; at 16 MiB each they are 4 TiB. */
export const BUNDLE_SEGMENTS_MAX = 2 ** 18;

/** Devices that one bundle is sealed to: each reader tries every sealed key, one agreement of keys each. */
export const BUNDLE_RECIPIENTS_MAX = 1024;

/** A bundle of all segments there may be; keeps the number of a chunk within its 32 bits. */
export const BUNDLE_BYTES_MAX = 2 ** 43;
