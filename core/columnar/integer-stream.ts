import { GranaryError } from '#core/kernel/index.ts';
import {
  decodeIntegerUnit,
  decodePalette,
  isLagged,
  LAG_MAX,
  LAG_MIN,
  type PackedResiduals,
  PREDICTORS,
  readMetadata,
  restoreResiduals,
} from './av1/index.ts';
import { joinBytes } from './byte-split.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import { type ChunkMetadata, makeSection, readChunkMetadata, type Section } from './chunk-format.ts';
import { type CarriedIntegers, toInt64 } from './carried-integers.ts';
import type { DecodeMemory } from './decode-memory.ts';
import { wordsOf } from './int64.ts';
import { INTEGER_ENTRIES_MAX } from './limits.ts';
import { joinRuns } from './runs.ts';
import { viewAs } from './words.ts';

/** How the bits of a chunk travel inside its AV1 temporal unit. */
export const METHODS = ['constant', 'plain', 'zstd', 'palette', 'integers', 'model'] as const;
export type Method = (typeof METHODS)[number];

export type PixelMapping = 'rank' | 'raw';

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

export interface ChunkIntegers {
  readonly metadata: ChunkMetadata;
  readonly integers: CarriedIntegers;
}

export interface IntegersOptions {
  readonly method: Method;
  readonly pixels?: PixelMapping | undefined;
  /** How many runs there are, when the integers come in runs. */
  readonly runs?: number | undefined;
  /** The most bytes that one section may expand to, if less than what the format allows. */
  readonly expandedBytesMax?: number | undefined;
}

/**
 * The integers of a chunk and its metadata. Errors: `FORMAT_INVALID`, `LIMIT_EXCEEDED` and those of the AV1 codec.
 *
 * @param valueCount the rows of the chunk that are not null
 */
export function readIntegers(
  unit: Uint8Array,
  options: IntegersOptions,
  valueCount: number,
  memory: DecodeMemory,
): ChunkIntegers {
  const { runs } = options;
  if (runs === undefined) return readEach(unit, options, valueCount, memory);
  if (!(Number.isInteger(runs) && runs > 0 && runs <= valueCount)) throw invalid('A chunk has more runs than rows.');
  const { metadata, integers } = readEach(unit, options, runs, memory);
  const values = joinRuns(integers.values, metadata.section('runs') ?? new Uint8Array(0), valueCount, memory);
  if (!values) throw invalid('The runs of a chunk do not add up to its rows.');
  return { metadata, integers: { ...integers, values } };
}

function readEach(
  unit: Uint8Array,
  { method, pixels = 'rank', expandedBytesMax }: IntegersOptions,
  valueCount: number,
  memory: DecodeMemory,
): ChunkIntegers {
  const into = method === 'integers' ? viewAs(memory.bytes(valueCount * 8), BigInt64Array) : undefined;
  const coded = into && decodeIntegerUnit(unit, valueCount, { into });
  const metadata = readChunkMetadata(coded ? coded.metadata : readMetadata(unit), expandedBytesMax);
  const { streamCount, base, divisor } = metadata.head;
  if (streamCount !== 0 && streamCount !== valueCount) {
    throw invalid('A chunk holds another number of integers than rows.');
  }
  if (divisor === 0) return { metadata, integers: { values: new Uint8Array(streamCount), base, divisor } };
  const palette = method === 'palette' ? decodePalette(unit, { symbolCount: valueCount, mapping: pixels }) : undefined;
  const carried = { values: coded?.values ?? palette?.symbols ?? unpack(metadata), base, divisor };
  const entries = metadata.section('integerEntries');
  if (!entries) return { metadata, integers: carried };
  const picked = pick(readEntries(entries), toInt64(carried, memory), memory);
  return { metadata, integers: { values: picked, base: 0n, divisor: 1 } };
}

/** The carried integers of a section: as they are, or as residuals of a predictor. */
function unpack({ head, section }: ChunkMetadata): CarriedIntegers['values'] {
  const stream = section('stream') ?? new Uint8Array(0);
  const width = stream.length / head.streamCount;
  const predictor = section('predictor');
  const type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigInt64Array }[width];
  if (!predictor && type) return viewAs(stream, type as typeof Uint8Array);
  if (!predictor || ![1, 2, 3, 4].includes(width)) throw invalid('A chunk holds another number of integers.');
  const { split, ...start } = readPredictor(predictor);
  return restoreResiduals({ ...start, width, bytes: split ? joinBytes(stream, width) : stream }, head.streamCount);
}

const SPLIT = 16;

/** Section `predictor`: what is needed besides the packed residuals; `split` when all their first bytes come first. */
export function predictorSection(packed: PackedResiduals, split: boolean): Section {
  const { predictor, lag, base, slope, low } = packed;
  const writer = new ByteWriter().byte(PREDICTORS.indexOf(predictor) + (split ? SPLIT : 0));
  return makeSection('predictor', writer.number(lag).signed(base).signed(slope).signed(low).finish());
}

function readPredictor(bytes: Uint8Array) {
  const reader = new ByteReader(bytes);
  const coding = reader.byte();
  const predictor = PREDICTORS[coding % SPLIT];
  const lag = reader.number();
  const lagged = predictor && isLagged(predictor);
  if (!predictor || coding >= 2 * SPLIT || (lagged ? lag < LAG_MIN || lag > LAG_MAX : lag !== 0)) {
    throw invalid('A chunk has an unknown predictor.');
  }
  const [base, slope, low] = [reader.signed(), reader.signed(), reader.signed()];
  if (!reader.done) throw invalid('The predictor of a chunk is too long.');
  return { predictor, lag, base, slope, low, split: coding >= SPLIT };
}

/** Section `integerEntries`: the distinct integers that the carried ones are numbers of, each as what it adds to the last. */
export function entriesSection(entries: BigInt64Array): Section {
  const writer = new ByteWriter();
  entries.forEach((entry, i) => writer.signed(BigInt.asIntN(64, entry - (entries[i - 1] ?? 0n))));
  return makeSection('integerEntries', writer.finish());
}

function readEntries(bytes: Uint8Array): BigInt64Array {
  const reader = new ByteReader(bytes);
  const entries: bigint[] = [];
  for (let entry = 0n; !reader.done;) {
    if (entries.length === INTEGER_ENTRIES_MAX) throw invalid('A chunk has too many distinct integers.');
    entries.push((entry = BigInt.asIntN(64, entry + reader.signed())));
  }
  return BigInt64Array.from(entries);
}

function pick(entries: BigInt64Array, numbers: BigInt64Array, memory: DecodeMemory): BigInt64Array {
  const from = wordsOf(entries);
  const words = wordsOf(numbers);
  const picked = viewAs(memory.bytes(numbers.length * 8), BigInt64Array);
  const to = wordsOf(picked);
  for (let i = 0; i < to.length; i += 2) {
    const number = words[i]!;
    if (words[i + 1] !== 0 || number < 0 || number >= entries.length)
      throw invalid('A number of a chunk has no entry.');
    to[i] = from[2 * number]!;
    to[i + 1] = from[2 * number + 1]!;
  }
  return picked;
}
