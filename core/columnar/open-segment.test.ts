import { expect, test } from 'vitest';
import { GranaryError, isGranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { serveFiles } from '#tests/support/file-server.ts';
import { browserZstd } from './adapters/browser-zstd.ts';
import { nodeZstd } from './adapters/node-zstd.ts';
import { blobSource, bytesSource, openHttpSource, openSegment } from './index.ts';
import { rowsOf } from './testing/rows-of.ts';
import { encodeOne, sampleBatch } from './testing/sample-table.ts';
import { seededRandom } from './testing/seeded-random.ts';

const ROW_GROUP_ROWS = 32_768;
const batch = sampleBatch(3 * ROW_GROUP_ROWS);
const segment = await encodeOne(batch, ROW_GROUP_ROWS);
const headerByteCount = segment.header.rowGroups[0]!.chunks[0]!.offset;
const columns = batch.schema.fields.map((_, column) => column);
const rowsAsked = (rowGroup: number, column: number) =>
  rowsOf(batch.data.children[column]!).slice(rowGroup * ROW_GROUP_ROWS, (rowGroup + 1) * ROW_GROUP_ROWS);

test('one column of one row group is read from a web server by its header and its own bytes', async () => {
  await using server = await serveFiles({ 'table.webm': segment.bytes });
  const source = await openHttpSource(`${server.url}/table.webm`);
  const opened = await openSegment(source);
  const opening = server.sent.reduce((sum, count) => sum + count, 0);
  // One byte tells the size; a header that fits into 16 KiB is one request.
  expect(headerByteCount).toBeLessThan(16 * 1024);
  expect(server.sent).toEqual([1, 16 * 1024]);
  const chunk = opened.header.rowGroups[1]!.chunks[5]!;
  expect(rowsOf(await opened.readChunk(1, 5))).toEqual(rowsAsked(1, 5));
  expect(server.sent.slice(2)).toEqual([chunk.byteCount]);
  expect((opening + chunk.byteCount) * 4).toBeLessThan(segment.bytes.length);
});

test('a header larger than the first read is read once', async () => {
  const many = await encodeOne(batch, 1024);
  const header = many.header.rowGroups[0]!.chunks[0]!.offset;
  expect(header).toBeGreaterThan(32 * 1024);
  const reads: { offset: number; byteCount: number }[] = [];
  const memory = bytesSource(many.bytes);
  const source: ByteSource = {
    ...memory,
    read(offset, byteCount) {
      reads.push({ offset, byteCount });
      return memory.read(offset, byteCount);
    },
  };
  await openSegment(source);
  reads.forEach(({ offset }, i) => expect(offset).toBe(i === 0 ? 0 : reads[i - 1]!.offset + reads[i - 1]!.byteCount));
  expect(reads.at(-1)!.offset + reads.at(-1)!.byteCount).toBeLessThan(2 * header);
});

test('a segment is read from a blob', async () => {
  const opened = await openSegment(blobSource(new Blob([segment.bytes])));
  expect(opened.asWritten).toBe(true);
  for (const column of columns) expect(rowsOf(await opened.readChunk(2, column))).toEqual(rowsAsked(2, column));
  await expect(blobSource(new Blob(['ab'])).read(1, 2)).rejects.toMatchObject({ code: 'IO_FAILED' });
});

test('a server without ranges, a missing file and an abort are told apart', async () => {
  await using server = await serveFiles({ 'table.webm': segment.bytes }, { ranges: false });
  await expect(openHttpSource(`${server.url}/table.webm`)).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('does not serve byte ranges'),
  });
  await expect(openHttpSource(`${server.url}/none.webm`)).rejects.toMatchObject({
    code: 'IO_FAILED',
    message: expect.stringContaining('answers 404'),
  });
  const signal = AbortSignal.abort();
  await expect(openHttpSource(`${server.url}/table.webm`, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('a file that was cut off gives the chunks it still holds', async () => {
  const third = segment.header.rowGroups[2]!.chunks[4]!;
  const cut = await openSegment(bytesSource(segment.bytes.slice(0, third.offset + third.byteCount - 1)));
  expect(cut.asWritten).toBe(false);
  expect(cut.lost).toEqual(columns.filter((column) => column >= 4).map((column) => ({ column, rowGroup: 2 })));
  expect(rowsOf(await cut.readChunk(2, 3))).toEqual(rowsAsked(2, 3));
  await expect(cut.readChunk(2, 4)).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT' });
});

test('damage anywhere gives the right values or a typed error', async () => {
  const small = await encodeOne(sampleBatch(300), 100);
  const expected = columns.map((column) => rowsOf(sampleBatch(300).data.children[column]!).slice(100, 200));
  const random = seededRandom(5);
  const below = (limit: number) => Math.floor(random() * limit);
  let recovered = 0;
  for (let run = 0; run < 600; run++) {
    const damaged = small.bytes.slice(0, run % 3 === 0 ? below(small.bytes.length) : small.bytes.length);
    for (let flips = 0; flips < 1 + (run % 4); flips++)
      if (damaged.length > 0) damaged[below(damaged.length)] = below(256);
    try {
      const opened = await openSegment(bytesSource(damaged));
      const column = below(columns.length);
      const rows = rowsOf(await opened.readChunk(1, column));
      expect(rows).toEqual(expected[column]);
      if (!opened.asWritten) recovered += 1;
    } catch (error) {
      if (!(error instanceof GranaryError)) throw error;
      expect(['FORMAT_INVALID', 'FORMAT_VERSION', 'LIMIT_EXCEEDED', 'SEGMENT_CORRUPT', 'IO_FAILED']).toContain(
        error.code,
      );
    }
  }
  expect(recovered).toBeGreaterThan(10);
});

test('the zstd of browsers expands what that of Node compresses, and survives damage', () => {
  const random = seededRandom(6);
  for (let run = 0; run < 300; run++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 20_000) }, () => Math.floor(random() ** 3 * 256));
    const compressed = nodeZstd.compress(bytes);
    expect(Buffer.compare(browserZstd.decompress(compressed, bytes.length), bytes)).toBe(0);
    compressed[Math.floor(random() * compressed.length)]! ^= 1 << Math.floor(random() * 8);
    try {
      expect(browserZstd.decompress(compressed, bytes.length)).toHaveLength(bytes.length);
    } catch (error) {
      expect(error).toSatisfy((thrown) => isGranaryError(thrown, 'FORMAT_INVALID'));
    }
  }
  expect(() => browserZstd.decompress(nodeZstd.compress(new Uint8Array(9)), 2 ** 31 - 1)).toThrow('cannot expand');
});
