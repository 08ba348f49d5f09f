import {
  type Data,
  type DataType,
  Field,
  Float64,
  Int32,
  Schema,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { DRIFT_SCORE, profileColumn } from './profile-column.ts';
import { batchOf } from './rebatch.ts';
import { encodeOne } from './testing/sample-table.ts';
import { seededRandom } from './testing/seeded-random.ts';

const ROWS = 2048;
const GROUPS = 24;

/** Numbers around 0 with a standard deviation of about 1. */
function createNoise(seed: number): () => number {
  const random = seededRandom(seed);
  return () =>
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() +
    random() -
    6;
}

async function profileOf(values: readonly unknown[], type: DataType, rowGroupRows = ROWS) {
  const data = vectorFromArray(values, type).data[0]! as Data;
  const schema = new Schema([new Field('c', type, true)]);
  const { header } = await encodeOne(batchOf(schema, values.length, [data]), rowGroupRows);
  return profileColumn(header.rowGroups, 0);
}

/** A sensor with two decimals, whose spread and level may depend on the row group. */
function sensor(
  seed: number,
  spread: (group: number) => number,
  level: (group: number) => number = () => 20,
): number[] {
  const noise = createNoise(seed);
  return Array.from({ length: ROWS * GROUPS }, (_, i) => {
    const group = Math.floor(i / ROWS);
    return Math.round((level(group) + spread(group) * noise()) * 100) / 100;
  });
}

describe('the profile of a column', () => {
  test('finds the row group in which a sensor sticks', async () => {
    const { anomalies, rowGroups } = await profileOf(
      sensor(1, (group) => (group === 9 ? 0 : 1)),
      new Float64(),
    );
    expect(anomalies).toEqual([9]);
    expect(rowGroups[9]!.anomaly).toBeLessThan(-20);
    expect(rowGroups[9]).toMatchObject({ firstRow: 9 * ROWS, rowCount: ROWS, min: 20, max: 20, nullShare: 0 });
  });

  test('finds the row group in which the noise doubles', async () => {
    const { anomalies, rowGroups } = await profileOf(
      sensor(2, (group) => (group === 17 ? 2 : 1)),
      new Float64(),
    );
    expect(anomalies).toEqual([17]);
    expect(rowGroups[17]!.anomaly).toBeGreaterThan(3.5);
  });

  test('finds a level that drifts, and where', async () => {
    const slow = await profileOf(
      sensor(
        3,
        () => 1,
        (group) => 20 + group * 0.02,
      ),
      new Float64(),
    );
    expect(slow.anomalies).toEqual([]);
    expect(slow.drift).toMatchObject({ signal: 'mean' });
    expect(slow.drift!.score).toBeGreaterThan(DRIFT_SCORE);
    const step = await profileOf(
      sensor(
        4,
        () => 1,
        (group) => (group < 15 ? 20 : 20.5),
      ),
      new Float64(),
    );
    expect(step.drift).toMatchObject({ signal: 'mean', rowGroup: 14 });
    expect(step.drift!.score).toBeGreaterThan(5);
  });

  test('finds noise that grows by its rate', async () => {
    const { drift } = await profileOf(
      sensor(5, (group) => 1 + group / 12),
      new Float64(),
    );
    expect(drift!.score).toBeGreaterThan(DRIFT_SCORE);
  });

  test('stays quiet on what is stationary: at most one false alarm in 100 columns', async () => {
    let anomalies = 0;
    let drifts = 0;
    for (let seed = 100; seed < 200; seed++) {
      const noise = createNoise(seed);
      const values = Array.from({ length: 256 * GROUPS }, () => Math.round(noise() * 50));
      const profile = await profileOf(values, new Int32(), 256);
      anomalies += profile.anomalies.length;
      drifts += profile.drift!.score >= DRIFT_SCORE ? 1 : 0;
    }
    expect(anomalies).toBeLessThanOrEqual(24);
    expect(drifts).toBeLessThanOrEqual(1);
    console.log(`${anomalies} false anomalies of ${100 * GROUPS} row groups, ${drifts} false drifts of 100 columns`);
  });

  test('takes a sorted column for what it is', async () => {
    const noise = createNoise(6);
    const times = Array.from(
      { length: ROWS * 10 },
      (_, i) => 1_700_000_000_000 + i * 60_000 + Math.round(noise() * 900),
    );
    const { anomalies, drift } = await profileOf(times, new TimestampMillisecond());
    expect(anomalies).toEqual([]);
    expect(drift).toMatchObject({ signal: 'bitsPerValue' });
    expect(drift!.score).toBeLessThan(DRIFT_SCORE);
  });

  test('scores nothing where there is too little', async () => {
    const few = await profileOf(sensor(7, () => 1).slice(0, 4 * ROWS), new Float64());
    expect(few.rowGroups.map(({ anomaly, drift }) => [anomaly, drift])).toEqual(
      Array.from({ length: 4 }, () => [null, null]),
    );
    expect(few.drift).toBeNull();
    const rest = await profileOf(sensor(8, () => 1).slice(0, 9 * ROWS + 40), new Float64());
    expect(rest.rowGroups).toHaveLength(10);
    expect(rest.rowGroups[9]!.anomaly).toBeNull();
    expect(rest.anomalies).toEqual([]);
    const none = await profileOf([], new Float64());
    expect(none).toMatchObject({ rowCount: 0, byteCount: 0, bitsPerValue: 0, drift: null, rowGroups: [] });
  });

  test('tells nulls and the bounds of text', async () => {
    const words = Array.from({ length: 100 }, (_, i) => (i % 4 === 0 ? null : `word ${i % 7}`));
    const { rowGroups } = await profileOf(words, new Utf8(), 50);
    expect(rowGroups[0]).toMatchObject({ nullShare: 0.26, min: 'word 0', max: 'word 6', mean: null });
  });
});
