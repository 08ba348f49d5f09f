import { type DataType, type RecordBatch, util } from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createInlineRowGroupEncoder,
  decodeChunk,
  encodeSegments,
  type EncodedSegment,
  parseSegmentHeader,
  verifySegment,
} from './index.ts';
import { arbitraryBatch } from './testing/arbitrary-batch.ts';
import { rowsOf } from './testing/rows-of.ts';

async function* only(...batches: RecordBatch[]) {
  yield* batches;
}

async function encodeAll(
  batches: readonly [RecordBatch, ...RecordBatch[]],
  rowGroupRows?: number,
): Promise<EncodedSegment[]> {
  const segments: EncodedSegment[] = [];
  const encoder = createInlineRowGroupEncoder();
  for await (const segment of encodeSegments(batches[0].schema, only(...batches), { encoder, rowGroupRows })) {
    segments.push(segment);
  }
  return segments;
}

function decodeRows(bytes: Uint8Array): string[][] {
  const header = parseSegmentHeader(bytes, bytes.length);
  if ('needByteCount' in header) throw new Error('the whole file was there');
  const columns: string[][] = header.schema.fields.map(() => []);
  header.rowGroups.forEach((group, g) =>
    group.chunks.forEach((chunk, c) => {
      const unit = bytes.subarray(chunk.offset, chunk.offset + chunk.byteCount);
      const data = decodeChunk(header, g, c, unit);
      expect(util.compareTypes(data.type as DataType, header.schema.fields[c]!.type as DataType)).toBe(true);
      expect(data.length).toBe(group.rowCount);
      columns[c]!.push(...rowsOf(data));
    }),
  );
  return columns;
}

test('any table of the supported types comes back bit for bit', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBatch(), async (batch) => {
      const [segment] = await encodeAll([batch]);
      expect(decodeRows(segment!.bytes)).toEqual(batch.data.children.map(rowsOf));
      expect(segment!.header.rowCount).toBe(batch.numRows);
    }),
    { numRuns: 2000, seed: 20261123, endOnFailure: true },
  );
});

test('rows keep their order when batches are cut and joined into row groups', async () => {
  const batchWithSize = fc.tuple(
    arbitraryBatch({ columnsMax: 2, rowsMax: 30 }),
    fc.integer({ min: 1, max: 20 }),
    fc.array(fc.nat({ max: 30 })),
  );
  await fc.assert(
    fc.asyncProperty(batchWithSize, async ([batch, rowGroupRows, cuts]) => {
      const ends = [...cuts.filter((cut) => cut < batch.numRows).toSorted((a, b) => a - b), batch.numRows];
      const parts = ends.map((end, i) => batch.slice(ends[i - 1] ?? 0, end));
      const segments = await encodeAll(parts as [RecordBatch], rowGroupRows);
      expect(segments).toHaveLength(1);
      expect(decodeRows(segments[0]!.bytes)).toEqual(batch.data.children.map(rowsOf));
    }),
    { numRuns: 1000, seed: 7, endOnFailure: true },
  );
});

test('encoding the same rows twice gives the same file', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBatch(), async (batch) => {
      const [[first], [second]] = [await encodeAll([batch]), await encodeAll([batch])];
      expect(first!.hash).toBe(second!.hash);
    }),
    { numRuns: 50, seed: 3 },
  );
});

test('a segment that was not touched has no faults', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBatch(), async (batch) => {
      const [segment] = await encodeAll([batch]);
      const faults = [];
      for await (const fault of verifySegment(segment!.bytes, segment!.hash)) faults.push(fault);
      expect(faults).toEqual([]);
    }),
    { numRuns: 100, seed: 4 },
  );
});
