import { readMetadata } from '#core/columnar/av1/index.ts';
import { readIntegerMetadata, writeIntegerMetadata } from '#core/columnar/av1/integer-header.ts';
import { metadataObus } from '#core/columnar/av1/metadata.ts';
import { OBU_FRAME, OBU_METADATA, OBU_SEQUENCE_HEADER, type Obu, obuHeader, readObus } from '#core/columnar/av1/obu.ts';
import { ByteReader, ByteWriter } from '#core/columnar/byte-io.ts';
import { decodeBytes } from '#core/columnar/byte-model.ts';
import { zstd } from '#core/columnar/zstd.ts';
import { concatBytes } from '#core/kernel/index.ts';
import { type Dice, otherInteger, otherNumber } from './dice.ts';
import { mutateBytes } from './mutate-bytes.ts';

/** The metadata of a chunk as it is written, section 5 of the specification, whatever its numbers mean. */
interface MetadataParts {
  /** The form that leaves out what goes without saying. */
  isShort: boolean;
  mapping: number;
  /** rowCount, nullCount, streamCount. */
  counts: number[];
  base: bigint;
  divisor: number;
  parameters: number[];
  sections: { kind: number; coding: number; stored: Uint8Array; rawByteCount: number; records: number }[];
}

export function takeMetadataApart(bytes: Uint8Array): MetadataParts {
  const reader = new ByteReader(bytes);
  const first = reader.byte();
  const isShort = first >= 128;
  const head = isShort ? readShortHead(reader, (first - 128) >> 4) : readLongHead(reader);
  const sections: MetadataParts['sections'] = [];
  while (!reader.done) {
    const place = reader.byte();
    const [kind, coding] = isShort ? [place & 15, (place >> 4) & 3] : [place, reader.byte()];
    const isLast = isShort && (place & 64) > 0;
    const storedByteCount = isLast ? undefined : reader.number();
    const rawByteCount = coding > 0 ? reader.number() : 0;
    const coded = coding === 2 ? reader.number() : 2;
    const records = !isShort ? coded : coded % 2 ? 256 + (coded >> 1) : coded >> 1;
    const stored = reader.bytes(storedByteCount ?? reader.byteCountLeft);
    sections.push({ kind, coding, stored, rawByteCount, records });
  }
  return { isShort, mapping: isShort ? first & 15 : first, ...head, sections };
}

type Head = Pick<MetadataParts, 'counts' | 'base' | 'divisor' | 'parameters'>;

function readLongHead(reader: ByteReader): Head {
  const counts = [reader.number(), reader.number(), reader.number()];
  const [base, divisor] = [reader.signed(), reader.number()];
  return { counts, base, divisor, parameters: Array.from({ length: reader.number() }, () => reader.number()) };
}

function readShortHead(reader: ByteReader, parameterCount: number): Head {
  const forms = reader.byte();
  const rowCount = reader.number();
  const nullCount = forms & 1 ? reader.number() : 0;
  const streamCount = forms & 4 ? reader.number() : forms & 2 ? 0 : rowCount - nullCount;
  const base = forms & 8 ? reader.signed() : 0n;
  const divisor = forms & 32 ? reader.number() : forms & 16 ? 0 : 1;
  const parameters = Array.from({ length: parameterCount }, () => reader.number());
  return { counts: [rowCount, nullCount, streamCount], base, divisor, parameters };
}

/** All forms of a number that are written out. */
const EVERY_FORM = 1 + 4 + 8 + 32;

export function writeMetadata({
  isShort,
  mapping,
  counts,
  base,
  divisor,
  parameters,
  sections,
}: MetadataParts): Uint8Array {
  const writer = new ByteWriter();
  const own = isShort ? parameters.slice(0, 7) : parameters;
  if (isShort) writer.byte(128 | (own.length << 4) | (mapping & 15)).byte(EVERY_FORM);
  else writer.byte(mapping % 128);
  for (const count of counts) writer.number(count);
  writer.signed(base).number(divisor);
  if (!isShort) writer.number(own.length);
  for (const parameter of own) writer.number(parameter);
  for (const [index, { kind, coding, stored, rawByteCount, records }] of sections.entries()) {
    const isLast = isShort && index === sections.length - 1;
    if (isShort) writer.byte((kind & 15) | (coding << 4) | (isLast ? 64 : 0));
    else writer.byte(kind).byte(coding);
    if (!isLast) writer.number(stored.length);
    if (coding > 0) writer.number(rawByteCount);
    if (coding === 2) writer.number(!isShort ? records : records < 256 ? 2 * records : 2 * (records - 256) + 1);
    writer.bytes(stored);
  }
  return writer.finish();
}

/** The chunk's metadata with one part changed, every length around it right. */
export function mutateMetadata(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const parts = takeMetadataApart(bytes);
  const { counts, parameters, sections } = parts;
  switch (dice.below(sections.length > 0 ? 9 : 5)) {
    case 0:
      parts.mapping = dice.below(10);
      break;
    case 1: {
      const at = dice.below(3);
      counts[at] = otherNumber(dice, counts[at]!);
      break;
    }
    case 2:
      parts.base = otherInteger(dice, parts.base);
      break;
    case 3:
      parts.divisor = otherNumber(dice, parts.divisor);
      break;
    case 4: {
      const at = dice.below(parameters.length + 1);
      parameters[at] = otherNumber(dice, parameters[at] ?? 0);
      break;
    }
    default:
      mutateSection(dice, sections, others);
  }
  return writeMetadata(parts);
}

function mutateSection(dice: Dice, sections: MetadataParts['sections'], others: readonly Uint8Array[]): void {
  const at = dice.below(sections.length);
  const section = sections[at]!;
  switch (dice.below(9)) {
    case 0:
      section.kind = dice.below(16);
      return;
    case 1:
      section.coding = dice.below(4);
      return;
    case 2:
      section.rawByteCount = otherNumber(dice, section.rawByteCount);
      return;
    case 3:
      sections.splice(at, 1);
      return;
    case 4:
      sections.push({ ...section, kind: dice.below(16) });
      return;
    case 5:
      section.stored = mutateBytes(dice, section.stored, others);
      return;
    case 6:
      section.records = otherNumber(dice, section.records);
      return;
    default: {
      // Behind zstd and the model: the content changes, its coding is right.
      const raw = expanded(section);
      const changed = dice.chance(0.7) ? mutateWord(dice, raw) : mutateBytes(dice, raw, others);
      section.rawByteCount = changed.length;
      section.stored = section.coding === 1 ? zstd().compress(changed) : changed;
      if (section.coding === 2) section.coding = 0;
    }
  }
}

function expanded({ coding, stored, rawByteCount, records }: MetadataParts['sections'][number]): Uint8Array {
  if (coding === 0) return stored;
  if (coding === 1) return zstd().decompress(stored, rawByteCount);
  return decodeBytes(stored, rawByteCount, records < 256 ? { width: records } : { terminator: records - 256 });
}

/** One aligned word of 1, 2, 4 or 8 bytes set to an edge: offsets, indices and lengths in sections of the format. */
function mutateWord(dice: Dice, bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  const width = dice.pick([1, 2, 4, 8]);
  if (result.length < width) return result;
  const at = dice.below(Math.floor(result.length / width)) * width;
  let value = BigInt.asUintN(64, otherInteger(dice, BigInt(dice.below(1000))));
  for (let i = 0; i < width; i++, value >>= 8n) result[at + i] = Number(value & 255n);
  return result;
}

/** The header of a unit of integers with one field changed. */
function mutateIntegerHeader(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const content = readIntegerMetadata(bytes);
  const start = bytes.length - content.offsets.length;
  if (dice.chance(0.3))
    return concatBytes(writeIntegerMetadata({ ...content, offsets: mutateBytes(dice, content.offsets, others) }));
  const bin = dice.below(content.bins.length);
  const bins = content.bins.map((old, i) =>
    i === bin ? { bits: dice.chance(0.5) ? dice.below(66) : old.bits, low: otherInteger(dice, old.low) } : old,
  );
  switch (dice.below(6)) {
    case 0:
      return concatBytes(writeIntegerMetadata({ ...content, bins }));
    case 1:
      return concatBytes(writeIntegerMetadata({ ...content, bins: bins.slice(0, bin + 1) }));
    case 2:
      return concatBytes(writeIntegerMetadata({ ...content, base: otherInteger(dice, content.base) }));
    case 3:
      return concatBytes(
        writeIntegerMetadata({
          ...content,
          predictor: dice.pick(['none', 'delta', 'delta2'] as const),
          ranker: dice.pick(['none', 'order1', 'order2'] as const),
        }),
      );
    default:
      return concatBytes([mutateBytes(dice, bytes.subarray(0, start), others), content.offsets]);
  }
}

const written = ({ type, payload }: Obu): Uint8Array[] => [obuHeader(type, payload.length), payload];

/** The unit's OBUs with other bytes for the metadata. */
export function withMetadata(unit: Uint8Array, metadata: Uint8Array): Uint8Array {
  const obus = [...readObus(unit)].filter(({ type }) => type !== OBU_METADATA);
  return concatBytes(
    obus.flatMap((obu) => [...(obu.type === OBU_FRAME ? metadataObus(metadata) : []), ...written(obu)]),
  );
}

/** A temporal unit with one part changed and the lengths around it right; rarely with a wrong length, too. */
export function mutateUnit(dice: Dice, unit: Uint8Array, integers: boolean, others: readonly Uint8Array[]): Uint8Array {
  const kind = dice.below(10);
  if (kind < 6) {
    const metadata = readMetadata(unit);
    if (!integers) return withMetadata(unit, mutateMetadata(dice, metadata, others));
    if (kind < 3) return withMetadata(unit, mutateIntegerHeader(dice, metadata, others));
    const content = readIntegerMetadata(metadata);
    const own = mutateMetadata(dice, content.metadata, others);
    return withMetadata(unit, concatBytes(writeIntegerMetadata({ ...content, metadata: own })));
  }
  const obus = [...readObus(unit)];
  const at = dice.below(obus.length);
  const obu = obus[at]!;
  switch (kind) {
    case 6:
    case 7: {
      const frame = obus.findIndex(({ type }) => type === (dice.chance(0.8) ? OBU_FRAME : OBU_SEQUENCE_HEADER));
      const target = obus[Math.max(frame, 0)]!;
      obus[Math.max(frame, 0)] = { ...target, payload: mutateBytes(dice, target.payload, others) };
      break;
    }
    case 8: {
      const foreign = [...readObus(dice.pick(others))].find(({ type }) => type === obu.type);
      obus[at] = foreign ?? obu;
      break;
    }
    default:
      if (dice.chance(0.3)) obus.splice(at, 1);
      else if (dice.chance(0.5))
        obus.splice(dice.below(obus.length), 0, { ...obu, type: dice.pick([1, 2, 3, 4, 5, 6, 15]) });
      else {
        const parts = obus.flatMap(written);
        parts[2 * at] = obuHeader(obu.type, Math.min(otherNumber(dice, obu.payload.length), 2 ** 40));
        return concatBytes(parts);
      }
  }
  return concatBytes(obus.flatMap(written));
}
