import { DataType } from 'apache-arrow';
import type { ColumnSummary, ScanFilter, StatisticsValue } from '../ports.ts';

/** A column of some rows, as far as it is known. */
export interface RowsSummary extends ColumnSummary {
  readonly rowCount: number;
}

/**
 * What is known of a column over several groups of rows. A bound is known when every group that has values knows its own.
 */
export function mergeSummaries(type: DataType, groups: readonly RowsSummary[]): ColumnSummary {
  const withValues = groups.filter(({ rowCount, nullCount }) => nullCount < rowCount);
  const min = outermost(
    type,
    withValues.map((group) => group.min),
    -1,
  );
  const max = outermost(
    type,
    withValues.map((group) => group.max),
    1,
  );
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    nullCount: groups.reduce((total, { nullCount }) => total + nullCount, 0),
  };
}

function outermost(
  type: DataType,
  bounds: readonly (StatisticsValue | undefined)[],
  direction: -1 | 1,
): StatisticsValue | undefined {
  let found = bounds[0];
  for (const bound of bounds) {
    if (bound === undefined || found === undefined) return undefined;
    const order = compareValues(type, bound, found);
    if (order === undefined) return undefined;
    if (order * direction > 0) found = bound;
  }
  return found;
}

/** False only when the filter holds for none of the rows. */
export function mayMatch(filter: ScanFilter, type: DataType, rows: RowsSummary): boolean {
  if (filter.op === 'is null') return rows.nullCount > 0;
  if (rows.nullCount >= rows.rowCount) return false;
  if (!('value' in filter || 'values' in filter)) return true;
  // A bound of text may have been cut and raised, so that strictness proves nothing: bounds always count as reached.
  const reachesMin = (value: StatisticsValue) => !isBelow(type, value, rows.min);
  const reachesMax = (value: StatisticsValue) => !isBelow(type, rows.max, value);
  if ('values' in filter) return filter.values.some((value) => reachesMin(value) && reachesMax(value));
  if (filter.op === '=') return reachesMin(filter.value) && reachesMax(filter.value);
  return filter.op === '<' || filter.op === '<=' ? reachesMin(filter.value) : reachesMax(filter.value);
}

const isBelow = (type: DataType, left: StatisticsValue | undefined, right: StatisticsValue | undefined): boolean =>
  left !== undefined && right !== undefined && (compareValues(type, left, right) ?? 0) < 0;

/** Orders two values of a column as its statistics are ordered; undefined when nothing can be concluded. */
function compareValues(type: DataType, left: StatisticsValue, right: StatisticsValue): number | undefined {
  if (left === null || right === null) return undefined;
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    if (typeof left !== 'string' || typeof right !== 'string') return undefined;
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  if (typeof left === 'string' || typeof right === 'string') return compareDecimals(String(left), String(right));
  const difference = Number(left) - Number(right);
  return typeof left !== typeof right || Number.isNaN(difference) ? undefined : difference;
}

const DECIMAL = /^(-?\d+)(?:\.(\d+))?$/;

/** Orders numbers in plain notation by value. */
function compareDecimals(left: string, right: string): number | undefined {
  const [a, b] = [DECIMAL.exec(left), DECIMAL.exec(right)];
  if (!a || !b) return undefined;
  const scale = Math.max(a[2]?.length ?? 0, b[2]?.length ?? 0);
  const unscaled = (parts: RegExpExecArray) => BigInt(parts[1]! + (parts[2] ?? '').padEnd(scale, '0'));
  const difference = unscaled(a) - unscaled(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
