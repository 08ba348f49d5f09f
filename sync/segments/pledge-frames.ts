/**
 * What two nodes say to each other about pledges. A frame is its kind (u8) and its fields; numbers are big endian.
 *
 * | kind | name     | from   | fields                                          | answered by                             |
 * | ---- | -------- | ------ | ----------------------------------------------- | --------------------------------------- |
 * | 1    | ask      | asker  | nonce (32), until (u64, ms), names (32 each)    | pledged or declined, one a name, in order |
 * | 17   | pledged  | holder | proof (32), signature (64)                      |                                         |
 * | 18   | declined | holder | reason (u8)                                     |                                         |
 */
import { concatBytes, toHex } from '#core/kernel/index.ts';
import type { FrameFault } from './frames.ts';
import { PLEDGE_TIME_MAX } from './pledges.ts';
import { NONCE_BYTES } from './possession.ts';
import { nameToBytes, type SealedName } from './sealed-segment.ts';

/** Segments in one question: each makes the holder read a quarter of a mebibyte and write once. */
export const PLEDGE_NAMES_MAX = 64;

/**
 * Why a pledge is declined: not held, or not for this asker (1); the holder is about to evict it itself (2); it would last
 * longer than the holder pledges, or has passed (3); a fault of the holder (4).
 */
export type DeclineReason = 'unavailable' | 'leaving' | 'period' | 'failed';

export interface AskFrame {
  readonly kind: 'ask';
  readonly nonce: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** From 1 to {@link PLEDGE_NAMES_MAX}. */
  readonly names: readonly SealedName[];
}

export type PledgeAnswer =
  | { readonly kind: 'pledged'; readonly proof: Uint8Array; readonly signature: Uint8Array }
  | { readonly kind: 'declined'; readonly reason: DeclineReason };

const ASK = 1;
const PLEDGED = 17;
const DECLINED = 18;
const NAME_BYTES = 32;
const NAMES_OFFSET = 1 + NONCE_BYTES + 8;
const PROOF_BYTES = 32;
const PLEDGED_BYTES = 1 + PROOF_BYTES + 64;
const REASONS: readonly DeclineReason[] = ['unavailable', 'leaving', 'period', 'failed'];

/** The largest frame is a question with all the names it may have. */
export const PLEDGE_FRAME_BYTES_MAX = NAMES_OFFSET + NAME_BYTES * PLEDGE_NAMES_MAX;

export function encodeAsk({ nonce, until, names }: Omit<AskFrame, 'kind'>): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(until));
  return concatBytes([Uint8Array.of(ASK), nonce, time, ...names.map(nameToBytes)]);
}

export const encodePledgeAnswer = (answer: PledgeAnswer): Uint8Array =>
  answer.kind === 'pledged'
    ? concatBytes([Uint8Array.of(PLEDGED), answer.proof, answer.signature])
    : Uint8Array.of(DECLINED, REASONS.indexOf(answer.reason) + 1);

const fault = (reason: FrameFault['reason']): FrameFault => ({ kind: 'fault', reason });

/** The question of an asker, or what is wrong with it. What is returned encodes to the same bytes. */
export function decodeAsk(bytes: Uint8Array): AskFrame | FrameFault {
  if (bytes[0] !== ASK) return fault('frame-kind');
  const nameBytes = bytes.length - NAMES_OFFSET;
  if (nameBytes <= 0 || nameBytes % NAME_BYTES !== 0 || bytes.length > PLEDGE_FRAME_BYTES_MAX) {
    return fault('frame-length');
  }
  const until = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1 + NONCE_BYTES));
  if (until > PLEDGE_TIME_MAX) return fault('frame-value');
  const names = Array.from({ length: nameBytes / NAME_BYTES }, (_, i) => {
    const start = NAMES_OFFSET + NAME_BYTES * i;
    return toHex(bytes.subarray(start, start + NAME_BYTES)) as SealedName;
  });
  if (new Set(names).size < names.length) return fault('frame-value');
  return { kind: 'ask', nonce: bytes.slice(1, 1 + NONCE_BYTES), until, names };
}

/** The answer of a holder, or what is wrong with it. What is returned encodes to the same bytes. */
export function decodePledgeAnswer(bytes: Uint8Array): PledgeAnswer | FrameFault {
  if (bytes[0] === PLEDGED) {
    if (bytes.length !== PLEDGED_BYTES) return fault('frame-length');
    return { kind: 'pledged', proof: bytes.slice(1, 1 + PROOF_BYTES), signature: bytes.slice(1 + PROOF_BYTES) };
  }
  if (bytes[0] !== DECLINED) return fault('frame-kind');
  if (bytes.length !== 2) return fault('frame-length');
  const reason = REASONS[bytes[1]! - 1];
  return reason ? { kind: 'declined', reason } : fault('frame-value');
}
