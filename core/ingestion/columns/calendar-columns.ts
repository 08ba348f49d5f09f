import type { DataType } from 'apache-arrow';
import { newCalendarShape, scanDate, scanTime, scanTimestamp } from '../text/calendar-text.ts';
import type { ColumnBuilder } from './column-builder.ts';
import { createLongColumn, createNumberColumn } from './number-columns.ts';

const UNITS_PER_SECOND = [1, 1e3, 1e6, 1e9] as const;

/** Seconds and nanoseconds in the given unit, undefined when a digit would be cut or 64 bits do not suffice. */
function inUnit(seconds: number, nanoseconds: number, unitsPerSecond: number): number | bigint | undefined {
  const fraction = nanoseconds / (1e9 / unitsPerSecond);
  if (!Number.isInteger(fraction)) return undefined;
  const value = seconds * unitsPerSecond + fraction;
  if (Number.isSafeInteger(value)) return value;
  const exact = BigInt(seconds) * BigInt(unitsPerSecond) + BigInt(fraction);
  return exact === BigInt.asIntN(64, exact) ? exact : undefined;
}

export function createTimestampColumn(type: DataType, unit: number, isZoned: boolean, capacity: number): ColumnBuilder {
  const shape = newCalendarShape();
  const unitsPerSecond = UNITS_PER_SECOND[unit]!;
  return createLongColumn(
    type,
    capacity,
    (length) => new BigInt64Array(length),
    (bytes, start, end) =>
      scanTimestamp(bytes, start, end, shape) && shape.zoned === isZoned
        ? inUnit(shape.seconds, shape.nanoseconds, unitsPerSecond)
        : undefined,
  );
}

export function createTimeColumn(type: DataType, unit: number, bitWidth: number, capacity: number): ColumnBuilder {
  const shape = newCalendarShape();
  const unitsPerSecond = UNITS_PER_SECOND[unit]!;
  const read = (bytes: Uint8Array, start: number, end: number) =>
    scanTime(bytes, start, end, shape)
      ? (inUnit(shape.seconds, shape.nanoseconds, unitsPerSecond) as number | undefined)
      : undefined;
  return bitWidth === 64
    ? createLongColumn(type, capacity, (length) => new BigInt64Array(length), read)
    : createNumberColumn(type, capacity, (length) => new Int32Array(length), read);
}

export function createDateColumn(type: DataType, unit: number, capacity: number): ColumnBuilder {
  const shape = newCalendarShape();
  const read = (bytes: Uint8Array, start: number, end: number) =>
    scanDate(bytes, start, end, shape) ? shape.days * (unit === 0 ? 1 : 86_400_000) : undefined;
  return unit === 0
    ? createNumberColumn(type, capacity, (length) => new Int32Array(length), read)
    : createLongColumn(type, capacity, (length) => new BigInt64Array(length), read);
}
