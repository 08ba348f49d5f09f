/** What a session holds in memory at most, whatever the other side sends. */
import { OPERATION_BODY_BYTES_MAX } from '#sync/log/index.ts';

/** A frame is held in memory whole, and a slow reader must not keep others waiting long behind one. */
export const SYNC_FRAME_BYTES_MAX = 2 ** 20;

/** A header has at most 230 bytes in today's layout; the rest is room for later extensions. */
export const OPERATION_BYTES_MAX = OPERATION_BODY_BYTES_MAX + 1024;

/** So many logs, with the longest numbers and check, fill one frame; with more of them different, a session takes rounds. */
export const LISTED_LOGS_MAX = 47_104;

/** Spaces that one session compares: more than a cooperative and its members have, few enough for one frame. */
export const SESSION_SPACES_MAX = 1024;

/** Operations that are under way without an acknowledgement, in bytes: two large frames and a long line between them. */
export const SYNC_WINDOW_BYTES_MAX = 4 * 2 ** 20;

/** Operations that one side announces in one round: bounds what a peer can make the other wait for. */
export const ROUND_OPERATIONS_MAX = 1_000_000;

/** Rounds of one space in one session; only a huge first contact, or the search for where a log forks, needs more than two. */
export const SESSION_ROUNDS_MAX = 64;

/** Operations that are stored in one synced batch: what a usual frame of them holds. */
export const STORED_BATCH_OPERATIONS_MAX = 2000;

/** Operations a node refuses from one peer in one session before it takes the rest for garbage as well. */
export const REFUSED_OPERATIONS_MAX = 10_000;

/** Arrivals read to find what changed since the last agreement; beyond that, comparing hashes is cheaper. */
export const ARRIVALS_READ_MAX = 100_000;

/** Arrivals of other spaces after which an agreement on an unchanged root is renewed, so that they are not read for nothing. */
export const AGREEMENT_LAG_MAX = 10_000;

/** Logs that changed while a session ran, remembered with its agreement; beyond that the next session compares hashes. */
export const AGREEMENT_PENDING_MAX = 1000;
