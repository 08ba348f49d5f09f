import { DataType } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import type { DictionaryValues, StoredColumn } from './arrow-data.ts';
import { countBits } from './bitmap.ts';
import { ByteReader } from './byte-io.ts';
import type { ChunkMetadata } from './chunk-format.ts';
import { fixedWidth, type ColumnValues } from './column-values.ts';
import { decimalBytes } from './decimals.ts';
import { joinBytes } from './byte-split.ts';
import { readIntegers } from './integer-stream.ts';
import { integerBytes } from './integer-values.ts';
import { wordsOf } from './int64.ts';
import { nestedFromIpc } from './nested.ts';
import type { ChunkEncoding } from './segment-header.ts';
import type { TextValues } from './text.ts';
import { bytesOf, viewAs } from './words.ts';

/** A column read from its unit, and the buffers its checksum is computed over. */
export interface DecodedColumn {
  readonly column: StoredColumn;
  readonly parts: readonly Uint8Array[];
}

const invalid = (message: string) => new GranaryError('FORMAT_INVALID', message);

/**
 * Reads a temporal unit. Errors: `FORMAT_INVALID`, `UNSUPPORTED` (no zstd in this realm), those of the AV1 codec.
 *
 * @param rowCount of the row group; the unit must agree
 * @param nullCount of the chunk as the header tells it; the unit must agree
 */
export function decodeColumn(
  type: DataType,
  unit: Uint8Array,
  encoding: { readonly method: ChunkEncoding['method']; readonly pixels?: unknown },
  rowCount: number,
  nullCount: number,
): DecodedColumn {
  const pixels = encoding.pixels === 'raw' ? 'raw' : 'rank';
  const { metadata, integers } = readIntegers(unit, { method: encoding.method, pixels }, rowCount - nullCount);
  const { head } = metadata;
  if (head.rowCount !== rowCount || head.nullCount !== nullCount) throw invalid('A chunk disagrees with its header.');
  const validity = readValidity(metadata);
  const values = readValues(type, metadata, integers);
  const column: StoredColumn = { rowCount, nullCount, validity, values };
  return { column, parts: checksumParts(column, metadata) };
}

function readValidity({ head, section }: ChunkMetadata): Uint8Array | undefined {
  if (head.nullCount === 0 || head.nullCount === head.rowCount) return undefined;
  const validity = section('validity');
  const spare = head.rowCount & 7;
  if (
    validity?.length !== (head.rowCount + 7) >> 3 ||
    (spare > 0 && validity.at(-1)! >> spare !== 0) ||
    countBits(validity) !== head.rowCount - head.nullCount
  ) {
    throw invalid('The validity of a chunk does not fit its rows.');
  }
  return validity;
}

function readValues(type: DataType, metadata: ChunkMetadata, integers: BigInt64Array): StoredColumn['values'] {
  const { head, section } = metadata;
  const valueCount = head.rowCount - head.nullCount;
  switch (head.mapping) {
    case 'none':
      if (valueCount > 0) throw invalid('A chunk holds no values.');
      return { kind: 'none' };
    case 'integer': {
      const width = fixedWidth(type);
      if (!width || integers.length !== valueCount) throw invalid('A chunk holds no integers of its type.');
      return { kind: 'fixed', width, bytes: integerBytes(integers, width) };
    }
    case 'decimal':
      return readDecimals(type, metadata, integers);
    case 'bytes': {
      const [width, split] = head.parameters;
      const bytes = section('bytes') ?? new Uint8Array(0);
      if (width === undefined || width !== fixedWidth(type) || bytes.length !== width * valueCount) {
        throw invalid('A chunk holds another number of bytes than its rows need.');
      }
      return { kind: 'fixed', width, bytes: split === 1 ? joinBytes(bytes, width) : bytes };
    }
    case 'dictionary':
      return readDictionary(metadata, integers);
    case 'text':
      return readText(section('bytes') ?? new Uint8Array(0), integers, valueCount);
    case 'arrow':
      return { kind: 'nested', data: nestedFromIpc(section('bytes') ?? new Uint8Array(0), type, head.rowCount) };
  }
}

function readDecimals(
  type: DataType,
  { head, section }: ChunkMetadata,
  integers: BigInt64Array,
): ColumnValues['values'] {
  const width = fixedWidth(type);
  const [digits] = head.parameters;
  const exceptionIndices = viewAs(section('exceptionIndices') ?? new Uint8Array(0), Uint32Array);
  const exceptionBytes = section('exceptionBytes') ?? new Uint8Array(0);
  const bytes =
    (width === 4 || width === 8) && digits !== undefined && integers.length === head.rowCount - head.nullCount
      ? decimalBytes({ digits, integers, exceptionIndices, exceptionBytes }, width)
      : undefined;
  if (!width || !bytes) throw invalid('A chunk holds no decimals of its type.');
  return { kind: 'fixed', width, bytes };
}

/** Offsets from lengths. The lengths must add up to the bytes. */
function textOf(lengths: Int32Array, bytes: Uint8Array): TextValues {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i]!;
    end += length;
    if (length < 0 || end > bytes.length) throw invalid('The lengths of a chunk of text do not fit its bytes.');
    offsets[i + 1] = end;
  }
  if (end !== bytes.length) throw invalid('The lengths of a chunk of text do not fit its bytes.');
  return { kind: 'text', offsets, bytes };
}

function readText(bytes: Uint8Array, integers: BigInt64Array, valueCount: number): TextValues {
  if (integers.length !== valueCount) throw invalid('A chunk of text holds another number of lengths than values.');
  return textOf(viewAs(integerBytes(integers, 4), Int32Array), bytes);
}

function readDictionary({ head, section }: ChunkMetadata, integers: BigInt64Array): DictionaryValues {
  const entryCount = head.parameters[0] ?? 0;
  const valueCount = head.rowCount - head.nullCount;
  if (entryCount > valueCount || integers.length !== valueCount) throw invalid('A dictionary has impossible counts.');
  const reader = new ByteReader(section('entryLengths') ?? new Uint8Array(0));
  const lengths = new Int32Array(entryCount);
  for (let i = 0; i < entryCount; i++) lengths[i] = reader.number();
  const entries = textOf(lengths, section('entryBytes') ?? new Uint8Array(0));
  const ranks = readEntryOrder(section('entryOrder'), entryCount);
  const codes = new Int32Array(valueCount);
  const words = wordsOf(integers);
  for (let i = 0; i < valueCount; i++) {
    const code = words[2 * i]!;
    if (code < 0 || code >= entryCount || words[2 * i + 1] !== 0) throw invalid('A code of a chunk has no entry.');
    codes[i] = ranks[code]!;
  }
  return { kind: 'dictionary', codes, entries };
}

/** The entry that each stored code stands for; codes are entries themselves when no order is stored. */
function readEntryOrder(order: Uint8Array | undefined, entryCount: number): Int32Array {
  if (!order) return Int32Array.from({ length: entryCount }, (_, code) => code);
  const ranks = Int32Array.from(entryCount <= 256 ? order : viewAs(order, Uint16Array));
  if (ranks.length !== entryCount || ranks.some((rank) => rank >= entryCount)) {
    throw invalid('The order of a dictionary does not fit its entries.');
  }
  return ranks;
}

/** The buffers of a column in the order of the checksum; see docs/formats/webm-columnar-v1.md, section 6. */
export function checksumParts(column: StoredColumn, metadata?: ChunkMetadata): Uint8Array[] {
  const counts = bytesOf(Uint32Array.of(column.rowCount, column.nullCount));
  const parts = [counts, column.validity ?? new Uint8Array(0)];
  const { values } = column;
  switch (values.kind) {
    case 'none':
      return parts;
    case 'fixed':
      return [...parts, values.bytes];
    case 'text':
      return [...parts, bytesOf(values.offsets), values.bytes];
    case 'dictionary':
      return [...parts, bytesOf(values.codes), bytesOf(values.entries.offsets), values.entries.bytes];
    case 'nested':
      return [...parts, metadata?.section('bytes') ?? new Uint8Array(0)];
  }
}
