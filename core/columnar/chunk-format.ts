import { GranaryError } from '#core/kernel/index.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import { decodeBytes, encodeBytes, MODELLED_BYTES_MAX, type Records } from './byte-model.ts';
import { checkExpansion, expansionMax } from './expansion.ts';
import { ROW_GROUP_ROWS_MAX, SECTION_BYTES_MAX } from './limits.ts';
import { zstd } from './zstd.ts';

/**
 * The metadata of a chunk's temporal unit. Grammar (numbers are LEB128, `signed` is zigzag LEB128):
 *
 *     metadata   = (128 + 16 * parameterCount + mapping):byte forms:byte rowCount [nullCount] [streamCount]
 *                  [base:signed] [divisor] parameter* section*
 *     section    = (kind + 16 * coding + 64 when last):byte [storedByteCount unless last]
 *                  [rawByteCount when coding > 0] [records when coding = 2] bytes
 *
 * `forms` says which of the numbers in brackets are there. Small chunks are mostly this, so that every byte counts. Early
 * writers left out nothing; that form has no 128 in its first byte. Written down in docs/formats/webm-columnar-v1.md,
 * section 5; the numbers below are part of the format.
 */

/** How integers or bytes become values; the index is the number in the format. */
export const MAPPINGS = ['none', 'integer', 'decimal', 'bytes', 'dictionary', 'text', 'arrow', 'numerals'] as const;
export type Mapping = (typeof MAPPINGS)[number];

export const SECTION_KINDS = {
  validity: 1,
  stream: 2,
  bytes: 3,
  entryLengths: 4,
  entryBytes: 5,
  entryOrder: 6,
  exceptionIndices: 7,
  exceptionBytes: 8,
  predictor: 9,
  integerEntries: 10,
  pattern: 11,
  runs: 12,
  grid: 13,
  shared: 14,
} as const;
export type SectionKind = keyof typeof SECTION_KINDS;
const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(SECTION_KINDS));

const CODING_RAW = 0;
const CODING_ZSTD = 1;
const CODING_MODEL = 2;

/** A zstd frame costs about a dozen bytes itself: shorter sections do not gain. */
const COMPRESSED_SECTION_BYTES_MIN = 48;
/** The model needs some bytes to learn from. */
const MODELLED_SECTION_BYTES_MIN = 8;

/** What Parquet's writers use; text, of which a scan seldom reads much, may take longer (20 MB a second). */
const LEVEL = 3;
const LEVEL_OF_TEXT = 9;

/** More than any byte, and than any width of records. */
const TERMINATED = 256;

/** In the place of a terminator where every byte stands for itself. */
export const NO_TERMINATOR = 256;

/** More parameters than any mapping has. */
const PARAMETERS_MAX = 16;

export interface ChunkHead {
  readonly mapping: Mapping;
  readonly rowCount: number;
  readonly nullCount: number;
  /** How many integers the stream carries. */
  readonly streamCount: number;
  /** Integer i is `base + divisor * carried[i]`; with divisor 0 nothing is carried and all are `base`. */
  readonly base: bigint;
  readonly divisor: number;
  /** What the mapping needs besides; see each mapping. */
  readonly parameters: readonly number[];
}

/** A piece of the metadata, compressed already where that is smaller. */
export interface Section {
  readonly kind: SectionKind;
  readonly stored: Uint8Array;
  /** Bytes after expanding; undefined when stored as they are. */
  readonly rawByteCount: number | undefined;
  /** Of bytes that went through the model. */
  readonly records?: Records;
}

/**
 * A section with its bytes as they are, through zstd where readers accept it, or through the model when their records are
 * told.
 */
export function makeSection(kind: SectionKind, bytes: Uint8Array, records?: Records): Section {
  const level = records && 'terminator' in records ? LEVEL_OF_TEXT : LEVEL;
  let section: Section = { kind, stored: bytes, rawByteCount: undefined };
  if (bytes.length >= COMPRESSED_SECTION_BYTES_MIN) {
    const stored = zstd().compress(bytes, level);
    if (stored.length < bytes.length && bytes.length <= expansionMax(stored.length))
      section = { kind, stored, rawByteCount: bytes.length };
  }
  if (records && bytes.length >= MODELLED_SECTION_BYTES_MIN && bytes.length <= MODELLED_BYTES_MAX) {
    const stored = encodeBytes(bytes, records);
    if (stored.length + 2 < section.stored.length) section = { kind, stored, rawByteCount: bytes.length, records };
  }
  return section;
}

/** Added to the number of the mapping, and to the count of parameters above it. */
const SHORT = 128;
const MAPPING_MASK = 15;
const PARAMETERS_SHIFT = 4;
/** Bits of `forms`. */
const HAS_NULLS = 1;
/** The stream is empty, or its count is given; else it has an integer for each value. */
const NO_STREAM = 2;
const HAS_STREAM_COUNT = 4;
const HAS_BASE = 8;
/** The divisor is 0, or given; else it is 1. */
const DIVISOR_0 = 16;
const HAS_DIVISOR = 32;
const FORMS_MAX = 63;

/** Added to kind and coding of the section that ends where the metadata end. */
const LAST = 64;
const CODING_SHIFT = 4;
const KIND_MASK = 15;

export function writeChunkMetadata(head: ChunkHead, sections: readonly Section[]): Uint8Array {
  const { mapping, rowCount, nullCount, streamCount, base, divisor, parameters } = head;
  const isWhole = streamCount === rowCount - nullCount;
  const forms =
    (nullCount > 0 ? HAS_NULLS : 0) |
    (isWhole ? 0 : streamCount === 0 ? NO_STREAM : HAS_STREAM_COUNT) |
    (base !== 0n ? HAS_BASE : 0) |
    (divisor === 1 ? 0 : divisor === 0 ? DIVISOR_0 : HAS_DIVISOR);
  const writer = new ByteWriter()
    .byte(SHORT | (parameters.length << PARAMETERS_SHIFT) | MAPPINGS.indexOf(mapping))
    .byte(forms)
    .number(rowCount);
  if (forms & HAS_NULLS) writer.number(nullCount);
  if (forms & HAS_STREAM_COUNT) writer.number(streamCount);
  if (forms & HAS_BASE) writer.signed(base);
  if (forms & HAS_DIVISOR) writer.number(divisor);
  for (const parameter of parameters) writer.number(parameter);
  for (const [index, { kind, stored, rawByteCount, records }] of sections.entries()) {
    const coding = records ? CODING_MODEL : rawByteCount === undefined ? CODING_RAW : CODING_ZSTD;
    const isLast = index === sections.length - 1;
    writer.byte(SECTION_KINDS[kind] | (coding << CODING_SHIFT) | (isLast ? LAST : 0));
    if (!isLast) writer.number(stored.length);
    if (rawByteCount !== undefined) writer.number(rawByteCount);
    if (records) writer.number('width' in records ? 2 * records.width : 2 * records.terminator + 1);
    writer.bytes(stored);
  }
  return writer.finish();
}

export interface ChunkMetadata {
  readonly head: ChunkHead;
  /** The bytes of a section, expanded; undefined when the chunk has none of this kind. */
  section(kind: SectionKind): Uint8Array | undefined;
}

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

/**
 * Reads what {@link writeChunkMetadata} wrote. Errors: `FORMAT_INVALID`, `LIMIT_EXCEEDED`.
 *
 * @param expandedBytesMax the most that one section may expand to, if less than what the format allows
 */
export function readChunkMetadata(bytes: Uint8Array, expandedBytesMax?: number): ChunkMetadata {
  const reader = new ByteReader(bytes);
  const first = reader.byte();
  const isShort = first >= SHORT;
  const mapping = MAPPINGS[isShort ? first & MAPPING_MASK : first];
  if (!mapping) throw invalid('A chunk has an unknown mapping.');
  const head = isShort ? readShortHead(reader, (first - SHORT) >> PARAMETERS_SHIFT) : readLongHead(reader);
  const { rowCount, nullCount, streamCount } = head;
  if (rowCount > ROW_GROUP_ROWS_MAX || nullCount > rowCount || streamCount > rowCount) {
    throw invalid('A chunk has impossible row counts.');
  }
  const sections = readSections(reader, isShort, expandedBytesMax);
  return {
    head: { mapping, ...head },
    section(kind) {
      const found = sections.get(SECTION_KINDS[kind]);
      if (!found || found.rawByteCount === undefined) return found?.stored;
      if (found.records) return decodeBytes(found.stored, found.rawByteCount, found.records);
      return zstd().decompress(found.stored, found.rawByteCount);
    },
  };
}

type Numbers = Omit<ChunkHead, 'mapping'>;

function readShortHead(reader: ByteReader, parameterCount: number): Numbers {
  const forms = reader.byte();
  const isTwice = (one: number, other: number) => (forms & one) !== 0 && (forms & other) !== 0;
  if (forms > FORMS_MAX || isTwice(NO_STREAM, HAS_STREAM_COUNT) || isTwice(DIVISOR_0, HAS_DIVISOR))
    throw invalid('A chunk has unknown forms.');
  const rowCount = reader.number();
  const nullCount = forms & HAS_NULLS ? reader.number() : 0;
  const streamCount = forms & NO_STREAM ? 0 : forms & HAS_STREAM_COUNT ? reader.number() : rowCount - nullCount;
  const base = forms & HAS_BASE ? reader.signed() : 0n;
  const divisor = forms & DIVISOR_0 ? 0 : forms & HAS_DIVISOR ? reader.number() : 1;
  return { rowCount, nullCount, streamCount, base, divisor, parameters: readParameters(reader, parameterCount) };
}

function readLongHead(reader: ByteReader): Numbers {
  const [rowCount, nullCount, streamCount] = [reader.number(), reader.number(), reader.number()];
  const [base, divisor] = [reader.signed(), reader.number()];
  return { rowCount, nullCount, streamCount, base, divisor, parameters: readParameters(reader, reader.number()) };
}

function readParameters(reader: ByteReader, count: number): number[] {
  if (count > PARAMETERS_MAX) throw invalid('A chunk has too many parameters.');
  return Array.from({ length: count }, () => reader.number());
}

interface SectionPlace {
  readonly kind: number;
  readonly coding: number;
  /** Undefined for the last one. */
  readonly storedByteCount: number | undefined;
}

function readPlace(reader: ByteReader, isShort: boolean): SectionPlace {
  const first = reader.byte();
  if (!isShort) return { kind: first, coding: reader.byte(), storedByteCount: reader.number() };
  const storedByteCount = first & LAST ? undefined : reader.number();
  return { kind: first & KIND_MASK, coding: (first & ~LAST) >> CODING_SHIFT, storedByteCount };
}

function readSections(
  reader: ByteReader,
  isShort: boolean,
  expandedBytesMax: number | undefined,
): Map<number, Omit<Section, 'kind'>> {
  const sections = new Map<number, Omit<Section, 'kind'>>();
  while (!reader.done) {
    const { kind, coding, storedByteCount } = readPlace(reader, isShort);
    if (coding > CODING_MODEL) throw invalid('A section of a chunk has an unknown coding.');
    const rawByteCount = coding === CODING_RAW ? undefined : reader.number();
    if ((rawByteCount ?? 0) > (coding === CODING_MODEL ? MODELLED_BYTES_MAX : SECTION_BYTES_MAX)) {
      throw invalid('A section of a chunk is too large.');
    }
    const records = coding === CODING_MODEL ? { records: recordsOf(reader.number(), isShort) } : {};
    const stored = reader.bytes(storedByteCount ?? reader.byteCountLeft);
    checkExpansion(rawByteCount ?? 0, expansionMax(stored.length, expandedBytesMax));
    if (!KNOWN_KINDS.has(kind)) throw invalid('A section of a chunk is of an unknown kind.');
    if (sections.has(kind)) throw invalid('A chunk has two sections of one kind.');
    sections.set(kind, { stored, rawByteCount, ...records });
  }
  return sections;
}

/** Early writers put terminators behind all widths. */
function recordsOf(number: number, isShort: boolean): Records {
  const [isWidth, value] = isShort
    ? [number % 2 === 0, Math.floor(number / 2)]
    : [number < TERMINATED, number < TERMINATED ? number : number - TERMINATED];
  if (value >= TERMINATED || (isWidth && value === 0)) throw invalid('A section of a chunk has impossible records.');
  return isWidth ? { width: value } : { terminator: value };
}
