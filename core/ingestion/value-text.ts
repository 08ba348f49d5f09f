import { type Data, DataType, Precision, TimeUnit } from 'apache-arrow';
import { numberText } from './text/parse-json.ts';

/** The text of the value in a row, which is not null: as text, or as UTF-8 bytes. */
export type TextOf = (row: number) => string | Uint8Array;

const UNIT_DIGITS: Readonly<Record<number, number>> = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
};

/** The texts of a column's values, in the form they are read from; undefined for types that have no such form. */
export function createTextReader(type: DataType): ((data: Data) => TextOf) | undefined {
  if (DataType.isBool(type)) {
    return ({ values, offset }) => {
      return (row) => String(((values as Uint8Array)[(offset + row) >> 3]! & (1 << ((offset + row) & 7))) !== 0);
    };
  }
  if (DataType.isInt(type))
    return ({ values }) =>
      (row) =>
        String((values as Int32Array)[row]);
  if (DataType.isFloat(type) && type.precision !== Precision.HALF) {
    return ({ values }) =>
      (row) =>
        numberText((values as Float64Array)[row]!);
  }
  if (DataType.isUtf8(type)) {
    return ({ values, valueOffsets }) =>
      (row) =>
        (values as Uint8Array).subarray(valueOffsets[row], valueOffsets[row + 1]);
  }
  if (DataType.isDecimal(type) && type.bitWidth === 128) {
    return ({ values }) =>
      (row) =>
        decimalText(decimalAt(values as Uint32Array, row), type.scale);
  }
  if (DataType.isDate(type)) {
    return type.unit === 0
      ? ({ values }) =>
          (row) =>
            dateText(BigInt((values as Int32Array)[row]!) * 86_400n)
      : ({ values }) =>
          (row) =>
            dateText((values as unknown as BigInt64Array)[row]! / 1000n);
  }
  if (DataType.isTimestamp(type)) {
    const digits = UNIT_DIGITS[type.unit]!;
    const zone = type.timezone ? 'Z' : '';
    return ({ values }) =>
      (row) =>
        timestampText((values as unknown as BigInt64Array)[row]!, digits) + zone;
  }
  if (DataType.isTime(type)) {
    const digits = UNIT_DIGITS[type.unit]!;
    return ({ values }) =>
      (row) =>
        clockText(BigInt((values as Int32Array)[row]!), digits);
  }
  return undefined;
}

function decimalAt(words: Uint32Array, row: number): bigint {
  let value = 0n;
  for (let word = 3; word >= 0; word--) value = (value << 32n) | BigInt(words[row * 4 + word]!);
  return BigInt.asIntN(128, value);
}

function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Years outside 0000 to 9999 come out in a form that no reader takes, and so count as not fitting. */
const dateText = (seconds: bigint): string => {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? 'out of range' : date.toISOString().slice(0, -14);
};

function timestampText(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const days = floorDivide(value, 86_400n * unit);
  return `${dateText(days * 86_400n)}T${clockText(value - days * 86_400n * unit, digits)}`;
}

const floorDivide = (value: bigint, by: bigint) => (value - (((value % by) + by) % by)) / by;

function clockText(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const seconds = Number(value / unit);
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return digits === 0 ? clock : `${clock}.${(value % unit).toString().padStart(digits, '0')}`;
}
