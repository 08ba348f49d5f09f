import type { RowGroupHeader } from './segment-header.ts';
import type { StatisticsValue } from './statistics.ts';

/**
 * What a column's compressed size says about it. Bits per value measure how much is new in the values: a sensor that
 * sticks needs fewer, one that gets noisy more, and nothing has to be decoded to see it.
 */

/** Row groups below which nobody can say what is usual. */
const ANOMALY_GROUPS_MIN = 5;
/** Row groups below which a trend and chance look alike. */
const DRIFT_GROUPS_MIN = 8;
/** A row group of fewer rows than this part of the median has a rate of its own: headers and tables weigh more. */
const ROWS_SHARE_MIN = 0.5;

/**
 * From this distance on a row group is called anomalous (Iglewicz and Hoaglin, "How to Detect and Handle Outliers"). Of
 * normal noise that is 1 row group in 200 of a column of 8, and 1 in 900 of a column of 64.
 */
export const ANOMALY_SCORE = 3.5;
/**
 * From this score on a column is called drifting. Without drift, the worst of four signals reaches it in 1 column of 200
 * with 8 row groups, and in 1 of 3,000 with 64.
 */
export const DRIFT_SCORE = 2.5;

/** A rate is never taken as steadier than this part of itself, and than this many bytes of headers. */
const RATE_SPREAD_MIN = 0.02;
const RATE_SPREAD_BYTES = 16;

const MAD_TO_SIGMA = 1.4826;
/** Of normal values, the mean distance of neighbours is 2 / sqrt(pi) standard deviations. */
const NEIGHBOURS_TO_SIGMA = Math.sqrt(Math.PI) / 2;

/** What can drift: the rate, and what the statistics know of the values. */
export const DRIFT_SIGNALS = ['bitsPerValue', 'min', 'max', 'mean'] as const;
export type DriftSignal = (typeof DRIFT_SIGNALS)[number];

export interface RowGroupProfile {
  /** Counted over the whole column from 0. */
  readonly firstRow: number;
  readonly rowCount: number;
  readonly byteCount: number;
  readonly bitsPerValue: number;
  /** 0 to 1. */
  readonly nullShare: number;
  readonly min: StatisticsValue;
  readonly max: StatisticsValue;
  /** Of the values that are not null; null where the sum is not known. */
  readonly mean: number | null;
  /**
   * Robust z-score of the bits per value: the distance from the column's median in units of its usual spread, below 0 for
   * fewer bits. Null with fewer than 5 row groups, and for one of less than half the usual rows.
   */
  readonly anomaly: number | null;
  /** How far the column has drifted up to and with this row group, of all signals the worst; null as `anomaly`. */
  readonly drift: number | null;
}

export interface ColumnProfile {
  readonly rowCount: number;
  readonly byteCount: number;
  readonly bitsPerValue: number;
  /** Indices of row groups whose anomaly is at least `ANOMALY_SCORE` away from 0. */
  readonly anomalies: readonly number[];
  /**
   * The greatest drift of any signal, and the last row group before the change. Values of a column that is sorted (times,
   * serial numbers) move by nature: only its rate is scored. Null with fewer than 8 row groups.
   */
  readonly drift: { readonly score: number; readonly signal: DriftSignal; readonly rowGroup: number } | null;
  readonly rowGroups: readonly RowGroupProfile[];
}

/** The profile of one column of row groups in order, from their headers alone. */
export function profileColumn(groups: readonly RowGroupHeader[], column: number): ColumnProfile {
  let firstRow = 0;
  const plain = groups.map(({ rowCount, chunks }) => {
    const { byteCount, statistics } = chunks[column]!;
    const { nullCount, min = null, max = null, sum } = statistics;
    const valueCount = rowCount - nullCount;
    firstRow += rowCount;
    return {
      firstRow: firstRow - rowCount,
      rowCount,
      byteCount,
      bitsPerValue: rowCount === 0 ? 0 : (8 * byteCount) / rowCount,
      nullShare: rowCount === 0 ? 0 : nullCount / rowCount,
      min,
      max,
      mean: sum === undefined || valueCount === 0 ? null : Number(sum) / valueCount,
    };
  });
  const usualRows = median(plain.map(({ rowCount }) => rowCount));
  const scored = [...plain.keys()].filter((i) => plain[i]!.rowCount >= usualRows * ROWS_SHARE_MIN);
  const anomaly = anomalyScores(scored.map((i) => plain[i]!));
  const drifts = driftScores(scored.map((i) => plain[i]!));
  const rowGroups = plain.map((group, i): RowGroupProfile => {
    const at = scored.indexOf(i);
    const drift = drifts.length === 0 || at < 0 ? null : Math.max(...drifts.map(({ scores }) => scores[at]!));
    return { ...group, anomaly: anomaly?.[at] ?? null, drift };
  });
  const worst = drifts.toSorted((left, right) => Math.max(...right.scores) - Math.max(...left.scores))[0];
  const score = worst && Math.max(...worst.scores);
  const byteCount = plain.reduce((sum, group) => sum + group.byteCount, 0);
  return {
    rowCount: firstRow,
    byteCount,
    bitsPerValue: firstRow === 0 ? 0 : (8 * byteCount) / firstRow,
    anomalies: [...rowGroups.keys()].filter((i) => Math.abs(rowGroups[i]!.anomaly ?? 0) >= ANOMALY_SCORE),
    drift: worst ? { score: score!, signal: worst.signal, rowGroup: scored[worst.scores.indexOf(score!)]! } : null,
    rowGroups,
  };
}

type PlainGroup = Omit<RowGroupProfile, 'anomaly' | 'drift'>;

/** The spread that a rate has in any case. */
const rateFloor = (rate: number, rowCount: number): number =>
  Math.max(RATE_SPREAD_MIN * rate, (8 * RATE_SPREAD_BYTES) / Math.max(rowCount, 1));

/** Distances from the median in units of the median absolute deviation. */
function anomalyScores(groups: readonly PlainGroup[]): number[] | undefined {
  if (groups.length < ANOMALY_GROUPS_MIN) return undefined;
  const rates = groups.map(({ bitsPerValue }) => bitsPerValue);
  const middle = median(rates);
  const deviation = MAD_TO_SIGMA * median(rates.map((rate) => Math.abs(rate - middle)));
  return groups.map(
    ({ bitsPerValue, rowCount }) => (bitsPerValue - middle) / Math.max(deviation, rateFloor(middle, rowCount)),
  );
}

/** For each signal that is known for all row groups, how far it has moved by each of them. */
function driftScores(groups: readonly PlainGroup[]): { signal: DriftSignal; scores: number[] }[] {
  if (groups.length < DRIFT_GROUPS_MIN) return [];
  const signals = isSorted(groups) ? (['bitsPerValue'] as const) : DRIFT_SIGNALS;
  return signals.flatMap((signal) => {
    const series = groups.map((group) => numberOf(group[signal]));
    if (!series.every((value) => value !== undefined)) return [];
    const middle = groups[groups.length >> 1]!;
    const floor = signal === 'bitsPerValue' ? rateFloor(median(series), middle.rowCount) : 0;
    return [{ signal, scores: cumulativeSums(series, floor) }];
  });
}

/** A finite number, or undefined: text and booleans have no distance. */
function numberOf(value: StatisticsValue): number | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/**
 * Cumulative sums of the distances from the mean (CUSUM), over what chance alone makes of them: the sum of a stationary
 * series wanders within about `spread * sqrt(count)`. The spread is that of neighbours, which a slow drift hardly changes.
 */
function cumulativeSums(series: readonly number[], floor: number): number[] {
  const mean = series.reduce((sum, value) => sum + value, 0) / series.length;
  const steps = series.slice(1).map((value, i) => Math.abs(value - series[i]!));
  const neighbours = NEIGHBOURS_TO_SIGMA * (steps.reduce((sum, step) => sum + step, 0) / steps.length);
  const spread = Math.max(neighbours, floor);
  let sum = 0;
  return series.map((value) => {
    sum += value - mean;
    return spread === 0 ? 0 : Math.abs(sum) / (spread * Math.sqrt(series.length));
  });
}

/** True when the values of each row group lie on one side of those of the next, all in one direction. */
function isSorted(groups: readonly PlainGroup[]): boolean {
  const bounds = groups.map(({ min, max }) => ({ min: numberOf(min), max: numberOf(max) }));
  const follows = (before: 'min' | 'max', after: 'min' | 'max', sign: 1 | -1) =>
    bounds.every(
      (bound, i) => i === 0 || (bound[after] ?? Number.NaN) * sign >= (bounds[i - 1]![before] ?? Number.NaN) * sign,
    );
  const moves = bounds[0]?.min !== bounds.at(-1)?.max;
  return moves && (follows('max', 'min', 1) || follows('min', 'max', -1));
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((left, right) => left - right);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
