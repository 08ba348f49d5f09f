import {
  DateDay,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  makeVector,
  Table,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';

const ROWS = 1_000_000;

const WORDS =
  'the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which'.split(
    ' ',
  );

/** One large table of what columns of sensors, shops and logs look like; the same on every run. */
export function syntheticTable(): Table {
  const random = seededRandom(3);
  const noise = () => random() + random() + random() - 1.5;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(items.length * random() ** 2)]!;
  const running = (step: () => number) => {
    let sum = 0;
    return () => (sum += step());
  };
  const walk = running(() => Math.round(noise() * 20));
  const price = running(() => Math.round(noise() * 5) / 100);
  const clock = running(() => 1_000_000 + Math.round(noise() * 60));
  const doubles = running(() => noise() / 7);
  const categories = Array.from({ length: 40 }, (_, i) => `category ${i}`);
  const int64 = (next: (i: number) => number) =>
    makeVector(makeData({ type: new Int64(), data: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(next(i))) }));
  const float64 = (next: (i: number) => number) =>
    makeVector(makeData({ type: new Float64(), data: Float64Array.from({ length: ROWS }, (_, i) => next(i)) }));
  const text = (next: (i: number) => string) =>
    vectorFromArray(
      Array.from({ length: ROWS }, (_, i) => next(i)),
      new Utf8(),
    );
  const daily = (i: number) => 15 + 8 * Math.sin((2 * Math.PI * i) / 1440);
  return new Table({
    'random walk': int64(walk),
    'jittered timestamps': makeVector(
      makeData({
        type: new TimestampMicrosecond(),
        data: BigInt64Array.from({ length: ROWS }, () => 1_700_000_000_000_000n + BigInt(clock())),
      }),
    ),
    'days in order': makeVector(
      makeData({
        type: new DateDay(),
        data: Int32Array.from({ length: ROWS }, (_, i) => 18_000 + Math.floor(i / 700)),
      }),
    ),
    'ids with gaps': int64(running(() => 1 + Math.floor(-Math.log(1 - random()) * 2))),
    'noise of 40 bits': int64(() => Math.floor(random() * 2 ** 40)),
    'small counts': makeVector(
      makeData({
        type: new Int32(),
        data: Int32Array.from({ length: ROWS }, () => Math.floor(-Math.log(1 - random()) * 3)),
      }),
    ),
    'sensor, 2 decimals, daily': float64((i) => Math.round((daily(i) + noise()) * 100) / 100),
    'sensor, 1 decimal, single': makeVector(
      makeData({
        type: new Float32(),
        data: Float32Array.from({ length: ROWS }, (_, i) => Math.round((daily(i) + noise()) * 10) / 10),
      }),
    ),
    'sensor, exactly periodic': float64((i) => Math.round(daily(i) * 1000) / 1000),
    'picture of 1000 a row': int64((i) =>
      Math.round(500 * Math.sin((i % 1000) / 90) + 500 * Math.sin(i / 150_000) + noise() * 3),
    ),
    'price, 2 decimals': float64(() => Math.round((100 + price()) * 100) / 100),
    'doubles, walk': float64(doubles),
    'doubles, noise': float64(random),
    'doubles, singles widened': float64(() => Math.fround(random() * 100)),
    category: text(() => pick(categories)),
    uuid: text(() =>
      Array.from({ length: 4 }, () =>
        Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join('-'),
    ),
    sentence: text(() => Array.from({ length: 8 }, () => pick(WORDS)).join(' ')),
  });
}
