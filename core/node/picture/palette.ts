/** Colours of a picture, by index. Values take the indices from `FIRST_LEVEL` on, and no other. */
export const WHITE = 0;
export const INK = 1;
/** Light grey: nothing but nulls. No value has it. */
export const NULL_COLOUR = 2;
/** Magenta: not a number. No value has it. */
export const NAN_COLOUR = 3;
export const FIRST_LEVEL = 4;
export const LEVELS = 252;

/**
 * viridis by Nathaniel Smith and Stéfan van der Walt (CC0), even to the eye and for the colour-blind, in ten steps; between
 * them colours are mixed.
 */
const VIRIDIS = [
  0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725,
] as const;

const channels = (colour: number): number[] => [colour >> 16, (colour >> 8) & 255, colour & 255];

/** A colour for a level from 0 to 1, as red, green and blue. */
export function viridis(level: number): number[] {
  const at = level * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [from, to] = [channels(VIRIDIS[below]!), channels(VIRIDIS[below + 1]!)];
  return from.map((channel, i) => Math.round(channel + (to[i]! - channel) * (at - below)));
}

/** 256 colours of three bytes. */
export const PALETTE: Uint8Array = Uint8Array.from([
  ...channels(0xffffff),
  ...channels(0x202020),
  ...channels(0xd4d4d4),
  ...channels(0xff00ff),
  ...Array.from({ length: LEVELS }, (_, i) => viridis(i / (LEVELS - 1))).flat(),
]);
