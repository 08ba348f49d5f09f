/**
 * The frames of a session, as a table: a type byte, then the fields in this order. What they mean and when they may come
 * is written in `docs/formats/sync-v1.md`.
 */
import {
  LISTED_LOGS_MAX,
  OPERATION_BYTES_MAX,
  ROUND_OPERATIONS_MAX,
  SESSION_SPACES_MAX,
  SYNC_FRAME_BYTES_MAX,
  SYNC_WINDOW_BYTES_MAX,
} from './limits.ts';
import { MISSING_REASONS, refuse, REFUSAL_REASONS } from './refusal.ts';
import { BUCKET_COUNT, HINT_BYTES } from './tip-tree.ts';
import {
  byBytes,
  fixedBytes,
  lengthAndBytes,
  list,
  name,
  number,
  record,
  type ValueOf,
  type WireCursor,
  type WireField,
} from './wire-fields.ts';

/** Fresh in each session; 2^48 sessions are needed before two are likely to be alike. */
export const NONCE_BYTES = 12;
/** Names a space in one session. */
export const TAG_BYTES = 8;
/** Proof of a root in one session: too long to find two roots with one check, even for somebody who knows the nonce. */
export const ROOT_CHECK_BYTES = 16;
/** Compares an agreement, a bucket or the outcome of a round in one session. */
export const CHECK_BYTES = 8;
/** Compares two operations of one seq in one session. */
export const TIP_CHECK_BYTES = 4;

/** Seqs go up to 2^32 - 1; the proof of a fork is one item more. */
const ITEMS_MAX = 2 ** 32 + 1;
const BYTES_MAX = ROUND_OPERATIONS_MAX * OPERATION_BYTES_MAX;
const MISSING_KINDS = Object.keys(MISSING_REASONS).length;

const rootCheck = fixedBytes(ROOT_CHECK_BYTES);
const bucketSet = fixedBytes(BUCKET_COUNT / 8);
const operationCount = number(ROUND_OPERATIONS_MAX);
const byteCount = number(BYTES_MAX);
/** `fork` is 0 for a log without one, otherwise its seq and 1. */
const logEnd = { hint: fixedBytes(HINT_BYTES), logOperations: number(2 ** 32), fork: number(2 ** 32) };
const ascendingHints = { most: LISTED_LOGS_MAX, order: byBytes(({ hint }: { hint: Uint8Array }) => hint) };

export const FRAMES = {
  hello: {
    type: 1,
    body: record({
      nonce: fixedBytes(NONCE_BYTES),
      spaces: list(record({ tag: fixedBytes(TAG_BYTES), root: rootCheck }), {
        most: SESSION_SPACES_MAX,
        order: byBytes(({ tag }) => tag),
      }),
    }),
  },
  answer: {
    type: 2,
    body: record({
      verdicts: list(name({ unknown: 0, equal: 1, differs: 2 }), { most: SESSION_SPACES_MAX }),
      roots: list(rootCheck, { most: SESSION_SPACES_MAX }),
    }),
  },
  changes: {
    type: 3,
    body: record({ agreement: fixedBytes(CHECK_BYTES), tips: list(record(logEnd), ascendingHints) }),
  },
  buckets: {
    type: 4,
    body: record({ filled: bucketSet, checks: list(fixedBytes(CHECK_BYTES), { most: BUCKET_COUNT }) }),
  },
  tips: {
    type: 5,
    body: record({
      covered: bucketSet,
      tips: list(record({ ...logEnd, check: fixedBytes(TIP_CHECK_BYTES) }), ascendingHints),
    }),
  },
  plan: {
    type: 6,
    body: record({
      operationCount,
      byteCount,
      wants: list(
        record({
          index: number(LISTED_LOGS_MAX - 1),
          itemStart: number(ITEMS_MAX),
          itemCount: number(ROUND_OPERATIONS_MAX),
        }),
        { most: LISTED_LOGS_MAX, order: (left, right) => left.index - right.index },
      ),
    }),
  },
  supply: { type: 7, body: record({ operationCount, byteCount }) },
  operations: {
    type: 8,
    body: record({
      operations: list(lengthAndBytes(OPERATION_BYTES_MAX), { least: 1, most: ROUND_OPERATIONS_MAX }),
    }),
  },
  stored: { type: 9, body: record({ operationCount, byteCount: number(SYNC_WINDOW_BYTES_MAX) }) },
  done: {
    type: 10,
    body: record({
      root: fixedBytes(CHECK_BYTES),
      storedCount: operationCount,
      missing: list(record({ reason: name(MISSING_REASONS), operationCount }), {
        most: MISSING_KINDS,
        order: (left, right) => MISSING_REASONS[left.reason] - MISSING_REASONS[right.reason],
      }),
    }),
  },
  refused: { type: 11, body: record({ reason: name(REFUSAL_REASONS) }) },
} as const;

export type FrameName = keyof typeof FRAMES;
export type FrameBody<N extends FrameName> = ValueOf<(typeof FRAMES)[N]['body']>;
/** A frame with its name, so that a switch over the name knows the body. */
export type Frame<N extends FrameName = FrameName> = {
  readonly [K in N]: { readonly name: K; readonly body: FrameBody<K> };
}[N];

const NAMES = new Map(Object.entries(FRAMES).map(([name, { type }]) => [type as number, name as FrameName]));

export function encodeFrame<N extends FrameName>(name: N, body: FrameBody<N>): Uint8Array {
  const cursor: WireCursor = { bytes: new Uint8Array(64), offset: 1 };
  cursor.bytes[0] = FRAMES[name].type;
  (FRAMES[name].body as unknown as WireField<FrameBody<N>>).write(cursor, body);
  return cursor.bytes.slice(0, cursor.offset);
}

/** Reads one whole frame; what was read encodes to the same bytes. Errors: `SYNC_REFUSED`. */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > SYNC_FRAME_BYTES_MAX) {
    throw refuse('frame-too-large', `a frame of ${bytes.length} bytes is over the limit of ${SYNC_FRAME_BYTES_MAX}`);
  }
  const name = NAMES.get(bytes[0] ?? -1);
  if (!name) throw refuse('frame-unknown', `frames of type ${bytes[0] ?? 'nothing'} are not known`);
  const cursor: WireCursor = { bytes, offset: 1 };
  const body = FRAMES[name].body.read(cursor);
  if (cursor.offset !== bytes.length) {
    throw refuse('frame-too-long', `${bytes.length - cursor.offset} bytes follow the end of a ${name} frame`);
  }
  return { name, body } as Frame;
}
