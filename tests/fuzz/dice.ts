import { seededRandom } from '#core/columnar/testing/seeded-random.ts';

/** Choices of one input; the same for the same seed. */
export interface Dice {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

export function createDice(seed: number): Dice {
  const random = seededRandom(seed);
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 4; i++) random();
  const below = (limit: number) => Math.floor(random() * limit);
  return {
    below,
    chance: (probability) => random() < probability,
    pick: (choices) => choices[below(choices.length)]!,
  };
}

/** Numbers around the edges of every width, and a few ordinary ones. */
const EDGES = [
  0,
  1,
  2,
  3,
  7,
  8,
  16,
  63,
  64,
  127,
  128,
  255,
  256,
  4095,
  4096,
  4097,
  65_535,
  65_536,
  2 ** 20,
  2 ** 20 + 1,
];
const LARGE = [2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1];

/** Another number in place of `value`. */
export function otherNumber(dice: Dice, value: number): number {
  switch (dice.below(4)) {
    case 0:
      return dice.pick(EDGES);
    case 1:
      return dice.pick(LARGE);
    case 2:
      return Math.max(0, value + dice.pick([-2, -1, 1, 2]));
    default:
      return dice.below(value * 2 + 4);
  }
}

/** Another 64-bit number in place of `value`. */
export const otherInteger = (dice: Dice, value: bigint): bigint =>
  dice.pick([0n, 1n, -1n, 2n ** 31n, -(2n ** 31n), 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), value + 1n]);
