import { concatBytes } from '#core/kernel/index.ts';
import { sameBytes } from '../words.ts';
import type { Unit } from './unit.ts';

/** The last frame found to hold nothing but symbol 0, of this thread. */
let known: { readonly width: number; readonly height: number; readonly data: Uint8Array } | undefined;

const dataOf = ({ tiles }: Unit): Uint8Array => concatBytes(tiles.map((tile) => tile.data));

/**
 * True when the frame is byte for byte one that was decoded before and held nothing but symbol 0: columns that count up
 * evenly all have the same one. A frame that is damaged differs and is decoded as any other.
 */
export function isKnownUniform(unit: Unit): boolean {
  const { width, height } = unit;
  return known?.width === width && known.height === height && sameBytes(known.data, dataOf(unit));
}

/** Remembers a frame that held nothing but symbol 0. */
export function rememberUniform(unit: Unit): void {
  known = { width: unit.width, height: unit.height, data: dataOf(unit) };
}
