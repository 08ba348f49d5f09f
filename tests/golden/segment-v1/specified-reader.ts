/**
 * A reader of segments written from docs/formats/webm-columnar-v1.md alone, as slow and plain as it may be. It shares
 * nothing with the product: frames are decoded by a standard AV1 decoder, sections by Node's zstd, nested columns by
 * Apache Arrow. Section numbers in comments are those of the specification.
 */
import { zstdDecompressSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { decodeByStandard } from '#core/columnar/testing/standard-av1-decoder.ts';
import { decodeSpecified } from './specified-model.ts';

interface Element {
  readonly id: number;
  readonly at: number;
  readonly data: Buffer;
}

/** EBML elements of known size, one after another. */
function elements(bytes: Buffer, base = 0): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const idBytes = Math.clz32(bytes[at]!) - 23;
    const sizeAt = at + idBytes;
    const width = Math.clz32(bytes[sizeAt]!) - 23;
    let size = BigInt(bytes[sizeAt]! & (0xff >> width));
    for (let i = 1; i < width; i++) size = (size << 8n) | BigInt(bytes[sizeAt + i]!);
    const start = sizeAt + width;
    const end = start + Number(size);
    found.push({ id: bytes.readUIntBE(at, idBytes), at: base + at, data: bytes.subarray(start, end) });
    at = end;
  }
  return found;
}

/** The least a reader reads: LEB128 and bytes. */
class Numbers {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  byte = (): number => this.bytes[this.at++]!;

  big(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  }

  count = (): number => Number(this.big());

  zigzag(): bigint {
    const value = this.big();
    return value & 1n ? -(value >> 1n) - 1n : value >> 1n;
  }

  take(count: number): Buffer {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

type Json = { name: string; bits?: number; unit?: string; byteWidth?: number; value?: Json };

/** Section 3: bytes of a value, booleans as one byte. */
function widthOf({ name, bits, unit, byteWidth }: Json): number {
  if (name === 'bool') return 1;
  if (bits !== undefined) return bits / 8;
  if (name === 'date') return unit === 'day' ? 4 : 8;
  if (name === 'time') return unit === 's' || unit === 'ms' ? 4 : 8;
  if (name === 'interval') return { 'year-month': 4, 'day-time': 8, 'month-day-nano': 16 }[unit!]!;
  return name === 'fixedSizeBinary' ? byteWidth! : 8;
}

/** Section 4: the payloads of our metadata OBUs, joined. */
function metadataBytes(unit: Buffer): Buffer {
  const parts: Buffer[] = [];
  const reader = new Numbers(unit);
  while (reader.at < unit.length) {
    const type = (reader.byte() >> 3) & 15;
    const payload = reader.take(reader.count());
    if (type === 5 && payload[0] === 25) parts.push(payload.subarray(1, -1));
  }
  return Buffer.concat(parts);
}

/** Section 4.1: the symbols of a frame; padding included. */
async function symbolsOf(unit: Buffer, alphabet: number, pixels: string, n: number): Promise<number[]> {
  const { width, height, luma } = await decodeByStandard(unit);
  const b = Math.ceil(n / 4096);
  const rows = b >= 4 ? 4 : 1;
  let wide = 16;
  const highAt = () => rows * Math.ceil(b / (rows * wide));
  while (wide > 1 && (wide > highAt() || wide * highAt() - b > b / 16)) wide /= 2;
  if (width !== wide * 64 || height !== highAt() * 64) throw new Error(`a frame of ${width} x ${height} for ${n} symbols`);
  const colours = Array.from({ length: alphabet }, (_, k) => Math.round(16 + (219 * k) / (alphabet - 1)));
  const symbols: number[] = [];
  for (let top = 0; top < height; top += 64)
    for (let left = 0; left < width; left += 64)
      for (let d = 0; d < 127; d++)
        for (let x = Math.min(d, 63); x >= Math.max(0, d - 63); x--) {
          const y = d - x;
          const at = (dx: number, dy: number) => colours.indexOf(luma[(top + y - dy) * width + left + x - dx]!);
          const colour = at(0, 0);
          if (colour < 0) throw new Error('a colour outside the palette');
          symbols.push(pixels === 'raw' || d === 0 ? colour : rankOf(colour, alphabet, neighbours(x, y, at)));
        }
  return symbols;
}

/** The neighbours inside the block with their scores: left 2, above-left 1, above 2. */
function neighbours(x: number, y: number, at: (dx: number, dy: number) => number): [colour: number, score: number][] {
  const found: [number, number][] = [];
  if (x > 0) found.push([at(1, 0), 2]);
  if (x > 0 && y > 0) found.push([at(1, 1), 1]);
  if (y > 0) found.push([at(0, 1), 2]);
  return found;
}

/** AV1 "Get palette color context": colours by falling score, then as they are. */
function rankOf(colour: number, alphabet: number, scored: [number, number][]): number {
  const scores = Array.from({ length: alphabet }, () => 0);
  for (const [neighbour, score] of scored) scores[neighbour]! += score;
  return [...scores.keys()].sort((left, right) => scores[right]! - scores[left]! || left - right).indexOf(colour);
}

/** Section 4.2: undoes the ranker, in four quarters. */
function unrank(ranks: readonly number[], order: number): number[] {
  const quarter = ranks.length / 4;
  return [0, 1, 2, 3].flatMap((q) => {
    const contexts = order === 2 ? 64 : 8;
    const orders = Array.from({ length: contexts }, () => [0, 1, 2, 3, 4, 5, 6, 7]);
    const counts = Array.from({ length: contexts }, () => [0, 0, 0, 0, 0, 0, 0, 0]);
    const classes: number[] = [];
    let context = 0;
    let next = 256;
    for (const rank of ranks.slice(q * quarter, (q + 1) * quarter)) {
      const found = orders[context]![rank]!;
      counts[context]![found]!++;
      classes.push(found);
      context = (context * 8 + found) % contexts;
      if (classes.length !== next) continue;
      orders.forEach((places, c) => places.sort((left, right) => counts[c]![right]! - counts[c]![left]!));
      for (const count of counts) count.forEach((value, i) => (count[i] = value >> 1));
      next = next < 4096 ? next * 2 : next + 4096;
    }
    return classes;
  });
}

/** Section 4.2: the integers of method 4, and the chunk's own metadata. */
async function integersOf(unit: Buffer, n: number): Promise<{ carried: bigint[]; own: Buffer }> {
  const table = new Numbers(metadataBytes(unit));
  const own = table.take(table.count());
  const coding = table.byte();
  const binCount = table.byte();
  const base = table.zigzag();
  const slope = table.zigzag();
  const lag = (coding & 15) > 2 ? table.count() : 0;
  const bins = Array.from({ length: binCount }, () => ({ bits: table.byte(), low: table.zigzag() }));
  const offsets = table.bytes.subarray(table.at);
  const symbols = await symbolsOf(unit, Math.max(binCount, 2), 'rank', n);
  const classes = coding >> 4 ? unrank(symbols, coding >> 4) : symbols;
  let bit = 0;
  const residuals = classes.slice(0, n).map((found) => {
    const { bits, low } = bins[found]!;
    let offset = 0n;
    for (let i = 0; i < bits; i++, bit++) offset |= BigInt((offsets[bit >> 3]! >> (bit & 7)) & 1) << BigInt(i);
    return low + offset;
  });
  return { carried: predicted(residuals, coding & 15, { base, slope, lag }), own };
}

/** Section 4.2, the table of predictors: values from residuals. */
function predicted(
  residuals: readonly bigint[],
  predictor: number,
  { base, slope, lag }: { base: bigint; slope: bigint; lag: number },
): bigint[] {
  const values: bigint[] = [];
  const at = (i: number): bigint => (i === -2 ? base - slope : (values[i] ?? base));
  residuals.forEach((residual, i) => {
    const guesses = [base, at(i - 1), 2n * at(i - 1) - at(i - 2), at(i - lag), at(i - 1) + at(i - lag) - at(i - lag - 1)];
    values.push(BigInt.asIntN(64, residual + guesses[predictor]!));
  });
  return values;
}

/** Section 5: the integers that a section `predictor` makes of the stream. */
function unpacked(stream: Buffer, predictor: Buffer, n: number): bigint[] {
  const numbers = new Numbers(predictor);
  const coding = numbers.byte();
  const lag = numbers.count();
  const [base, slope, low] = [numbers.zigzag(), numbers.zigzag(), numbers.zigzag()];
  const width = stream.length / n;
  const bytes = coding >= 16 ? joined(stream, width, n) : stream;
  return predicted(
    littleEndian(bytes, width).map((value) => low + value),
    coding & 15,
    { base, slope, lag },
  );
}

/** All first bytes, then all second bytes, … as values one after another. */
const joined = (bytes: Buffer, width: number, n: number): Buffer =>
  Buffer.from(Array.from({ length: n * width }, (_, i) => bytes[(i % width) * n + Math.floor(i / width)]!));

function readEntries(section: Buffer): bigint[] {
  const reader = new Numbers(section);
  const entries: bigint[] = [];
  while (reader.at < section.length) entries.push(BigInt.asIntN(64, (entries.at(-1) ?? 0n) + reader.zigzag()));
  return entries;
}

type ChunkJson = [number, number, string, number, number, 0 | { pixels?: string; alphabet?: number; runs?: number }, [number]];

/** Section 5, both forms. */
function chunkMetadata(reader: Numbers, mapping: number, rowCount: number, n: number) {
  const first = reader.byte();
  const isShort = first >= 128;
  const forms = isShort ? reader.byte() : 1 + 4 + 8 + 32;
  if ((isShort ? first % 16 : first) !== mapping || reader.count() !== rowCount) throw new Error('the unit disagrees with the tags');
  if (forms & 1) reader.count();
  const streamCount = forms & 4 ? reader.count() : forms & 2 ? 0 : n;
  const base = forms & 8 ? reader.zigzag() : 0n;
  const divisor = forms & 32 ? reader.big() : forms & 16 ? 0n : 1n;
  const parameters = Array.from({ length: isShort ? (first >> 4) % 8 : reader.count() }, () => reader.count());
  const sections = new Map<number, Buffer>();
  while (reader.at < reader.bytes.length) {
    const place = reader.byte();
    const [kind, coding] = isShort ? [place % 16, (place >> 4) % 4] : [place, reader.byte()];
    const stated = isShort && place >= 64 ? undefined : reader.count();
    const raw = coding > 0 ? reader.count() : 0;
    const coded = coding === 2 ? reader.count() : 0;
    const records = !isShort ? coded : coded % 2 ? 256 + (coded >> 1) : coded >> 1;
    const bytes = reader.take(stated ?? reader.bytes.length - reader.at);
    const modelled = () => Buffer.from(decodeSpecified(bytes, raw, records));
    sections.set(kind, coding === 2 ? modelled() : coding === 1 ? zstdDecompressSync(bytes) : bytes);
  }
  return { streamCount, base, divisor, parameters, sections };
}

/** One chunk as the rows of the answers: hexadecimal bytes, quoted for text, `null`. */
async function readChunk(unit: Buffer, type: Json, rowCount: number, json: ChunkJson): Promise<string[]> {
  const [, , , method, mapping, details, [nullCount]] = json;
  const n = rowCount - (mapping === 6 ? 0 : nullCount);
  const runs = (details as { runs?: number }).runs;
  const coded = method === 4 ? await integersOf(unit, runs ?? n) : undefined;
  const reader = new Numbers(coded?.own ?? metadataBytes(unit));
  const { streamCount, base, divisor, parameters, sections } = chunkMetadata(reader, mapping, rowCount, n);
  const section = (kind: number): Buffer => sections.get(kind) ?? Buffer.alloc(0);
  if (mapping === 6) return rowsOf(tableFromIPC(section(3)).batches[0]!.data.children[0]!);
  let carried = coded?.carried ?? [];
  if (divisor === 0n) carried = Array.from({ length: streamCount }, () => 0n);
  else if (method === 3)
    carried = (await symbolsOf(unit, (details as { alphabet: number }).alphabet, (details as { pixels: string }).pixels, streamCount))
      .slice(0, streamCount)
      .map(BigInt);
  else if (!coded && sections.has(9)) carried = unpacked(section(2), section(9), streamCount);
  else if (!coded) carried = littleEndian(section(2), section(2).length / streamCount);
  const carriedNumbers = carried.map((value) => BigInt.asIntN(64, base + divisor * value));
  const entries = sections.has(10) ? readEntries(section(10)) : undefined;
  const distinct = entries ? carriedNumbers.map((number) => entries[Number(number)]!) : carriedNumbers;
  const extra = runs === undefined ? [] : littleEndian(section(12), section(12).length / runs);
  const integers = distinct.flatMap((value, i) => Array<bigint>(1 + Number(extra[i] ?? 0)).fill(value));
  const values = valuesOf(mapping, type, integers, parameters, section, n);
  let at = 0;
  const isNull = (row: number) => n === 0 || (n < rowCount && !((section(1)[row >> 3]! >> (row & 7)) & 1));
  return Array.from({ length: rowCount }, (_, row) => (isNull(row) ? 'null' : values[at++]!));
}

const littleEndian = (bytes: Buffer, width: number): bigint[] =>
  Array.from({ length: bytes.length / width }, (_, i) =>
    BigInt(`0x${Buffer.from(bytes.subarray(i * width, (i + 1) * width)).reverse().toString('hex')}`),
  );

/** Values that each end with a byte that none of them holds. */
function cut(bytes: Buffer, terminator: number): Buffer[] {
  const values: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(terminator, at);
    values.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return values;
}

const integer = (value: bigint, width: number): Buffer =>
  Buffer.from(BigInt.asUintN(width * 8, value).toString(16).padStart(width * 2, '0'), 'hex').reverse();

function float(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  if (width === 8) bytes.writeDoubleLE(value);
  else bytes.writeFloatLE(value);
  return bytes;
}

/** Mapping decimal: integer / 10^digits, or that as a single as it was printed. */
function decimal(value: bigint, [digits = 0, form, places = 0]: readonly number[]): number {
  const number = Number(value) / 10 ** digits;
  if (form === undefined) return number;
  const single = Math.fround(number);
  let p = places;
  if (form === 2) for (let size = 1; p > 0 && size <= Math.abs(single); size *= 10) p -= 1;
  return Math.round(single * 10 ** p) / 10 ** p;
}

/** Mapping integer with parameters: the bits of a float in its order. */
function orderedFloat(value: bigint, width: number, [from = 0, divisor = 1]: readonly number[]): Buffer {
  const bits = BigInt.asIntN(from * 8, value * BigInt(divisor));
  const turned = bits < 0n ? bits ^ ((1n << BigInt(from * 8 - 1)) - 1n) : bits;
  const bytes = integer(turned, from);
  return from === width ? bytes : float(bytes.readFloatLE(0), width);
}

/** Section 5, the table of mappings: the values that are not null. */
function valuesOf(
  mapping: number,
  type: Json,
  integers: readonly bigint[],
  parameters: readonly number[],
  section: (kind: number) => Buffer,
  n: number,
): string[] {
  const width = widthOf(type);
  const fixed = (bytes: Buffer) => (type.name === 'bool' ? String(bytes[0]) : bytes.toString('hex'));
  const excepted = (bytes: Buffer[]): Buffer[] => {
    littleEndian(section(7), 4).forEach((index, i) => {
      section(8).copy(bytes[Number(index)]!, 0, i * width, (i + 1) * width);
    });
    return bytes;
  };
  const quoted = (bytes: Buffer) => `'${bytes.toString('hex')}'`;
  switch (mapping) {
    case 0:
      return [];
    case 1:
      if (parameters.length > 0) return excepted(integers.map((value) => orderedFloat(value, width, parameters))).map(fixed);
      return integers.map((value) => fixed(integer(value, width)));
    case 2: {
      if (section(13).length === 0) return excepted(integers.map((value) => float(decimal(value, parameters), width))).map(fixed);
      const [start, step, top] = [0, 8, 16].map((at) => section(13).readDoubleLE(at)) as [number, number, number];
      const values = integers.map((value) => Math.min(start + Number(value) * step, top));
      const whole = type.name !== 'float';
      return excepted(values.map((value) => (whole ? integer(BigInt(Math.round(value)), width) : float(value, width)))).map(fixed);
    }
    case 3: {
      const bytes = section(3);
      const [size = 0, split] = parameters;
      return Array.from({ length: n }, (_, i) =>
        fixed(
          split === 1
            ? Buffer.from(Array.from({ length: size }, (__, k) => bytes[k * n + i]!))
            : bytes.subarray(i * size, (i + 1) * size),
        ),
      );
    }
    case 4: {
      const [count = 0, terminator = 256, places] = parameters;
      const lengths = new Numbers(section(4));
      const bytes = new Numbers(section(5));
      const entries = (
        terminator < 256
          ? cut(section(5), terminator)
          : Array.from({ length: count }, () => bytes.take(lengths.count()))
      ).map(quoted);
      const order = section(6).length > 0 ? littleEndian(section(6), entries.length <= 256 ? 1 : 2) : undefined;
      const list = [...entries.keys()];
      return integers.map((integer) => {
        if (places !== 1) return entries[Number(order ? order[Number(integer)] : integer)]!;
        const [number] = list.splice(Number(integer), 1);
        list.unshift(number!);
        return entries[number!]!;
      });
    }
    case 5: {
      const [terminator, fronts] = parameters;
      if (terminator !== undefined) {
        let before = Buffer.alloc(0);
        return cut(section(3), terminator).map((rest, i) => {
          before = Buffer.concat([before.subarray(0, fronts === 1 ? section(13)[i] : 0), rest]);
          return quoted(before);
        });
      }
      const bytes = new Numbers(section(3));
      return integers.map((length) => quoted(bytes.take(Number(length))));
    }
    case 7: {
      const pattern = new Numbers(section(11));
      const literal = () => pattern.take(pattern.count());
      const first = literal();
      const fields: { width: number; least: bigint; count: bigint; after: Buffer }[] = [];
      while (pattern.at < pattern.bytes.length)
        fields.push({ width: pattern.byte(), least: pattern.big(), count: pattern.big(), after: literal() });
      return integers.map((integer) => {
        let rest = integer;
        const parts = fields.toReversed().flatMap(({ width: digits, least, count, after }) => {
          const number = least + (rest % count);
          rest /= count;
          return [after, Buffer.from(String(number).padStart(digits, '0'))];
        });
        return quoted(Buffer.concat([first, ...parts.toReversed()]));
      });
    }
    default:
      throw new Error(`mapping ${mapping}`);
  }
}

/** A whole file, in the form of the answers beside the golden files. */
export async function readSpecified(file: Buffer): Promise<{ schema: unknown; rowCount: number; columns: string[][] }> {
  const [, segment] = elements(file);
  const top = elements(segment!.data, file.length - segment!.data.length);
  const tags = new Map<string, string>();
  for (const { data } of top.filter(({ id }) => id === 0x1254c367))
    for (const tag of elements(data))
      for (const simple of elements(tag.data).filter(({ id }) => id === 0x67c8)) {
        const parts = elements(simple.data);
        const text = (id: number) => parts.find((part) => part.id === id)?.data.toString() ?? '';
        tags.set(text(0x45a3), text(0x4487));
      }
  if (tags.get('GRANARY_FORMAT') !== '1') throw new Error('another version');
  const schema = JSON.parse(tags.get('GRANARY_SCHEMA')!) as { fields: { type: Json }[] };
  const columns: string[][] = schema.fields.map(() => []);
  let end = top.find(({ id }) => id === 0x1f43b675)?.at ?? file.length;
  if (end !== Number(tags.get('GRANARY_CLUSTERS'))) throw new Error('the clusters have moved');
  let rows = 0;
  for (let group = 0; tags.has(`GRANARY_ROW_GROUP_${group}`); group++) {
    const [rowCount, ...chunks] = JSON.parse(tags.get(`GRANARY_ROW_GROUP_${group}`)!) as [number, ...ChunkJson[]];
    for (const [column, json] of chunks.entries()) {
      const start = end + json[0];
      end = start + json[1];
      columns[column]!.push(
        ...(await readChunk(file.subarray(start, end), schema.fields[column]!.type, rowCount, json)),
      );
    }
    rows += rowCount;
  }
  return { schema, rowCount: rows, columns };
}
