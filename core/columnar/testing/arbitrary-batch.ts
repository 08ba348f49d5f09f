import {
  Binary,
  Bool,
  Data,
  DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  DenseUnion,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  Interval,
  IntervalUnit,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  type RecordBatch,
  Schema,
  SparseUnion,
  Struct,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimeUnit,
  Timestamp,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  Vector,
} from 'apache-arrow';
import fc from 'fast-check';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import { fixedWidth } from '../column-values.ts';
import { batchOf } from '../rebatch.ts';
import { bytesOf, viewAs } from '../words.ts';

type Buffers = ConstructorParameters<typeof Data>[4];

const TIME_UNITS = [TimeUnit.SECOND, TimeUnit.MILLISECOND, TimeUnit.MICROSECOND, TimeUnit.NANOSECOND];

/** One of every flat type that can be stored. */
export const flatTypes: readonly (() => DataType)[] = [
  () => new Null(),
  () => new Bool(),
  () => new Int8(),
  () => new Int16(),
  () => new Int32(),
  () => new Int64(),
  () => new Uint8(),
  () => new Uint16(),
  () => new Uint32(),
  () => new Uint64(),
  () => new Float16(),
  () => new Float32(),
  () => new Float64(),
  () => new Decimal(2, 18, 128),
  () => new Decimal(10, 38, 128),
  () => new Decimal(-3, 76, 256),
  () => new DateDay(),
  () => new DateMillisecond(),
  () => new TimeSecond(),
  () => new TimeMillisecond(),
  () => new TimeMicrosecond(),
  () => new TimeNanosecond(),
  ...TIME_UNITS.flatMap((unit) => [
    () => new Timestamp(unit, null),
    () => new Timestamp(unit, 'Europe/Vienna'),
    () => new Duration(unit),
  ]),
  () => new Interval(IntervalUnit.YEAR_MONTH),
  () => new Interval(IntervalUnit.DAY_TIME),
  () => new Interval(IntervalUnit.MONTH_DAY_NANO),
  () => new Utf8(),
  () => new LargeUtf8(),
  () => new Binary(),
  () => new LargeBinary(),
  () => new FixedSizeBinary(1),
  () => new FixedSizeBinary(7),
  () => new FixedSizeBinary(16),
  () => new Dictionary(new Utf8(), new Int8()),
  () => new Dictionary(new LargeUtf8(), new Uint16()),
  () => new Dictionary(new Binary(), new Int32()),
];

const child = (name: string, type: DataType, nullable = true) => new Field(name, type, nullable);

/** Types of columns: every flat one with the same chance, nested ones down to two levels. */
export const arbitraryType = (depth = 2): fc.Arbitrary<DataType> => {
  const flat = fc.constantFrom(...flatTypes).map((make) => make());
  if (depth === 0) return flat;
  const inner = arbitraryType(depth - 1);
  return fc.oneof(
    { weight: 6, arbitrary: flat },
    { weight: 1, arbitrary: inner.map((type) => new List(child('item', type))) },
    { weight: 1, arbitrary: inner.map((type) => new LargeList(child('item', type))) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(inner, fc.integer({ min: 1, max: 3 }))
        .map(([type, size]) => new FixedSizeList(size, child('item', type))),
    },
    {
      weight: 1,
      arbitrary: fc
        .array(inner, { minLength: 1, maxLength: 3 })
        .map((types) => new Struct(types.map((type, i) => child(`f${i}`, type)))),
    },
    {
      weight: 1,
      arbitrary: inner.map(
        (type) =>
          new Map_(
            child('entries', new Struct([child('key', new Utf8(), false), child('value', type)]), false) as never,
          ),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(inner, inner, fc.boolean()).map(([a, b, dense]) => {
        const fields = [child('a', a), child('b', b)];
        return dense ? new DenseUnion([3, 7], fields) : new SparseUnion([0, 5], fields);
      }),
    },
  );
};

/** Bytes that mean something: special floats, extremes of integers, small numbers, runs, or noise. */
function arbitraryFixed(type: DataType, width: number, rowCount: number): fc.Arbitrary<Uint8Array> {
  const count = rowCount * width;
  const noise = fc.uint8Array({ minLength: count, maxLength: count });
  if (width === 0) return noise;
  const small = fc
    .array(fc.integer({ min: -40, max: 40 }), { minLength: rowCount, maxLength: rowCount })
    .map((values) => {
      const bytes = new Uint8Array(count);
      values.forEach((value, row) => {
        const view = new DataView(bytes.buffer, row * width, width);
        if (DataType.isFloat(type) && width > 2) {
          const decimal = value / 4 + (value % 3) / 10;
          if (width === 8) view.setFloat64(0, decimal, true);
          else view.setFloat32(0, decimal, true);
          return;
        }
        for (let i = 0; i < width; i++) view.setUint8(i, (i < 4 ? value >> (8 * i) : value >> 31) & 255);
      });
      return bytes;
    });
  const walk = fc
    .tuple(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.array(fc.integer({ min: -9, max: 9000 }), { minLength: rowCount, maxLength: rowCount }),
    )
    .map(([start, steps]) => {
      const bytes = new Uint8Array(count);
      let value = start;
      steps.forEach((step, row) => {
        value += BigInt(step) * 1000n;
        for (let i = 0; i < width; i++) bytes[row * width + i] = Number((value >> BigInt(8 * Math.min(i, 8))) & 255n);
      });
      return bytes;
    });
  const special = fc
    .array(fc.constantFrom(...specialBytes(type, width)), { minLength: rowCount, maxLength: rowCount })
    .map((values) => concatBytes(values));
  return fc.oneof(noise, small, walk, special);
}

function specialBytes(type: DataType, width: number): Uint8Array[] {
  const all: Uint8Array[] = [new Uint8Array(width), new Uint8Array(width).fill(255)];
  const top = new Uint8Array(width);
  top[width - 1] = 0x80;
  all.push(
    top,
    top.map((byte, i) => (i === width - 1 ? 0x7f : byte ^ 0xff)),
  );
  if (DataType.isFloat(type) && width > 2) {
    const floats = [0, -0, 1, 0.1, -2.5, 1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    all.push(...floats.map((value) => bytesOf(width === 8 ? Float64Array.of(value) : Float32Array.of(value))));
    // NaNs with payloads: quiet and signalling
    all.push(
      ...(width === 8
        ? [bytesOf(BigUint64Array.of(0x7ff8dead0000beefn)), bytesOf(BigUint64Array.of(0xfff0000000000001n))]
        : [bytesOf(Uint32Array.of(0x7fc12345)), bytesOf(Uint32Array.of(0xff800001))]),
    );
  }
  return all;
}

const arbitraryTexts = (rowCount: number, utf8: boolean): fc.Arbitrary<Uint8Array[]> => {
  const pool = fc.array(
    utf8 ? fc.string({ unit: 'binary', maxLength: 8 }).map(toUtf8) : fc.uint8Array({ maxLength: 9 }),
    { minLength: 1, maxLength: 12 },
  );
  const repeated = fc
    .tuple(pool, fc.array(fc.nat(), { minLength: rowCount, maxLength: rowCount }))
    .map(([entries, picks]) => picks.map((pick) => entries[pick % entries.length]!));
  const one = utf8 ? fc.string({ unit: 'binary', maxLength: 60 }).map(toUtf8) : fc.uint8Array({ maxLength: 60 });
  return fc.oneof(repeated, fc.array(one, { minLength: rowCount, maxLength: rowCount }));
};

/** No bitmap, one without nulls, some nulls, or nothing but nulls. */
const arbitraryValidity = (rowCount: number): fc.Arbitrary<Uint8Array | undefined> => {
  const byteCount = (rowCount + 7) >> 3;
  return fc.oneof(
    fc.constant(undefined),
    fc.constant(new Uint8Array(byteCount).fill(255)),
    fc.constant(new Uint8Array(byteCount)),
    fc.uint8Array({ minLength: byteCount, maxLength: byteCount }),
  );
};

const offsetsOf = (lengths: readonly number[], large: boolean) => {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return large ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets);
};

/** An Arrow array of a type, with noise under its nulls. */
export function arbitraryData(type: DataType, rowCount: number): fc.Arbitrary<Data> {
  const make = (
    validity: Uint8Array | undefined,
    offsets: unknown,
    values: unknown,
    children: Data[] = [],
    dictionary?: Vector,
  ) =>
    new Data(
      type,
      0,
      rowCount,
      validity ? -1 : 0,
      [offsets, values, validity] as unknown as Buffers,
      children,
      dictionary,
    );
  if (DataType.isNull(type)) return fc.constant(new Data(type, 0, rowCount, rowCount));
  const validity = arbitraryValidity(rowCount);
  if (DataType.isBool(type)) {
    const byteCount = (rowCount + 7) >> 3;
    return fc
      .tuple(validity, fc.uint8Array({ minLength: byteCount, maxLength: byteCount }))
      .map(([nulls, bits]) => make(nulls, undefined, bits));
  }
  const width = fixedWidth(type);
  if (width !== undefined) {
    return fc
      .tuple(validity, arbitraryFixed(type, width, rowCount))
      .map(([nulls, bytes]) => make(nulls, undefined, viewAs(bytes, type.ArrayType as typeof Uint8Array)));
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type)) {
    const utf8 = DataType.isUtf8(type) || DataType.isLargeUtf8(type);
    const large = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
    return fc.tuple(validity, arbitraryTexts(rowCount, utf8)).map(([nulls, texts]) =>
      make(
        nulls,
        offsetsOf(
          texts.map((text) => text.length),
          large,
        ),
        concatBytes(texts),
      ),
    );
  }
  if (DataType.isDictionary(type)) {
    return fc.integer({ min: 1, max: 9 }).chain((entryCount) =>
      fc
        .tuple(
          validity,
          arbitraryData(type.dictionary as DataType, entryCount),
          fc.array(fc.nat({ max: entryCount - 1 }), { minLength: rowCount, maxLength: rowCount }),
        )
        .map(([nulls, entries, indices]) => {
          const values = (type.indices.ArrayType as typeof Int32Array).from(indices);
          return make(nulls, undefined, values, [], new Vector([entries]));
        }),
    );
  }
  return arbitraryNested(type, rowCount, make, validity);
}

function arbitraryNested(
  type: DataType,
  rowCount: number,
  make: (validity: Uint8Array | undefined, offsets: unknown, values: unknown, children?: Data[]) => Data,
  validity: fc.Arbitrary<Uint8Array | undefined>,
): fc.Arbitrary<Data> {
  const fields = (type.children ?? []).map((field) => field.type as DataType);
  if (DataType.isStruct(type)) {
    return fc
      .tuple(validity, fc.tuple(...fields.map((field) => arbitraryData(field, rowCount))))
      .map(([nulls, children]) => make(nulls, undefined, undefined, children));
  }
  if (DataType.isFixedSizeList(type)) {
    return fc
      .tuple(validity, arbitraryData(fields[0]!, rowCount * type.listSize))
      .map(([nulls, items]) => make(nulls, undefined, undefined, [items]));
  }
  if (DataType.isUnion(type)) {
    const dense = DataType.isDenseUnion(type);
    const picks = fc.array(fc.nat({ max: fields.length - 1 }), { minLength: rowCount, maxLength: rowCount });
    return picks.chain((chosen) => {
      const counts = fields.map((_, i) => (dense ? chosen.filter((pick) => pick === i).length : rowCount));
      const seen = fields.map(() => 0);
      const offsets = dense ? Int32Array.from(chosen, (pick) => seen[pick]!++) : undefined;
      const typeIds = Int8Array.from(chosen, (pick) => type.typeIds[pick]!);
      return fc
        .tuple(...fields.map((field, i) => arbitraryData(field, counts[i]!)))
        .map(
          (children) =>
            new Data(type, 0, rowCount, -1, [offsets, undefined, undefined, typeIds] as unknown as Buffers, children),
        );
    });
  }
  return fc.array(fc.nat({ max: 4 }), { minLength: rowCount, maxLength: rowCount }).chain((lengths) =>
    fc
      .tuple(
        validity,
        arbitraryData(
          fields[0]!,
          lengths.reduce((sum, length) => sum + length, 0),
        ),
      )
      .map(([nulls, items]) => make(nulls, offsetsOf(lengths, DataType.isLargeList(type)), undefined, [items])),
  );
}

export interface ArbitraryBatchOptions {
  readonly columnsMax?: number;
  readonly rowsMax?: number;
}

/** Record batches of all types that can be stored, some of them cut out of longer ones. */
export const arbitraryBatch = ({
  columnsMax = 4,
  rowsMax = 40,
}: ArbitraryBatchOptions = {}): fc.Arbitrary<RecordBatch> =>
  fc
    .tuple(
      fc.array(arbitraryType(), { maxLength: columnsMax }),
      fc.nat({ max: rowsMax }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 3 }),
    )
    .chain(([types, rowCount, before, after]) => {
      const schema = new Schema(types.map((type, i) => new Field(`c${i}`, type, true)));
      return fc
        .tuple(...types.map((type) => arbitraryData(type, before + rowCount + after)))
        .map((columns) => batchOf(schema, before + rowCount + after, columns).slice(before, before + rowCount));
    });
