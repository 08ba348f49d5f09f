import { concatBytes } from '#core/kernel/index.ts';
import type { Dice } from './dice.ts';

/** The bytes with one to a few faults that know nothing of any format. */
export function mutateBytes(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let faults = 1 + dice.below(3); faults > 0 && result.length > 0; faults--)
    result = oneFault(dice, result, others);
  return result;
}

/** A place: anywhere, or among the first bytes, where headers and sizes are. */
const place = (dice: Dice, length: number): number =>
  dice.chance(0.4) ? dice.below(Math.min(64, length)) : dice.below(length);

function oneFault(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const at = place(dice, bytes.length);
  const count = 1 + dice.below(dice.chance(0.8) ? 16 : bytes.length);
  const end = Math.min(bytes.length, at + count);
  switch (dice.below(8)) {
    case 0:
    case 1:
      bytes[at]! ^= 1 << dice.below(8);
      return bytes;
    case 2:
      bytes[at] = dice.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff, dice.below(256)]);
      return bytes;
    case 3:
      return bytes.fill(dice.pick([0, 0x80, 0xff]), at, end);
    case 4:
      return bytes.slice(0, at);
    case 5:
      return concatBytes([bytes.subarray(0, at), bytes.subarray(end)]);
    case 6:
      return concatBytes([bytes.subarray(0, end), bytes.subarray(at)]);
    default: {
      const other = dice.pick(others);
      const from = dice.below(other.length + 1);
      const piece = other.subarray(from, dice.chance(0.5) ? from + count : other.length);
      return concatBytes([bytes.subarray(0, at), piece, dice.chance(0.5) ? bytes.subarray(end) : new Uint8Array(0)]);
    }
  }
}
