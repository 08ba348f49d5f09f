import { GranaryError } from '#core/kernel/index.ts';
import {
  decodeIntegerUnit,
  decodePalette,
  encodeIntegerUnit,
  encodePalette,
  type IntegerDescription,
  placeholderUnit,
  readMetadata,
} from './av1/index.ts';
import {
  makeSection,
  readChunkMetadata,
  writeChunkMetadata,
  type ChunkHead,
  type ChunkMetadata,
  type Section,
} from './chunk-format.ts';
import type { CarriedIntegers } from './carried-integers.ts';
import type { DecodeMemory } from './decode-memory.ts';
import { commonDivisor, distancesFrom, quotients, rangeOf } from './int64.ts';
import { findRuns, joinRuns, runBytes } from './runs.ts';
import { bytesOf, viewAs } from './words.ts';

/** How the bits of a chunk travel inside its AV1 temporal unit. */
export const METHODS = ['constant', 'plain', 'zstd', 'palette', 'integers', 'model'] as const;
export type Method = (typeof METHODS)[number];

/** A temporal unit and how it was made; `description` is for people and tools, not for the decoder. */
export interface CarriedChunk {
  readonly unit: Uint8Array;
  readonly method: Method;
  readonly description: object;
}

/** What a chunk has to say besides its integers. */
export type StreamlessHead = Pick<ChunkHead, 'mapping' | 'rowCount' | 'nullCount' | 'parameters'>;

/** A palette frame has at most this many colours. */
const ALPHABET_MAX = 8;
const PIXEL_MAPPINGS = ['rank', 'raw'] as const;
export type PixelMapping = (typeof PIXEL_MAPPINGS)[number];

/** The smallest of several candidates; the first of equals. */
export const smallest = <T extends { readonly unit: Uint8Array }>(candidates: readonly T[]): T =>
  candidates.reduce((best, candidate) => (candidate.unit.length < best.unit.length ? candidate : best));

/** A chunk without integers: its sections say everything. */
export function carrySections(head: StreamlessHead, sections: readonly Section[]): CarriedChunk {
  const metadata = writeChunkMetadata({ ...head, streamCount: 0, base: 0n, divisor: 0 }, sections);
  return { unit: placeholderUnit(metadata), method: methodOf(sections), description: {} };
}

/** What the sections went through. */
function methodOf(sections: readonly Section[]): Method {
  if (sections.length === 0) return 'constant';
  if (sections.some(({ records }) => records)) return 'model';
  return sections.some(({ rawByteCount }) => rawByteCount !== undefined) ? 'zstd' : 'plain';
}

/**
 * Puts integers into a temporal unit in the way that makes it smallest. A divisor that all distances have in common
 * (timestamps in microseconds that only hold whole minutes, prices in steps of 5) is taken out first. Then: a constant, AV1 (through bins, or
 * as a palette of at most eight symbols), packed bytes with zstd or the model, or packed bytes as they are. Long runs of
 * equal integers may be carried as one integer each, with their lengths in a section.
 */
export function carryIntegers(
  head: StreamlessHead,
  sections: readonly Section[],
  integers: BigInt64Array,
): CarriedChunk {
  const single = carryEach(head, sections, integers);
  const runs = single.method === 'constant' ? undefined : findRuns(integers);
  if (!runs) return single;
  const lengths = makeSection('runs', runBytes(runs), { width: runs.extra.BYTES_PER_ELEMENT });
  const joined = carryEach(head, [...sections, lengths], runs.values);
  return smallest([single, { ...joined, description: { ...joined.description, runs: runs.values.length } }]);
}

function carryEach(head: StreamlessHead, sections: readonly Section[], integers: BigInt64Array): CarriedChunk {
  const streamCount = integers.length;
  if (streamCount === 0) return carrySections(head, sections);
  const { min, max } = rangeOf(integers);
  if (min === max) {
    const metadata = writeChunkMetadata({ ...head, streamCount, base: min, divisor: 0 }, sections);
    return { unit: placeholderUnit(metadata), method: 'constant', description: {} };
  }
  const divisor = max - min <= BigInt(Number.MAX_SAFE_INTEGER) ? commonDivisor(integers) : 1;
  // Taking out a divisor takes out the least value as well: what is left starts at 0.
  const values = divisor === 1 ? integers : quotients(integers, min, divisor);
  const base = divisor === 1 ? 0n : min;
  const least = divisor === 1 ? min : 0n;
  const top = (max - min) / BigInt(divisor);
  const shared = { ...head, streamCount, divisor };
  const notes = divisor > 1 ? { divisor } : {};
  const metadata = writeChunkMetadata({ ...shared, base }, sections);
  const candidates: CarriedChunk[] = [];
  const coded = encodeIntegerUnit(values, { metadata });
  if (coded)
    candidates.push({
      unit: coded.unit,
      method: 'integers',
      description: { ...describe(coded.description), ...notes },
    });
  if (top < PACKED_MAX) {
    const own = { ...shared, base: min };
    const distances = distancesFrom(values, least, packedWidth(top));
    candidates.push(packed(own, sections, distances, notes));
    if (top < ALPHABET_MAX) candidates.push(...palettes(own, sections, distances as Uint8Array, Number(top), notes));
  } else {
    candidates.push(packed({ ...shared, base }, sections, values, notes));
  }
  return smallest(candidates);
}

/** The integer codec's choices as compact JSON: bins as pairs of least residual and offset bits, in order of frequency. */
function describe({ predictor, ranker, bins }: IntegerDescription): object {
  const pairs = bins.map(({ low, bits }) => [Number.isSafeInteger(Number(low)) ? Number(low) : low.toString(), bits]);
  return { predictor, ...(ranker === 'none' ? {} : { ranker }), bins: pairs };
}

/** Distances from the least value are packed when they fit into 32 bits; wider integers keep all of their 64. */
const PACKED_MAX = 1n << 32n;
/** Streams are what scans read most: longer ones must not wait for the model. */
const MODELLED_VALUES_MAX = 2 ** 16;
const packedWidth = (top: bigint): number => (top < 1n << 8n ? 1 : top < 1n << 16n ? 2 : 4);

function packed(
  head: ChunkHead,
  sections: readonly Section[],
  values: Uint8Array | Uint16Array | Uint32Array | BigInt64Array,
  notes: object,
): CarriedChunk {
  const records = values.length <= MODELLED_VALUES_MAX ? { width: values.BYTES_PER_ELEMENT } : undefined;
  const section = makeSection('stream', bytesOf(values), records);
  const unit = placeholderUnit(writeChunkMetadata(head, [...sections, section]));
  return { unit, method: methodOf([section]), description: notes };
}

function palettes(
  head: ChunkHead,
  sections: readonly Section[],
  symbols: Uint8Array,
  top: number,
  notes: object,
): CarriedChunk[] {
  const alphabet = top + 1;
  const metadata = writeChunkMetadata(head, sections);
  return PIXEL_MAPPINGS.map((pixels) => ({
    unit: encodePalette(symbols, { alphabet, mapping: pixels, metadata }),
    method: 'palette',
    description: { alphabet, pixels, ...notes },
  }));
}

export interface ChunkIntegers {
  readonly metadata: ChunkMetadata;
  readonly integers: CarriedIntegers;
}

export interface IntegersOptions {
  readonly method: Method;
  readonly pixels?: PixelMapping | undefined;
  /** How many runs the integers come in, if they do. */
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
  if (!(Number.isInteger(runs) && runs > 0 && runs <= valueCount))
    throw new GranaryError('FORMAT_INVALID', 'A chunk has more runs than rows.');
  const { metadata, integers } = readEach(unit, options, runs, memory);
  const values = joinRuns(integers.values, metadata.section('runs') ?? new Uint8Array(0), valueCount, memory);
  if (!values) throw new GranaryError('FORMAT_INVALID', 'The runs of a chunk do not add up to its rows.');
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
    throw new GranaryError('FORMAT_INVALID', 'A chunk holds another number of integers than rows.');
  }
  if (divisor === 0) return { metadata, integers: { values: new Uint8Array(streamCount), base, divisor } };
  if (coded) return { metadata, integers: { values: coded.values, base, divisor } };
  if (method === 'palette') {
    const { symbols } = decodePalette(unit, { symbolCount: valueCount, mapping: pixels });
    return { metadata, integers: { values: symbols, base, divisor } };
  }
  const section = metadata.section('stream') ?? new Uint8Array(0);
  const type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigInt64Array }[section.length / valueCount];
  if (!type) throw new GranaryError('FORMAT_INVALID', 'A chunk holds another number of integers.');
  return { metadata, integers: { values: viewAs(section, type as typeof Uint8Array), base, divisor } };
}
