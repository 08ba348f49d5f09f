import { GranaryError } from '#core/kernel/index.ts';
import { ByteReader, ByteWriter } from './byte-io.ts';
import { decodeBytes, encodeBytes, MODELLED_BYTES_MAX, type Records } from './byte-model.ts';
import { checkExpansion, expansionMax } from './expansion.ts';
import { ROW_GROUP_ROWS_MAX, SECTION_BYTES_MAX } from './limits.ts';
import { zstd } from './zstd.ts';

/**
 * The metadata of a chunk's temporal unit. Grammar (numbers are LEB128, `signed` is zigzag LEB128):
 *
 *     metadata   = mapping:byte rowCount nullCount streamCount base:signed divisor parameterCount parameter* section*
 *     section    = kind:byte coding:byte storedByteCount [rawByteCount when coding > 0] [records when coding = 2] bytes
 *
 * Written down in docs/formats/webm-columnar-v1.md, section 5; the numbers below are part of the format.
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

/** Records in the format: their width, or this and the byte that ends them. */
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

export function writeChunkMetadata(head: ChunkHead, sections: readonly Section[]): Uint8Array {
  const writer = new ByteWriter()
    .byte(MAPPINGS.indexOf(head.mapping))
    .number(head.rowCount)
    .number(head.nullCount)
    .number(head.streamCount)
    .signed(head.base)
    .number(head.divisor)
    .number(head.parameters.length);
  for (const parameter of head.parameters) writer.number(parameter);
  for (const { kind, stored, rawByteCount, records } of sections) {
    writer
      .byte(SECTION_KINDS[kind])
      .byte(records ? CODING_MODEL : rawByteCount === undefined ? CODING_RAW : CODING_ZSTD)
      .number(stored.length);
    if (rawByteCount !== undefined) writer.number(rawByteCount);
    if (records) writer.number('width' in records ? records.width : TERMINATED + records.terminator);
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
  const mapping = MAPPINGS[reader.byte()];
  if (!mapping) throw invalid('A chunk has an unknown mapping.');
  const rowCount = reader.number();
  const nullCount = reader.number();
  const streamCount = reader.number();
  if (rowCount > ROW_GROUP_ROWS_MAX || nullCount > rowCount || streamCount > rowCount) {
    throw invalid('A chunk has impossible row counts.');
  }
  const base = reader.signed();
  const divisor = reader.number();
  const parameterCount = reader.number();
  if (parameterCount > PARAMETERS_MAX) throw invalid('A chunk has too many parameters.');
  const parameters = Array.from({ length: parameterCount }, () => reader.number());
  const sections = readSections(reader, expandedBytesMax);
  return {
    head: { mapping, rowCount, nullCount, streamCount, base, divisor, parameters },
    section(kind) {
      const found = sections.get(SECTION_KINDS[kind]);
      if (!found || found.rawByteCount === undefined) return found?.stored;
      if (found.records) return decodeBytes(found.stored, found.rawByteCount, found.records);
      return zstd().decompress(found.stored, found.rawByteCount);
    },
  };
}

function readSections(reader: ByteReader, expandedBytesMax: number | undefined): Map<number, Omit<Section, 'kind'>> {
  const sections = new Map<number, Omit<Section, 'kind'>>();
  while (!reader.done) {
    const kind = reader.byte();
    const coding = reader.byte();
    const storedByteCount = reader.number();
    if (coding > CODING_MODEL) throw invalid('A section of a chunk has an unknown coding.');
    const rawByteCount = coding === CODING_RAW ? undefined : reader.number();
    if ((rawByteCount ?? 0) > (coding === CODING_MODEL ? MODELLED_BYTES_MAX : SECTION_BYTES_MAX)) {
      throw invalid('A section of a chunk is too large.');
    }
    checkExpansion(rawByteCount ?? 0, expansionMax(storedByteCount, expandedBytesMax));
    const records = coding === CODING_MODEL ? { records: recordsOf(reader.number()) } : {};
    if (!KNOWN_KINDS.has(kind)) throw invalid('A section of a chunk is of an unknown kind.');
    if (sections.has(kind)) throw invalid('A chunk has two sections of one kind.');
    sections.set(kind, { stored: reader.bytes(storedByteCount), rawByteCount, ...records });
  }
  return sections;
}

function recordsOf(number: number): Records {
  if (number === 0 || number >= 2 * TERMINATED) throw invalid('A section of a chunk has impossible records.');
  return number < TERMINATED ? { width: number } : { terminator: number - TERMINATED };
}
