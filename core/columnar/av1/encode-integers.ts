import { type Bin, chooseBins, type ChosenBin } from './bins.ts';
import { align, type Codec, HEAP, useCodec } from './codec-instance.ts';
import { estimateIntegers } from './estimate-integers.ts';
import { BLOCK_SYMBOLS, columnFrame, tileGrid } from './frame-shape.ts';
import {
  type IntegerHeader,
  OFFSET_BITS_MAX,
  type Predictor,
  PREDICTORS,
  type Ranker,
  RANKERS,
  writeIntegerMetadata,
} from './integer-header.ts';
import { readExtremes, writeBins, writeClasses } from './integer-layout.ts';
import { ALPHABET_MIN, defaultColours } from './palette.ts';
import { encodeTilesAt, encodeTilesBytes, SLACK_BYTES } from './tile-coding.ts';
import { type StartValues, startValues, writeStart } from './start-values.ts';
import { writeUnit } from './unit.ts';

export interface IntegerHints {
  /** Chosen by a sample when left out. */
  readonly predictor?: Predictor;
  /** Chosen by a sample when left out. */
  readonly ranker?: Ranker;
  /** Bytes of the caller's own that travel in the same unit, in front of ours. */
  readonly metadata?: Uint8Array;
}

/** How a column was coded, for people and tools. */
export interface IntegerDescription {
  readonly predictor: Predictor;
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

function workspace(capacity: number): Workspace {
  // Two values that come before the first lie in front of the values.
  const values = HEAP + 64;
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
  const predictor = hints.predictor ?? estimateIntegers(values)[0]!.predictor;
  const codec = useCodec();
  const { exports } = codec;
  const at = workspace(frame.capacity);
  const memory = codec.reserve(at.end + encodeTilesBytes(grid.tiles));

  const count = values.length;
  const start = startValues(values, predictor);
  const countUp = Math.ceil(count / 16) * 16;
  copyIn(memory, values, predictor, start, countUp, at.values);
  const predictorCode = PREDICTORS.indexOf(predictor);
  const wide = !exports.predict32(at.values, at.residuals, countUp, predictorCode, start.base);
  if (wide) exports.predict64(at.values, at.residuals, count, predictorCode, start.base);
  const { bins } = chooseBins(
    sampleResiduals(memory, at.residuals, count, wide),
    { ...readExtremes(memory, wide), complete: count <= BIN_SAMPLE_VALUES },
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
      ranker,
      bins: byClass,
      classBytes: tiles.reduce((sum, tile) => sum + tile.length, 0),
      offsetBytes,
    },
  };
}

/**
 * The values with two in front for the predictors, and more behind up to whole vectors, whose residuals are like the
 * first one: they must not stretch the bins.
 */
function copyIn(
  memory: Uint8Array,
  values: BigInt64Array,
  predictor: Predictor,
  start: StartValues,
  countUp: number,
  at: number,
): void {
  const copy = new BigInt64Array(memory.buffer, at - 16, countUp + 2);
  writeStart(copy, start);
  copy.set(values, 2);
  const last = values.length + 1;
  const step = predictor === 'delta2' ? copy[last]! - copy[last - 1]! : start.slope;
  for (let i = last + 1; i < copy.length; i++) copy[i] = copy[i - 1]! + step;
}

function sampleResiduals(memory: Uint8Array, at: number, count: number, wide: boolean): Int32Array | BigInt64Array {
  const sampleCount = Math.min(count, BIN_SAMPLE_VALUES);
  const index = (i: number) => Math.floor((i * count) / sampleCount);
  if (wide) {
    const residuals = new BigInt64Array(memory.buffer, at, count);
    return BigInt64Array.from({ length: sampleCount }, (_, i) => residuals[index(i)]!);
  }
  const residuals = new Int32Array(memory.buffer, at, count);
  const sample = new Int32Array(sampleCount);
  for (let i = 0; i < sampleCount; i++) sample[i] = residuals[index(i)]!;
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
