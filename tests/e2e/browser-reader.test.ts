import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Field, Float64, Int32, Schema, vectorFromArray } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodePalette } from '#core/columnar/av1/index.ts';
import { createFrameDecoder, type EncodedRowGroup } from '#core/columnar/index.ts';
import { columnPicture } from '#core/columnar/column-picture.ts';
import { batchOf } from '#core/columnar/rebatch.ts';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';
import { encodeOne, sampleBatch } from '#core/columnar/testing/sample-table.ts';
import { writeSegment } from '#core/columnar/webm/write-segment.ts';
import { launchBrowser } from '#tests/support/browser.ts';
import { openReaderPage, type ReaderPage } from '#tests/support/browser-reader.ts';

const GOLDEN = join(import.meta.dirname, '../golden/segment-v1');
const names = (await readdir(GOLDEN)).filter((name) => name.endsWith('.webm'));

const ROW_GROUP_ROWS = 32_768;
const table = sampleBatch(3 * ROW_GROUP_ROWS);
const large = await encodeOne(table, ROW_GROUP_ROWS);

/** Two row groups of bands of five values, stored as they look: a colour for each value, in order. */
const BANDS_ROWS = 65_536;
const schema = new Schema([new Field('bands', new Int32(), true)]);
const bandsOf = (rowGroup: number): EncodedRowGroup => {
  const symbols = Uint8Array.from({ length: BANDS_ROWS }, (_, row) => Math.floor(row / (5000 + 3000 * rowGroup)) % 5);
  const unit = encodePalette(symbols, { alphabet: 5, mapping: 'raw' });
  const encoding = { method: 'palette', mapping: 'integer', pixels: 'raw' } as const;
  const chunk = { unit, byteCount: unit.length, encoding, statistics: { nullCount: 0 }, checksum: '0'.repeat(16) };
  return { rowCount: BANDS_ROWS, chunks: [chunk] };
};
const picture = writeSegment(schema, [bandsOf(0), bandsOf(1)]);

/** Row groups that are large enough to carry a picture: a day after day, with a gap. */
const DAYS_ROWS = 2 * 262_144;
const days = vectorFromArray(
  Array.from({ length: DAYS_ROWS }, (_, i) =>
    i % 100_000 < 9000
      ? null
      : Math.round(2000 + 1000 * Math.sin(i / 20_000) + ((Math.imul(i, i + 7919) >>> 9) % 97)) / 100,
  ),
  new Float64(),
);
const daysBatch = batchOf(new Schema([new Field('days', days.type, true)]), DAYS_ROWS, [days.data[0]!]);
const pictured = await encodeOne(daysBatch, DAYS_ROWS / 2);

const browser = await launchBrowser();

describe.runIf(browser)('in Chromium', () => {
  let reader: ReaderPage;

  beforeAll(async () => {
    const golden = await Promise.all(names.map(async (name) => [name, await readFile(join(GOLDEN, name))] as const));
    const files = {
      ...Object.fromEntries(golden),
      'large.webm': large.bytes,
      'picture.webm': picture.bytes,
      'days.webm': pictured.bytes,
    };
    reader = await openReaderPage(browser!, files);
  });
  afterAll(async () => {
    await reader[Symbol.asyncDispose]();
    await browser!.close();
  });
  const url = (name: string) => `${reader.server.url}/${name}`;

  test('both decoders are there', async () => {
    expect(await reader.call('probe')).toEqual([
      { name: 'granary', supported: true },
      { name: 'platform', supported: true },
    ]);
  });

  test.each(names)('%s gives the values that it gives in Node', async (name) => {
    const answer = JSON.parse(await readFile(join(GOLDEN, name.replace('.webm', '.json')), 'utf8')) as {
      columns: string[][];
    };
    expect(await reader.call('rows', url(name))).toEqual(answer.columns);
  });

  test.each([...names, 'large.webm', 'picture.webm'])(
    'the native decoder sees the pixels of ours in every frame of %s',
    async (name) => {
      const { different } = await reader.call('compareFrames', url(name));
      expect(different).toEqual([]);
    },
  );

  test('those were frames of every method', async () => {
    const methods = new Set<string>();
    for (const name of [...names, 'picture.webm'])
      for (const method of Object.keys((await reader.call('compareFrames', url(name))).methods)) methods.add(method);
    expect([...methods].toSorted()).toEqual(['constant', 'integers', 'model', 'palette', 'plain', 'zstd']);
  });

  test('one column of one row group costs the header and its own bytes', async () => {
    reader.server.sent.length = 0;
    const column = 5;
    const rows = await reader.call('chunkRows', url('large.webm'), 1, column);
    const asked = rowsOf(table.data.children[column]!).slice(ROW_GROUP_ROWS, 2 * ROW_GROUP_ROWS);
    expect(rows).toEqual(asked);
    const { byteCount } = large.header.rowGroups[1]!.chunks[column]!;
    expect(reader.server.sent).toEqual([1, 16 * 1024, byteCount]);
  });

  test('a video element shows each row group as the picture that its frame is', async () => {
    for (const rowGroup of [0, 1]) {
      const shown = await reader.call('picture', url('picture.webm'), rowGroup + 0.5);
      const { offset, byteCount } = picture.header.rowGroups[rowGroup]!.chunks[0]!;
      const frame = await createFrameDecoder('granary').decode(picture.bytes.subarray(offset, offset + byteCount));
      expect([shown.width, shown.height, shown.duration]).toEqual([frame.width, frame.height, 2]);
      const colours = Uint8Array.from(shown.red, (shade) => shade.charCodeAt(0));
      // Chromium takes unspecified colour for limited range, whatever the stream says; the shades are chosen to allow it.
      const stretched = frame.pixels.map((shade) => Math.round(((shade - 16) * 255) / 219));
      expect([stretched, frame.pixels].some((expected) => Buffer.compare(colours, expected) === 0)).toBe(true);
      // Five values, five colours in their order.
      expect([...new Set(colours)].toSorted((a, b) => a - b)).toHaveLength(5);
    }
  });

  test('a video element shows a large row group as a picture of its values', async () => {
    for (const rowGroup of [0, 1]) {
      const shown = await reader.call('picture', url('days.webm'), rowGroup + 0.5, 64);
      expect(shown.duration).toBe(2);
      const colours = Uint8Array.from(shown.red, (shade) => shade.charCodeAt(0));
      const rows = days.data[0]!.slice((rowGroup * DAYS_ROWS) / 2, DAYS_ROWS / 2);
      const ranks = [...new Set(colours)].toSorted((a, b) => a - b);
      const cells = columnPicture(rows, ranks.length - 1)!;
      expect(
        Buffer.compare(
          colours.map((colour) => ranks.indexOf(colour)),
          cells,
        ),
      ).toBe(0);
    }
  });

  test('a video element plays a segment to its end', async () => {
    const { ended, frames } = await reader.call('play', url('picture.webm'));
    expect(ended).toBe(true);
    expect(frames.length).toBeGreaterThan(0);
    const many = await reader.call('play', url('large.webm'));
    expect(many.ended).toBe(true);
  });
});
