import { GranaryError } from '#core/kernel/index.ts';
import { type Bin, BINS_MAX, OFFSET_BITS_MAX } from './bins.ts';
import type { StartValues } from './start-values.ts';
import { readLeb128, readSignedLeb128, writeLeb128, writeSignedLeb128 } from './leb128.ts';

/**
 * What a value is predicted by: the base, the value before, the line through the two values before, the value `lag`
 * before (a period, or the row above in a grid), or the value before and what that one had over the value `lag` before it
 * (Lorenzo).
 */
export const PREDICTORS = ['none', 'delta', 'delta2', 'period', 'lorenzo'] as const;
export type Predictor = (typeof PREDICTORS)[number];

/** Classes go as they are, or as places in orders that depend on the one or two classes before. */
export const RANKERS = ['none', 'order1', 'order2'] as const;
export type Ranker = (typeof RANKERS)[number];

/** Whether a predictor looks `lag` values back. */
export const isLagged = (predictor: Predictor): boolean => predictor === 'period' || predictor === 'lorenzo';

/** A period of 1 would be `delta`. */
export const LAG_MIN = 2;

/** Longer periods are not looked for; the values before the first take this much memory. */
export const LAG_MAX = 65_536;

/** All that is needed besides the classes to get the values back. */
export interface IntegerHeader extends StartValues {
  readonly predictor: Predictor;
  readonly ranker: Ranker;
  /** By class: 1 to 8. */
  readonly bins: readonly Bin[];
}

/** The metadata of a unit of integers: what the caller put first, then header and offsets. */
export interface IntegerMetadata extends IntegerHeader {
  /** The caller's own bytes. */
  readonly metadata: Uint8Array;
  /** The offsets in the bins, least significant bit first. */
  readonly offsets: Uint8Array;
}

/**
 * | field     | form                   | meaning                                             |
 * | --------- | ---------------------- | --------------------------------------------------- |
 * | length    | leb128                 | bytes of the next field                             |
 * | metadata  | bytes                  | the caller's                                        |
 * | coding    | u8                     | predictor + 16 * ranker, indices of the lists above |
 * | bins      | u8                     | their number, 1 to 8                                |
 * | base      | signed leb128          |                                                     |
 * | slope     | signed leb128          |                                                     |
 * | lag       | leb128                 | only for `period` and `lorenzo`: 2 to `LAG_MAX`     |
 * | each bin  | u8, signed leb128      | bits of its offsets, its least residual             |
 * | offsets   | bytes to the end       | least significant bit first                         |
 */
export const writeIntegerMetadata = (content: IntegerMetadata): Uint8Array[] => [
  Uint8Array.from(writeLeb128(content.metadata.length)),
  content.metadata,
  Uint8Array.from([
    PREDICTORS.indexOf(content.predictor) + 16 * RANKERS.indexOf(content.ranker),
    content.bins.length,
    ...writeSignedLeb128(content.base),
    ...writeSignedLeb128(content.slope),
    ...(isLagged(content.predictor) ? writeLeb128(content.lag) : []),
    ...content.bins.flatMap(({ bits, low }) => [bits, ...writeSignedLeb128(low)]),
  ]),
  content.offsets,
];

const damaged = (what: string): GranaryError =>
  new GranaryError('CODEC_DAMAGED', `The metadata of a unit of integers is damaged: ${what}.`);

/** Errors: `CODEC_DAMAGED`, `CODEC_TRUNCATED`. */
export function readIntegerMetadata(bytes: Uint8Array): IntegerMetadata {
  const length = readLeb128(bytes, 0);
  const end = length.end + length.value;
  const metadata = bytes.subarray(length.end, end);
  const coding = bytes[end];
  const binCount = bytes[end + 1];
  if (coding === undefined || binCount === undefined)
    throw new GranaryError('CODEC_TRUNCATED', 'The metadata of a unit of integers ends early.');
  const predictor = PREDICTORS[coding & 15];
  const ranker = RANKERS[coding >> 4];
  if (!predictor || !ranker) throw damaged('unknown predictor or ranker');
  if (binCount < 1 || binCount > BINS_MAX) throw damaged(`${binCount} bins`);
  const base = readSignedLeb128(bytes, end + 2);
  const slope = readSignedLeb128(bytes, base.end);
  const lag = isLagged(predictor) ? readLeb128(bytes, slope.end) : { value: 0, end: slope.end };
  if (isLagged(predictor) && (lag.value < LAG_MIN || lag.value > LAG_MAX)) throw damaged(`a period of ${lag.value}`);
  let at = lag.end;
  const bins: Bin[] = [];
  for (let i = 0; i < binCount; i++) {
    const bits = bytes[at];
    if (bits === undefined) throw new GranaryError('CODEC_TRUNCATED', 'The bins of a unit of integers end early.');
    if (bits > OFFSET_BITS_MAX) throw damaged(`offsets of ${bits} bits`);
    const low = readSignedLeb128(bytes, at + 1);
    bins.push({ low: low.value, bits });
    at = low.end;
  }
  const start = { base: base.value, slope: slope.value, lag: lag.value };
  return { metadata, predictor, ranker, ...start, bins, offsets: bytes.subarray(at) };
}
