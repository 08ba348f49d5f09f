import {
  encodeIntegerUnit,
  encodePalette,
  estimateIntegers,
  type IntegerDescription,
  type IntegerEstimate,
  type IntegerPlan,
  isLagged,
  packResiduals,
  placeholderUnit,
} from './av1/index.ts';
import { splitBytes } from './byte-split.ts';
import { type ChunkHead, makeSection, type Section, writeChunkMetadata } from './chunk-format.ts';
import { commonDivisor, distancesFrom, fromSmall, quotients, rangeOf } from './int64.ts';
import { byFrequency, findEntries, type IntegerEntries } from './integer-entries.ts';
import { entriesSection, type Method, predictorSection } from './integer-stream.ts';
import { findRuns, runBytes } from './runs.ts';
import { bytesOf } from './words.ts';

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

/** Up to this many values every way is tried on all of them; of more, on as many from the middle. */
const SAMPLE_VALUES = 16_384;
/** Of a long column at most this many ways are tried on all values. */
const LONG_TRIES_MAX = 4;
/** Of a short one all that an estimate does not put this far behind the best. */
const BEHIND_MAX = 1.25;
const BEHIND_BYTES_MAX = 256;
/** What a unit takes besides its integers, roughly: not to be scaled up with the sample. */
const UNIT_BYTES = 60;

/** A table of distinct integers is looked for up to this many, */
const ENTRIES_MAX = 4096;
/** and pays only while each entry is used several times. */
const ENTRY_SHARE_MAX = 1 / 4;
/** Of more values than these the sample is believed when it says that a table pays: it did, and the rest takes as long again. */
const TABLE_TRUSTED_VALUES = 2 ** 17;
/** A table that does not save this part of the bits by an estimate costs time only. */
const ENTRIES_GAIN_MIN = 0.03;

/**
 * What a frame must be larger than packed integers by before a long column is carried as those: frames are shown and tiled.
 * Noise takes a frame 1.4 % more than its bytes; a column may not grow by more than 1 %.
 */
const FRAME_PREFERENCE = 1.01;

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
 * (timestamps in microseconds that only hold whole minutes, prices in steps of 5) is taken out first. Then: a constant,
 * AV1 (residuals of a predictor through bins, or a palette of at most eight symbols), residuals packed into bytes with
 * zstd, the model or neither, each of the integers themselves or of their numbers in a table of the distinct ones. Long runs
 * of equal integers may be carried as one integer each, with their lengths in a section.
 */
export function carryIntegers(
  head: StreamlessHead,
  sections: readonly Section[],
  integers: BigInt64Array,
): CarriedChunk {
  const single = carryEach(head, sections, integers);
  const runs = single.method === 'constant' || integers.length === 0 ? undefined : findRuns(integers);
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
  const estimates = estimateIntegers(values);
  const ways = waysOf(
    { head: { ...shared, base }, packedHead: { ...shared, base: min }, sections, least, top },
    estimates,
  );
  const tables = top < ALPHABET_MAX ? [] : throughEntries(head, sections, values, estimates[0]!, { base, divisor });
  const [table] = tables;
  if (table && streamCount > TABLE_TRUSTED_VALUES) return table;
  const { best, considered } = tryWays(ways, values);
  const notes = { ...(divisor > 1 ? { divisor } : {}), considered };
  return smallest([{ ...best, description: { ...best.description, ...notes } }, ...tables]);
}

/** One way to carry values; undefined where it cannot. */
interface Way {
  readonly name: string;
  /** Bytes as a sample of the predictor's residuals tells; without it the way is tried on a sample itself. */
  readonly estimate?: number;
  carry(values: BigInt64Array): CarriedChunk | undefined;
}

interface Carrier {
  readonly head: ChunkHead;
  /** For distances from the least value. */
  readonly packedHead: ChunkHead;
  readonly sections: readonly Section[];
  readonly least: bigint;
  readonly top: bigint;
}

function waysOf(carrier: Carrier, estimates: readonly IntegerEstimate[]): Way[] {
  const { head, sections } = carrier;
  const ways: Way[] = estimates.map((plan) => ({
    name: `integers ${plan.predictor}`,
    estimate: (plan.bitsPerValue * head.streamCount) / 8 + UNIT_BYTES,
    carry: (values) => throughAv1(writeChunkMetadata(head, sections), values, plan),
  }));
  ways.push({ name: 'packed', carry: (values) => packed(carrier, values) });
  const [first, second] = estimates;
  for (const plan of second ? [first!, second] : [first!]) {
    for (const split of [false, true]) {
      const name = `packed ${plan.predictor}${split ? ' split' : ''}`;
      ways.push({ name, carry: (values) => packedResiduals(head, sections, values, plan, split) });
    }
  }
  if (carrier.top < ALPHABET_MAX) {
    for (const pixels of ['rank', 'raw'] as const) {
      ways.push({ name: `palette ${pixels}`, carry: (values) => palette(carrier, values, pixels) });
    }
  }
  return ways;
}

interface Trial {
  readonly way: Way;
  bytes: number;
  chunk: CarriedChunk | undefined;
}

/** The smallest of the ways on the real values, and what the most promising ones took: a number, or an estimate as text. */
function tryWays(ways: readonly Way[], values: BigInt64Array) {
  const long = values.length > SAMPLE_VALUES;
  const trials = long ? trialsOnSample(ways, values) : trialsOnAll(ways, values);
  // The most promising is carried in earnest, until one that was is ahead of all the others' estimates.
  for (let tries = 0; tries < (long ? LONG_TRIES_MAX : Infinity) || !trials.some(({ chunk }) => chunk); tries++) {
    const next = trials.reduce((best, trial) => (trial.bytes < best.bytes ? trial : best));
    if (next.chunk) break;
    next.chunk = next.way.carry(values);
    next.bytes = (next.chunk?.unit.length ?? Infinity) * (long ? preference(next.way) : 1);
  }
  const carried = trials.filter(({ chunk }) => chunk);
  const best = carried.reduce((least, trial) => (trial.bytes < least.bytes ? trial : least)).chunk!;
  const told = trials.filter(({ bytes }) => bytes < Infinity).sort((a, b) => a.bytes - b.bytes);
  const considered = told
    .slice(0, CONSIDERED_MAX)
    .flatMap(({ way, bytes, chunk }) => [way.name, chunk ? chunk.unit.length : `~${Math.round(bytes)}`]);
  return { best, considered };
}

function trialsOnSample(ways: readonly Way[], values: BigInt64Array): Trial[] {
  const sample = middleOf(values);
  return ways.map((way) => {
    const part = way.estimate === undefined ? way.carry(sample)?.unit.length : undefined;
    const scaled = part === undefined ? Infinity : UNIT_BYTES + ((part - UNIT_BYTES) * values.length) / SAMPLE_VALUES;
    return { way, bytes: (way.estimate ?? scaled) * preference(way), chunk: undefined };
  });
}

const preference = ({ name }: Way): number => (name.startsWith('packed') ? FRAME_PREFERENCE : 1);

/** All ways but those that an estimate puts far behind. */
function trialsOnAll(ways: readonly Way[], values: BigInt64Array): Trial[] {
  const leastEstimate = Math.min(...ways.map(({ estimate = Infinity }) => estimate));
  return ways.map((way) => {
    const behind = way.estimate !== undefined && way.estimate > leastEstimate * BEHIND_MAX + BEHIND_BYTES_MAX;
    const chunk = behind ? undefined : way.carry(values);
    return { way, bytes: chunk?.unit.length ?? way.estimate ?? Infinity, chunk };
  });
}

/** Ways that are told of. */
const CONSIDERED_MAX = 4;

function throughAv1(metadata: Uint8Array, values: BigInt64Array, plan: IntegerPlan): CarriedChunk | undefined {
  const coded = encodeIntegerUnit(values, { ...plan, metadata });
  return coded && { unit: coded.unit, method: 'integers', description: describe(coded.description) };
}

/** The integer codec's choices as compact JSON: bins as pairs of least residual and offset bits, in order of frequency. */
function describe({ predictor, lag, ranker, bins }: IntegerDescription): object {
  const pairs = bins.map(({ low, bits }) => [Number.isSafeInteger(Number(low)) ? Number(low) : low.toString(), bits]);
  return { predictor, ...(lag > 0 ? { lag } : {}), ...(ranker === 'none' ? {} : { ranker }), bins: pairs };
}

/** Distances from the least value are packed when they fit into 32 bits; wider integers keep all of their 64. */
const PACKED_MAX = 1n << 32n;
const packedWidth = (top: bigint): number => (top < 1n << 8n ? 1 : top < 1n << 16n ? 2 : 4);

/** Streams are what scans read most: longer ones must not wait for the model. */
const MODELLED_VALUES_MAX = 2 ** 16;

function packed({ head, packedHead, sections, least, top }: Carrier, values: BigInt64Array): CarriedChunk {
  if (top >= PACKED_MAX) return packedBytes(head, sections, bytesOf(values), 8, {});
  const width = packedWidth(top);
  return packedBytes(packedHead, sections, bytesOf(distancesFrom(values, least, width)), width, {});
}

/** @param width of each number, for the model */
function packedBytes(
  head: ChunkHead,
  sections: readonly Section[],
  bytes: Uint8Array,
  width: number,
  notes: object,
): CarriedChunk {
  const section = makeSection('stream', bytes, head.streamCount <= MODELLED_VALUES_MAX ? { width } : undefined);
  const unit = placeholderUnit(writeChunkMetadata(head, [...sections, section]));
  return { unit, method: methodOf([section]), description: notes };
}

function packedResiduals(
  head: ChunkHead,
  sections: readonly Section[],
  values: BigInt64Array,
  plan: IntegerPlan,
  split: boolean,
): CarriedChunk | undefined {
  const residuals = packResiduals(values, plan);
  if (!residuals || (split && residuals.width === 1)) return undefined;
  const { predictor, lag, bytes, width } = residuals;
  const notes = { predictor, ...(lag > 0 ? { lag } : {}), ...(split ? { split } : {}) };
  const stream = split ? splitBytes(bytes, width) : bytes;
  const own = [...sections, predictorSection(residuals, split)];
  return packedBytes(head, own, stream, split ? 1 : width, notes);
}

function palette(
  { packedHead, sections, least, top }: Carrier,
  values: BigInt64Array,
  pixels: 'rank' | 'raw',
): CarriedChunk {
  const alphabet = Number(top) + 1;
  const metadata = writeChunkMetadata(packedHead, sections);
  const symbols = distancesFrom(values, least, 1) as Uint8Array;
  return {
    unit: encodePalette(symbols, { alphabet, mapping: pixels, metadata }),
    method: 'palette',
    description: { alphabet, pixels },
  };
}

/** How a table of distinct integers may be ordered: by value, so that neighbours stay near, or by frequency. */
const TABLE_ORDERS = [(table: IntegerEntries) => table, byFrequency];

/** The values as numbers in a table of the distinct ones; none where that does not promise a gain. */
function throughEntries(
  head: StreamlessHead,
  sections: readonly Section[],
  values: BigInt64Array,
  direct: IntegerEstimate,
  { base, divisor }: { base: bigint; divisor: number },
): CarriedChunk[] {
  const orders = values.length > SAMPLE_VALUES ? promisingOrders(middleOf(values), direct) : TABLE_ORDERS;
  const ascending = orders.length > 0 ? findEntries(values, entriesMax(values.length)) : undefined;
  if (!ascending) return [];
  return orders.map((order) => {
    const { entries, numbers } = order(ascending);
    const table = entriesSection(entries.map((entry) => base + BigInt(divisor) * entry));
    const own = { ...head, streamCount: values.length, base: 0n, divisor: 1 };
    const carrier = {
      head: own,
      packedHead: own,
      sections: [...sections, table],
      least: 0n,
      top: BigInt(entries.length - 1),
    };
    const integers = fromSmall(numbers);
    // A period of the values is one of their numbers as well.
    const estimates = estimateIntegers(integers, values.length <= SAMPLE_VALUES || isLagged(direct.predictor));
    const { best, considered } = tryWays(waysOf(carrier, estimates), integers);
    return { ...best, description: { ...best.description, entries: entries.length, considered } };
  });
}

const entriesMax = (count: number): number => Math.min(ENTRIES_MAX, Math.max(2, Math.floor(count * ENTRY_SHARE_MAX)));

/** The order that a sample finds cheapest, when it promises a gain. */
function promisingOrders(sample: BigInt64Array, direct: IntegerEstimate) {
  const table = findEntries(sample, entriesMax(sample.length));
  if (!table) return [];
  const bitsOf = (order: (typeof TABLE_ORDERS)[number]) =>
    estimateIntegers(fromSmall(order(table).numbers), isLagged(direct.predictor))[0]!.bitsPerValue;
  const estimates = TABLE_ORDERS.map((order) => ({ order, bits: bitsOf(order) }));
  const { order, bits } = estimates.reduce((least, other) => (other.bits < least.bits ? other : least));
  return bits < direct.bitsPerValue * (1 - ENTRIES_GAIN_MIN) ? [order] : [];
}

const middleOf = (values: BigInt64Array): BigInt64Array => {
  const from = (values.length - SAMPLE_VALUES) >> 1;
  return values.subarray(from, from + SAMPLE_VALUES);
};
