import { GranaryError } from '#core/kernel/index.ts';

/** Why a session ended at the fault of the other side, with the numbers that stand for the reasons on the wire. */
export const REFUSAL_REASONS = {
  'frame-unknown': 1,
  'frame-too-large': 2,
  'frame-truncated': 3,
  'frame-too-long': 4,
  'number-not-shortest': 5,
  'number-too-large': 6,
  'count-too-large': 7,
  'list-out-of-order': 8,
  'value-unknown': 9,
  'frame-unexpected': 10,
  'answer-incomplete': 11,
  'tip-outside-buckets': 12,
  'want-outside-list': 13,
  'announcement-too-large': 14,
  'operations-unannounced': 15,
  'acknowledgement-too-large': 16,
  'too-many-refused-operations': 17,
  'root-unproven': 18,
  'operation-too-large': 19,
} as const;

export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** The error that ends a session; `details.reason` is the {@link RefusalReason}. */
export function refuse(reason: RefusalReason, text: string): GranaryError {
  return new GranaryError('SYNC_REFUSED', `The other node broke the sync protocol: ${text}. The session was ended.`, {
    reason,
  });
}

/** Why a store did not take an operation, with the numbers that stand for the reasons on the wire. */
export const MISSING_REASONS = {
  /** The bytes are no canonical operation, or their hashes or signature do not hold. */
  invalid: 1,
  /** An earlier operation of its log is not there. */
  gap: 2,
  /** Its place in its log is taken by another operation. */
  fork: 3,
  /** Its author may not write here. */
  forbidden: 4,
  /** Its author, or the space, has used up what it may store. */
  quota: 5,
  /** Its body is missing, and nothing that is known here allows that. */
  pruned: 6,
} as const;

export type MissingReason = keyof typeof MISSING_REASONS;
