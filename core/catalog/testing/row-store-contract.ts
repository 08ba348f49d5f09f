import {
  Bool,
  DataType,
  DateDay,
  Decimal,
  Float32,
  Float64,
  Int64,
  type RecordBatch,
  type Schema,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssetId, type Progress, uuidv7 } from '#core/kernel/index.ts';
import { systemClock, systemRandom } from '#core/platform/index.ts';
import type { RowStore, SegmentRef, WriteTarget } from '../ports.ts';
import { arbitraryFilter, holdsFor } from './arbitrary-filter.ts';
import { cellsOf, readCells } from './row-cells.ts';
import { arbitraryTable, arbitraryTableOf, sampleRows, type TableRows } from './table-rows.ts';

/** A row store under test, with what a test does to it from outside. */
export interface RowStoreHarness {
  readonly store: RowStore;
  /** What the node does once a version of these segments is committed. */
  commit(target: WriteTarget, segments: readonly SegmentRef[]): Promise<void>;
  /** Pieces that lie in the store, whether they belong to a segment or not. */
  pieceCount(): Promise<number>;
  /** Changes one bit in the middle of what is stored of the segment. */
  flipBit(segment: SegmentRef): Promise<void>;
  /** Takes away what is stored of the segment. */
  lose(segment: SegmentRef): Promise<void>;
  /** Lets the writes that follow fail with `DISK_FULL`, until called with false. */
  fillDisk(isFull: boolean): void;
  close(): Promise<void>;
}

const SEED = 20_261_123;

/** What every row store does. `open` makes an empty store; it is called once for each test. */
export function describeRowStore(name: string, open: () => Promise<RowStoreHarness>): void {
  describe(`${name} as a row store`, () => {
    let harness: RowStoreHarness;

    const opened = (run: (harness: RowStoreHarness) => Promise<void>) => async () => {
      const fresh = await open();
      try {
        await run(fresh);
      } finally {
        await fresh.close();
      }
    };

    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness.close());

    test('gives back tables of every type, bit for bit', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryTable(), async ({ schema, batches }) => {
          const { target, segments } = await stored(harness, { schema, batches });
          const columns = schema.fields.map((field) => field.name);
          expect(await readCells(harness.store.scan(target, segments, { columns, filters: [] }))).toEqual(
            cellsOf(batches),
          );
          const rowCount = batches.reduce((total, batch) => total + batch.numRows, 0);
          expect(segments.reduce((total, segment) => total + segment.rowCount, 0)).toBe(rowCount);
        }),
        { seed: SEED, numRuns: 150 },
      );
    });

    test('summarises the nulls of each column', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryTable(), async (rows) => {
          const { segments } = await stored(harness, rows);
          const cells = cellsOf(rows.batches);
          rows.schema.fields.forEach(({ type }, i) => {
            // What counts as a null of a union is nobody's to tell: it has none of its own.
            if (DataType.isUnion(type)) return;
            const nullCount = segments.reduce((total, segment) => total + segment.columns[i]!.nullCount, 0);
            expect(nullCount).toBe(cells.filter((row) => row[i] === 'null').length);
          });
        }),
        { seed: SEED, numRuns: 30 },
      );
    });

    test('yields the columns asked for, in the order asked', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryTable(), fc.infiniteStream(fc.nat()), async (rows, picks) => {
          const { target, segments } = await stored(harness, rows);
          const indexes = rows.schema.fields.map((_, i) => i).sort(() => (picks.next().value! % 3) - 1);
          const wanted = indexes.slice(0, picks.next().value! % (indexes.length + 1));
          const columns = wanted.map((i) => rows.schema.fields[i]!.name);
          const batches = await Array.fromAsync(harness.store.scan(target, segments, { columns, filters: [] }));
          for (const batch of batches) expect(batch.schema.fields.map((field) => field.name)).toEqual(columns);
          expect(cellsOf(batches)).toEqual(cellsOf(rows.batches).map((row) => wanted.map((i) => row[i])));
        }),
        { seed: SEED, numRuns: 30 },
      );
    });

    test('counts rows when no column is asked for', async () => {
      const { target, segments } = await stored(harness, sampleRows(40));
      const batches = await Array.fromAsync(harness.store.scan(target, segments, { columns: [], filters: [] }));
      expect(batches.reduce((total, batch) => total + batch.numRows, 0)).toBe(40);
      expect(batches.every((batch) => batch.numCols === 0)).toBe(true);
    });

    test('loses no row that a filter keeps', async () => {
      const rows = arbitraryTableOf(FILTER_TYPES);
      await fc.assert(
        fc.asyncProperty(
          rows.chain((table) =>
            fc.tuple(fc.constant(table), fc.array(arbitraryFilter(table), { minLength: 1, maxLength: 2 })),
          ),
          async ([table, filters]) => {
            const { target, segments } = await stored(harness, table);
            const columns = table.schema.fields.map((field) => field.name);
            const found = await readCells(harness.store.scan(target, segments, { columns, filters }));
            const left = found.map((row) => JSON.stringify(row));
            for (const row of keptRows(table, filters)) {
              const at = left.indexOf(JSON.stringify(row));
              expect(at, `a row that holds for ${JSON.stringify(filters)}`).toBeGreaterThanOrEqual(0);
              left.splice(0, at + 1);
            }
          },
        ),
        { seed: SEED, numRuns: 150 },
      );
    });

    test('keeps the order of rows over many segments, in which a segment may stand twice', async () => {
      const [first, second] = [sampleRows(30), sampleRows(20, 100)];
      const target = targetOf(first.schema);
      const a = await write(harness.store, target, first.batches);
      const b = await write(harness.store, target, second.batches);
      const segments = [...b, ...a, ...b];
      await harness.commit(target, segments);
      const cells = await readCells(harness.store.scan(target, segments, everything(target)));
      expect(cells).toEqual(cellsOf([...second.batches, ...first.batches, ...second.batches]));
    });

    test('holds tables without rows', async () => {
      const { schema } = sampleRows(0);
      const { target, segments } = await stored(harness, { schema, batches: [] });
      expect(segments.every((segment) => segment.rowCount === 0)).toBe(true);
      expect(await readCells(harness.store.scan(target, segments, everything(target)))).toEqual([]);
    });

    test('finds nothing wrong with what it stored', async () => {
      const { target, segments } = await stored(harness, sampleRows(500));
      expect(await Array.fromAsync(harness.store.verify(target, segments))).toEqual([]);
    });

    test('stores writes that run at the same time apart', async () => {
      const tables = [0, 100, 200].map((start) => sampleRows(50, start));
      const all = await Promise.all(tables.map((table) => stored(harness, table)));
      for (const [i, { target, segments }] of all.entries()) {
        const cells = await readCells(harness.store.scan(target, segments, everything(target)));
        expect(cells).toEqual(cellsOf(tables[i]!.batches));
      }
    });

    test('tells how far it has come, never going back', async () => {
      const steps: Progress[] = [];
      const table = sampleRows(2000);
      const target = targetOf(table.schema);
      await write(harness.store, target, table.batches, { report: (progress) => steps.push(progress) });
      expect(steps.at(-1)).toMatchObject({ done: 2000, unit: 'rows' });
      expect(steps.every((step, i) => i === 0 || step.done >= steps[i - 1]!.done)).toBe(true);
    });

    test(
      'removes what nothing refers to and keeps the rest',
      opened(async ({ store, commit, pieceCount }) => {
        const [kept, gone] = [sampleRows(30), sampleRows(30, 1000)];
        const target = targetOf(kept.schema);
        const keptSegments = await write(store, target, kept.batches);
        await commit(target, keptSegments);
        const before = await pieceCount();
        const goneSegments = await write(store, target, gone.batches);
        const known = new Set(keptSegments.map((segment) => segment.id));
        expect(await store.removeUnreferenced((id) => known.has(id))).toBe(goneSegments.length);
        expect(await pieceCount()).toBe(before);
        expect(await readCells(store.scan(target, keptSegments, everything(target)))).toEqual(cellsOf(kept.batches));
        expect(await store.removeUnreferenced((id) => known.has(id))).toBe(0);
        expect(await store.removeUnreferenced(() => false)).toBe(keptSegments.length);
        expect(await pieceCount()).toBe(0);
      }),
    );

    test(
      'finds a flipped bit by verifying and by reading',
      opened(async ({ store, flipBit }) => {
        const table = sampleRows(300);
        const target = targetOf(table.schema);
        const [segment] = await write(store, target, table.batches);
        await flipBit(segment!);
        const faults = await Array.fromAsync(store.verify(target, [segment!]));
        expect(faults[0]).toMatchObject({ code: 'SEGMENT_CORRUPT', segmentId: segment!.id });
        await expect(readCells(store.scan(target, [segment!], everything(target)))).rejects.toMatchObject({
          code: 'SEGMENT_CORRUPT',
          message: expect.stringContaining(JSON.stringify(target.assetName)),
        });
      }),
    );

    test(
      'says which segment is missing',
      opened(async ({ store, lose }) => {
        const table = sampleRows(30);
        const target = targetOf(table.schema);
        const [segment] = await write(store, target, table.batches);
        await lose(segment!);
        const faults = await Array.fromAsync(store.verify(target, [segment!]));
        expect(faults).toMatchObject([{ code: 'SEGMENT_MISSING', segmentId: segment!.id }]);
        await expect(readCells(store.scan(target, [segment!], everything(target)))).rejects.toMatchObject({
          code: 'SEGMENT_MISSING',
        });
      }),
    );

    test(
      'leaves nothing behind when the disk is full',
      opened(async ({ store, fillDisk, pieceCount }) => {
        const table = sampleRows(30);
        const target = targetOf(table.schema);
        fillDisk(true);
        await expect(write(store, target, table.batches)).rejects.toMatchObject({ code: 'DISK_FULL' });
        fillDisk(false);
        expect(await pieceCount()).toBe(0);
        const segments = await write(store, target, table.batches);
        expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
      }),
    );

    test(
      'leaves only what can be removed when a write is cancelled',
      opened(async ({ store, pieceCount }) => {
        const table = sampleRows(5000);
        const target = targetOf(table.schema);
        const stop = new AbortController();
        async function* source() {
          yield* table.batches;
          stop.abort();
          yield* table.batches;
        }
        const written = Array.fromAsync(store.write(target, source(), { signal: stop.signal }));
        await expect(written).rejects.toMatchObject({ code: 'CANCELLED' });
        await store.removeUnreferenced(() => false);
        expect(await pieceCount()).toBe(0);
      }),
    );

    test('stops a scan and a verification that are cancelled', async () => {
      const { target, segments } = await stored(harness, sampleRows(30));
      const signal = AbortSignal.abort();
      await expect(
        Array.fromAsync(harness.store.scan(target, segments, everything(target), { signal })),
      ).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(Array.fromAsync(harness.store.verify(target, segments, { signal }))).rejects.toMatchObject({
        code: 'CANCELLED',
      });
    });

    test('passes on what the source of the rows throws', async () => {
      const { schema, batches } = sampleRows(30);
      async function* source() {
        yield* batches;
        throw new Error('the source broke');
      }
      await expect(Array.fromAsync(harness.store.write(targetOf(schema), source()))).rejects.toThrow(
        'the source broke',
      );
    });
  });
}

const FILTER_TYPES = [
  new Bool(),
  new Int64(),
  new Float32(),
  new Float64(),
  new Decimal(2, 9, 128),
  new DateDay(),
  new TimestampMicrosecond('UTC'),
  new Utf8(),
];

/** What a fresh asset of this schema is written to. */
export const targetOf = (schema: Schema): WriteTarget => ({
  assetId: uuidv7<AssetId>({ clock: systemClock, random: systemRandom }),
  assetName: `o'brien's "table"`,
  schema,
});

export const everything = ({ schema }: WriteTarget) => ({
  columns: schema.fields.map((field) => field.name),
  filters: [],
});

/** Writes the batches; the references in the order they came. */
export async function write(
  store: RowStore,
  target: WriteTarget,
  batches: readonly RecordBatch[],
  options?: Parameters<RowStore['write']>[2],
): Promise<SegmentRef[]> {
  async function* source() {
    yield* batches;
  }
  return Array.fromAsync(store.write(target, source(), options));
}

async function stored(harness: RowStoreHarness, { schema, batches }: TableRows) {
  const target = targetOf(schema);
  const segments = await write(harness.store, target, batches);
  await harness.commit(target, segments);
  return { target, segments };
}

function keptRows({ schema, batches }: TableRows, filters: readonly Parameters<typeof holdsFor>[1][]) {
  const cells = cellsOf(batches);
  const holds = filters.map((filter) => holdsFor({ schema, batches }, filter));
  return cells.filter((_, row) => holds.every((rows) => rows[row]));
}
