import { type Data, DataType } from 'apache-arrow';
import fc from 'fast-check';
import type { ScanFilter, StatisticsValue } from '../ports.ts';
import type { TableRows } from './table-rows.ts';

const COMPARISONS = ['=', '<', '<=', '>', '>='] as const;

/** A filter over one of the columns, with values that are mostly found in it. Columns: see `valueAt`. */
export function arbitraryFilter(rows: TableRows): fc.Arbitrary<ScanFilter> {
  return fc.nat(rows.schema.fields.length - 1).chain((index): fc.Arbitrary<ScanFilter> => {
    const column = rows.schema.fields[index]!.name;
    const values = valuesOf(rows, index)
      .map(toStatistics)
      .filter((value) => value !== undefined);
    const nulls = fc.constantFrom('is null' as const, 'is not null' as const).map((op) => ({ column, op }));
    if (values.length === 0) return nulls;
    const value = fc.constantFrom(...values);
    return fc.oneof(
      { weight: 6, arbitrary: fc.record({ column: fc.constant(column), op: fc.constantFrom(...COMPARISONS), value }) },
      {
        weight: 2,
        arbitrary: fc
          .array(value, { minLength: 1, maxLength: 3 })
          .map((list) => ({ column, op: 'in' as const, values: list })),
      },
      { weight: 1, arbitrary: nulls },
    );
  });
}

/** For each row, whether the filter holds: the reference that stores are compared with. */
export function holdsFor(rows: TableRows, filter: ScanFilter): boolean[] {
  const index = rows.schema.fields.findIndex((field) => field.name === filter.column);
  return valuesOf(rows, index).map((value) => {
    if (filter.op === 'is null') return value === null;
    if (!('value' in filter || 'values' in filter)) return value !== null;
    if (value === null) return false;
    if ('values' in filter) return filter.values.some((other) => compare(value, other) === 0);
    const order = compare(value, filter.value);
    if (filter.op === '=') return order === 0;
    if (filter.op === '<' || filter.op === '<=') return order < 0 || (order === 0 && filter.op === '<=');
    return order > 0 || (order === 0 && filter.op === '>=');
  });
}

interface Unscaled {
  readonly unscaled: bigint;
  readonly scale: number;
}

type Value = null | boolean | number | string | Unscaled;

const valuesOf = ({ batches }: TableRows, index: number): Value[] =>
  batches.flatMap(({ data, numRows }) =>
    Array.from({ length: numRows }, (_, row) => valueAt(data.children[index]!, row)),
  );

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Booleans, 64-bit integers, floats of 32 and 64 bits, decimals, dates in days, timestamps and text. */
function valueAt(data: Data, row: number): Value {
  if (!data.getValid(row)) return null;
  const type: DataType = data.type;
  if (DataType.isBool(type)) return ((data.values[(data.offset + row) >> 3] >> ((data.offset + row) & 7)) & 1) === 1;
  if (DataType.isFloat(type)) return data.values[row];
  if (DataType.isUtf8(type))
    return decoder.decode(data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1]));
  if (!DataType.isDecimal(type)) return { unscaled: BigInt(data.values[row]), scale: 0 };
  const words = [...(data.values as Uint32Array).subarray(row * data.stride, (row + 1) * data.stride)];
  const unsigned = words.reduceRight((value, word) => (value << 32n) | BigInt(word), 0n);
  return { unscaled: BigInt.asIntN(32 * data.stride, unsigned), scale: type.scale };
}

/** The value as statistics and filters carry it; undefined for nulls and for floats that are not finite. */
function toStatistics(value: Value): StatisticsValue | undefined {
  if (value === null || (typeof value === 'number' && !Number.isFinite(value))) return undefined;
  if (typeof value !== 'object') return value;
  const { unscaled, scale } = value;
  if (scale > 0) {
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
    return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  }
  return Number.isSafeInteger(Number(unscaled)) ? Number(unscaled) : String(unscaled);
}

/** As SQL engines compare: text by its bytes, NaN above every other float. */
function compare(left: Exclude<Value, null>, right: StatisticsValue): number {
  if (typeof left === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(String(right)));
  if (typeof left === 'number') return Number.isNaN(left) ? 1 : left - Number(right);
  if (typeof left === 'boolean') return Number(left) - Number(right);
  const other = BigInt(String(right).replace('.', ''));
  return left.unscaled < other ? -1 : left.unscaled > other ? 1 : 0;
}
