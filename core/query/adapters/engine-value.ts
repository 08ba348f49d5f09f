import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimeNSValue,
  DuckDBTimeValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { dateText, durationText, timeText, timestampText } from '../calendar-text.ts';
import { decimalText, doubleText } from '../numbers.ts';

/** A value of a type without an Arrow counterpart of its own, as text. */
export function engineValueText(value: DuckDBValue): string {
  return scalarText(value) ?? engineValueJson(value);
}

/** A value as JSON text, by the rules of the JSON output: numbers with all digits, dates and times in ISO 8601. */
export function engineValueJson(value: DuckDBValue): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? doubleText(value) : `"${value}"`;
  if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) {
    return `[${value.items.map(engineValueJson).join(',')}]`;
  }
  if (value instanceof DuckDBStructValue) {
    const entries = Object.entries(value.entries).map(
      ([name, item]) => `${JSON.stringify(name)}:${engineValueJson(item)}`,
    );
    return `{${entries.join(',')}}`;
  }
  if (value instanceof DuckDBMapValue) {
    const entries = value.entries.map(
      ({ key, value: item }) => `${JSON.stringify(engineValueText(key))}:${engineValueJson(item)}`,
    );
    return `{${entries.join(',')}}`;
  }
  if (value instanceof DuckDBUnionValue) return engineValueJson(value.value);
  if (value instanceof DuckDBBlobValue) return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
  return JSON.stringify(scalarText(value) ?? String(value));
}

function scalarText(value: DuckDBValue): string | undefined {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value === 'number' ? doubleText(value) : String(value);
  if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale);
  if (value instanceof DuckDBDateValue) return dateText(value.days);
  if (value instanceof DuckDBTimeValue) return timeText(value.micros, 6);
  if (value instanceof DuckDBTimeNSValue) return timeText(value.nanos, 9);
  if (value instanceof DuckDBTimestampTZValue) return `${timestampText(value.micros, 6)}Z`;
  if (value instanceof DuckDBTimestampValue) return timestampText(value.micros, 6);
  if (value instanceof DuckDBTimestampSecondsValue) return timestampText(value.seconds, 0);
  if (value instanceof DuckDBTimestampMillisecondsValue) return timestampText(value.millis, 3);
  if (value instanceof DuckDBTimestampNanosecondsValue) return timestampText(value.nanos, 9);
  if (value instanceof DuckDBIntervalValue) return durationText(value.months, value.days, value.micros, 6);
  if (value instanceof DuckDBBlobValue) return `\\x${Buffer.from(value.bytes).toString('hex')}`;
  const nested = [DuckDBListValue, DuckDBArrayValue, DuckDBStructValue, DuckDBMapValue, DuckDBUnionValue];
  return nested.some((type) => value instanceof type) ? undefined : value.toString();
}
