import type { Dice } from '#tests/fuzz/dice.ts';
import { encodeFrame, type FrameBody, FRAMES, type FrameName } from '../frames.ts';
import { compareBytes } from '../log-tip.ts';
import { MISSING_REASONS, type MissingReason, REFUSAL_REASONS, type RefusalReason } from '../refusal.ts';

export const FRAME_NAMES = Object.keys(FRAMES) as FrameName[];

type Makers = { readonly [N in FrameName]: (dice: Dice) => FrameBody<N> };

const bytes = (dice: Dice, length: number) => Uint8Array.from({ length }, () => dice.below(256));
const seq = (dice: Dice) => dice.pick([0, 1, 127, 128, dice.below(100_000), 0xffff_ffff]);
const many = <T>(dice: Dice, make: () => T): T[] => Array.from({ length: dice.below(6) }, make);
const amount = (dice: Dice) => ({ operationCount: dice.below(1_000_000), byteCount: dice.below(2 ** 31) });
const ascending = (values: readonly Uint8Array[]) => values.toSorted(compareBytes);
const hints = (dice: Dice) => ascending(many(dice, () => bytes(dice, 8)));
const keysOf = <K extends string>(table: Readonly<Record<K, number>>) => Object.keys(table) as K[];

const makers: Makers = {
  hello: (dice) => ({
    nonce: bytes(dice, 12),
    spaces: ascending(many(dice, () => bytes(dice, 8))).map((tag) => ({ tag, root: bytes(dice, 16) })),
  }),
  answer: (dice) => ({
    verdicts: many(dice, () => dice.pick(['unknown', 'equal', 'differs'] as const)),
    roots: many(dice, () => bytes(dice, 16)),
  }),
  changes: (dice) => ({
    agreement: bytes(dice, 8),
    tips: hints(dice).map((hint) => ({ hint, logOperations: seq(dice), fork: seq(dice) })),
  }),
  buckets: (dice) => ({ filled: bytes(dice, 32), checks: many(dice, () => bytes(dice, 8)) }),
  tips: (dice) => ({
    covered: bytes(dice, 32),
    tips: hints(dice).map((hint) => ({
      hint,
      logOperations: seq(dice),
      fork: seq(dice),
      check: bytes(dice, 4),
    })),
  }),
  plan: (dice) => ({
    ...amount(dice),
    wants: many(dice, () => seq(dice)).map((itemStart, index) => ({
      index: 3 * index,
      itemStart,
      itemCount: dice.below(1_000_000),
    })),
  }),
  supply: amount,
  operations: (dice) => ({
    operations: Array.from({ length: 1 + dice.below(4) }, () => bytes(dice, 1 + dice.below(300))),
  }),
  stored: (dice) => ({ operationCount: dice.below(1000), byteCount: dice.below(2 ** 22) }),
  done: (dice) => ({
    root: bytes(dice, 8),
    storedCount: dice.below(1000),
    missing: keysOf<MissingReason>(MISSING_REASONS)
      .filter(() => dice.chance(0.4))
      .map((reason) => ({ reason, operationCount: dice.below(1000) })),
  }),
  refused: (dice) => ({ reason: dice.pick(keysOf<RefusalReason>(REFUSAL_REASONS)) }),
};

/** A frame of this type with any body that may be written. */
export function randomFrame<N extends FrameName>(dice: Dice, name: N): { body: FrameBody<N>; bytes: Uint8Array } {
  const body = makers[name](dice);
  return { body, bytes: encodeFrame(name, body) };
}
