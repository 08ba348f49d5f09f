import { Field, Float64, Int64, Schema, TimestampMillisecond, vectorFromArray } from 'apache-arrow';
import { decodeChunk } from '#core/columnar/index.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { encodeOne } from '#core/columnar/testing/sample-table.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { launchBrowser } from '#tests/support/browser.ts';
import { openReaderPage } from '#tests/support/browser-reader.ts';
import { atLeast, type Measurement, reported } from './measure.ts';

const ROWS = 1 << 20;
const REPEATS = 7;
const VALUES_TARGET = 40;

const random = seededRandom(2);
let level = 0;
const walk = (steps: number) => (level += Math.round((random() + random() + random() - 1.5) * steps));

/** Columns of numbers whose frames are decoded rather than copied. */
const COLUMNS = {
  'integer walk': () =>
    vectorFromArray(
      Array.from({ length: ROWS }, () => BigInt(walk(20))),
      new Int64(),
    ),
  'price with 2 decimals': () =>
    vectorFromArray(
      Array.from({ length: ROWS }, () => walk(9) / 100),
      new Float64(),
    ),
  'timestamps with jitter': () =>
    vectorFromArray(
      Array.from({ length: ROWS }, (_, i) => 1_700_000_000_000 + i * 1000 + Math.round((random() - 0.5) * 60)),
      new TimestampMillisecond(),
    ),
};

const rateText = (rate: number): string => `${rate.toFixed(0)} M/s`;

/**
 * The same columns decoded by the same source in Node and in Chromium, and the same frames by Chromium's own WebCodecs,
 * which must give the same pixels. Millions a second, the best of several runs; one thread of ours on either side.
 */
export async function measureInChromium(): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const segments = await Promise.all(
    Object.entries(COLUMNS).map(async ([name, make]) => {
      const column = make();
      const batch = batchOf(new Schema([new Field(name, column.type, false)]), ROWS, [column.data[0]!]);
      return [name, await encodeOne(batch)] as const;
    }),
  );
  for (const [name, { header, bytes }] of segments) {
    let best = 0;
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now();
      header.rowGroups.forEach(({ chunks: [chunk] }, rowGroup) => {
        const { offset, byteCount } = chunk!;
        decodeChunk(header, rowGroup, 0, bytes.subarray(offset, offset + byteCount));
      });
      best = Math.max(best, ROWS / (performance.now() - start) / 1000);
    }
    measurements.push(atLeast(`${name}, values in Node`, best, VALUES_TARGET, rateText));
  }
  const browser = await launchBrowser();
  if (!browser) return [...measurements, reported('in Chromium', 'no browser can be had here')];
  try {
    const files = Object.fromEntries(segments.map(([name, { bytes }]) => [`${name}.webm`, bytes]));
    await using reader = await openReaderPage(browser, files);
    for (const [name] of segments) {
      const url = `${reader.server.url}/${encodeURIComponent(name)}.webm`;
      const { values, own, platform } = await reader.call('measure', url, REPEATS);
      measurements.push(
        atLeast(`${name}, values in Chromium ${browser.version().split('.')[0]}`, values, VALUES_TARGET, rateText),
        reported(`${name}, pictures in Chromium by our decoder`, rateText(own)),
        reported(`${name}, the same by its WebCodecs, exact`, rateText(platform)),
      );
    }
  } finally {
    await browser.close();
  }
  return measurements;
}
