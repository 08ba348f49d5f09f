import { type Bin, chooseBins, type ChosenBin, OFFSET_BITS_MAX } from './bins.ts';
import { align, type Codec, HEAP, useCodec } from './codec-instance.ts';
import { estimateIntegers, type IntegerPlan } from './estimate-integers.ts';
import { BLOCK_SYMBOLS, columnFrame, tileGrid } from './frame-shape.ts';
import {
  type IntegerHeader,
  isLagged,
  LAG_MIN,
  type Predictor,
  PREDICTORS,
  type Ranker,
  RANKERS,
  writeIntegerMetadata,
} from './integer-header.ts';
import { type Extremes, readExtremes, writeBins, writeClasses } from './integer-layout.ts';
import { ALPHABET_MIN, defaultColours } from './palette.ts';
import { encodeTilesAt, encodeTilesBytes, SLACK_BYTES } from './tile-coding.ts';
import { type StartValues, startValues, valuesBefore, writeStart } from './start-values.ts';
import { writeUnit } from './unit.ts';

export interface IntegerHints {
  /** Chosen by a sample when left out. */
  readonly predictor?: Predictor;
  /** For `period` and `lorenzo`: how many values they look back, 2 (when left out) to `LAG_MAX`. */
  readonly lag?: number;
  /** Chosen by a sample when left out. */
  readonly ranker?: Ranker;
  /** Bytes of the caller's own that travel in the same unit, in front of ours. */
  readonly metadata?: Uint8Array;
}

/** How a column was coded, for people and tools. */
export interface IntegerDescription {
  readonly predictor: Predictor;
  /** 0 without a period. */
  readonly lag: number;
  readonly ranker: Ranker;
  readonly bins: readonly Bin[];
  /** The AV1 tiles' bytes, which hold the classes. */
  readonly classBytes: number;
  readonly offsetBytes: number;
}

export interface IntegerUnit {
  readonly unit: Uint8Array;
  readonly description: IntegerDescription;
}

/** Residuals that the bins are chosen from. */
const BIN_SAMPLE_VALUES = 4096;
/** Possible cuts between bins. */
const BIN_QUANTILES = 80;
/** Classes that the ranker is chosen by. */
const RANKER_SAMPLE_CLASSES = 16_384;
/** A ranker costs time on both sides; a smaller gain than this part of the size is not worth it. */
const RANKER_GAIN_MIN = 0.007;

/** Where a column's parts lie in the module's memory while it is encoded. */
interface Workspace {
  readonly values: number;
  readonly residuals: number;
  readonly classes: number;
  readonly ranks: number;
  readonly offsets: number;
  readonly end: number;
}

function workspace(capacity: number, lag: number): Workspace {
  // The values that come before the first lie in front of the values.
  const values = HEAP + align(valuesBefore(lag) * 8);
  const residuals = values + align(capacity * 8 + SLACK_BYTES);
  const classes = residuals + align(capacity * 8 + SLACK_BYTES);
  const ranks = classes + align(capacity + SLACK_BYTES);
  const offsets = ranks + align(capacity + SLACK_BYTES);
  return { values, residuals, classes, ranks, offsets, end: offsets + align(capacity * 8 + SLACK_BYTES) };
}

/**
 * One temporal unit with a column of 64-bit integers: residuals of a predictor, sorted into at most eight bins, whose
 * numbers (by falling frequency) are the frame's symbols, with offsets, header and the caller's bytes as metadata.
 * Arithmetic wraps around, so any values come back exactly. Returns undefined when a bin would need more than 57 offset
 * bits: such values are better stored as they are. Errors: `INPUT_INVALID` for no values, `LIMIT_EXCEEDED`.
 */
export function encodeIntegerUnit(values: BigInt64Array, hints: IntegerHints = {}): IntegerUnit | undefined {
  const frame = columnFrame(values.length);
  const grid = tileGrid(frame, { columnsLog2: 0, rowsLog2: frame.rowsLog2 });
  const { predictor, lag } = planOf(hints) ?? estimateIntegers(values)[0]!;
  const codec = useCodec();
  const { exports } = codec;
  const at = workspace(frame.capacity, lag);
  const memory = codec.reserve(at.end + encodeTilesBytes(grid.tiles));

  const count = values.length;
  const start = startValues(values, predictor, lag);
  const countUp = Math.ceil(count / 16) * 16;
  copyIn(memory, values, predictor, start, countUp, at.values);
  const predictorCode = PREDICTORS.indexOf(predictor);
  const wide = !exports.predict32(at.values, at.residuals, countUp, predictorCode, start.base, lag * 8);
  if (wide) exports.predict64(at.values, at.residuals, count, predictorCode, start.base, lag * 8);
  const extremes = readExtremes(memory, wide);
  const { bins } = chooseBins(
    sampleResiduals(memory, at.residuals, count, wide, extremes),
    { ...extremes, complete: count <= BIN_SAMPLE_VALUES },
    BIN_QUANTILES,
  );
  if (bins.some(({ bits }) => bits > OFFSET_BITS_MAX)) return undefined;
  const byClass = numberBins(memory, wide, bins);

  if (wide) exports.classify64(at.residuals, at.classes, count);
  else exports.classify32(at.residuals, at.classes, countUp);
  const pack = wide ? exports.packOffsets64 : exports.packOffsets32;
  const offsetBytes = pack(at.residuals, at.classes, count, at.offsets);
  memory.fill(0, at.classes + count, at.classes + frame.capacity + SLACK_BYTES);
  const ranker = hints.ranker ?? chooseRanker(codec, memory, at, count, (offsetBytes * 8) / count);
  if (ranker !== 'none') exports.rankClasses(at.classes, at.ranks, frame.capacity, RANKERS.indexOf(ranker));

  const alphabet = Math.max(ALPHABET_MIN, bins.length);
  const tiles = encodeTilesAt(codec, {
    tiles: grid.tiles,
    symbolsAt: ranker === 'none' ? at.classes : at.ranks,
    at: at.end,
    mapping: 'rank',
    colours: defaultColours(alphabet),
  })!;
  const header: IntegerHeader = { predictor, ranker, ...start, bins: byClass };
  const metadata = writeIntegerMetadata({
    ...header,
    metadata: hints.metadata ?? new Uint8Array(),
    offsets: memory.subarray(at.offsets, at.offsets + offsetBytes),
  });
  return {
    unit: writeUnit(frame, grid, tiles, metadata),
    description: {
      predictor,
      lag: start.lag,
      ranker,
      bins: byClass,
      classBytes: tiles.reduce((sum, tile) => sum + tile.length, 0),
      offsetBytes,
    },
  };
}

function planOf({ predictor, lag = LAG_MIN }: IntegerHints): IntegerPlan | undefined {
  return predictor && { predictor, lag: isLagged(predictor) ? lag : 0 };
}

/**
 * The values with those in front that the predictors need, and more behind up to whole vectors, whose residuals are like
 * others: they must not stretch the bins.
 */
function copyIn(
  memory: Uint8Array,
  values: BigInt64Array,
  predictor: Predictor,
  start: StartValues,
  countUp: number,
  at: number,
): void {
  const before = valuesBefore(start.lag);
  const copy = new BigInt64Array(memory.buffer, at - before * 8, countUp + before);
  writeStart(copy, start);
  copy.set(values, before);
  const end = before + values.length;
  if (isLagged(predictor)) {
    for (let i = end; i < copy.length; i++) {
      const row = copy[i - start.lag]!;
      copy[i] = predictor === 'period' ? row : copy[i - 1]! + row - copy[i - start.lag - 1]!;
    }
    return;
  }
  const step = predictor === 'delta2' ? copy[end - 1]! - copy[end - 2]! : start.slope;
  for (let i = end; i < copy.length; i++) copy[i] = copy[i - 1]! + step;
}

/** Residuals spread evenly; of a long column with its extremes, which must not stretch the bins of the others. */
function sampleResiduals(
  memory: Uint8Array,
  at: number,
  count: number,
  wide: boolean,
  { smallest, largest }: Extremes,
): Int32Array | BigInt64Array {
  const sampleCount = Math.min(count, BIN_SAMPLE_VALUES);
  const index = (i: number) => Math.floor((i * count) / sampleCount);
  if (wide) {
    const residuals = new BigInt64Array(memory.buffer, at, count);
    const sample = BigInt64Array.from({ length: sampleCount }, (_, i) => residuals[index(i)]!);
    if (sampleCount < count) sample.set([smallest, largest]);
    return sample;
  }
  const residuals = new Int32Array(memory.buffer, at, count);
  const sample = new Int32Array(sampleCount);
  for (let i = 0; i < sampleCount; i++) sample[i] = residuals[index(i)]!;
  if (sampleCount < count) sample.set([Number(smallest), Number(largest)]);
  return sample;
}

/** Numbers the bins by falling frequency and writes the tables. Returns the bins by class. */
function numberBins(memory: Uint8Array, wide: boolean, bins: readonly ChosenBin[]): Bin[] {
  const order = bins.map((_, i) => i).sort((i, j) => bins[j]!.count - bins[i]!.count);
  const classOfBin: number[] = [];
  order.forEach((bin, number) => {
    classOfBin[bin] = number;
  });
  const highs = bins.map(({ high }) => high);
  const byClass = order.map((bin) => ({ low: bins[bin]!.low, bits: bins[bin]!.bits }));
  writeBins(memory, wide, highs, classOfBin);
  writeClasses(memory, byClass);
  return byClass;
}

/** Bits per symbol of an order-0 coder. */
function entropy(symbols: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (let i = 0; i < symbols.length; i++) counts[symbols[i]!]!++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / symbols.length);
  return bits / symbols.length;
}

/** The ranker that makes a stretch of the classes cheapest, if it gains enough on the whole size. */
function chooseRanker(codec: Codec, memory: Uint8Array, at: Workspace, count: number, offsetBits: number): Ranker {
  if (count < BLOCK_SYMBOLS) return 'none';
  const sampleCount = Math.min(count - (count % 4), RANKER_SAMPLE_CLASSES);
  const start = at.classes + ((count - sampleCount) >> 1);
  const plain = entropy(memory.subarray(start, start + sampleCount));
  codec.exports.rankClasses(start, at.ranks, sampleCount, RANKERS.indexOf('order2'));
  const ranked = entropy(memory.subarray(at.ranks, at.ranks + sampleCount));
  return plain - ranked > RANKER_GAIN_MIN * (plain + offsetBits) ? 'order2' : 'none';
}
