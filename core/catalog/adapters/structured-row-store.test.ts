import {
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  TimestampNanosecond,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInlineRowGroupEncoder } from '#core/columnar/index.ts';
import { openPglite, openPostgres } from '#core/platform/index.ts';
import type { SqlConnection, SqlDatabase } from '#core/platform/ports.ts';
import { createMemoryFileSystem } from '#core/platform/testing/memory-file-system.ts';
import { type PostgresServer, startPostgres } from '#tests/support/postgres.ts';
import { cellsOf, readCells } from '../testing/row-cells.ts';
import { describeRowStore, everything, targetOf, write } from '../testing/row-store-contract.ts';
import { sampleRows } from '../testing/table-rows.ts';
import type { RowStore, ScanRequest, SegmentRef, WriteTarget } from '../ports.ts';
import { LAKE_COLUMNS_MAX, readLakeTable } from './lake-table.ts';
import { LAKE_LOAD_ROWS_MAX } from './materialise-segments.ts';
import { LAKE_SCAN_ROWS_MAX } from './scan-lake-table.ts';
import { createStructuredRowStore } from './structured-row-store.ts';
import { createWebmRowStore } from './webm-row-store.ts';

interface Fault {
  /** Called before each transaction; may throw. */
  beforeTransaction?: () => void;
  /** Called before each COPY out. */
  beforeCopyOut?: () => Promise<void>;
}

/** A store on the given database whose rows are kept by a journal in memory. */
function open(database: SqlDatabase) {
  const files = createMemoryFileSystem();
  const journal = createWebmRowStore({ files, folder: '/home/journal', encoder: createInlineRowGroupEncoder() });
  const journalScans: ScanRequest[] = [];
  const copies: string[] = [];
  const fault: Fault = {};
  const watched: SqlDatabase = {
    ...database,
    transaction(work) {
      fault.beforeTransaction?.();
      return database.transaction(work);
    },
    async *copyOut(select, format, options) {
      await fault.beforeCopyOut?.();
      copies.push(select);
      yield* database.copyOut(select, format, options);
    },
  };
  const watchedJournal: RowStore = {
    ...journal,
    scan(target, segments, request, options) {
      journalScans.push(request);
      return journal.scan(target, segments, request, options);
    },
  };
  const store = createStructuredRowStore({ database: watched, journal: watchedJournal });
  return { files, journal, store, journalScans, copies, fault };
}

const tableNames = async (connection: SqlConnection): Promise<string[]> => {
  const rows = await connection.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace('lake')::oid AND relname ~ '^t.*_\\d+$'`,
  );
  return rows.map(({ name }) => name);
};

const engines: readonly { name: string; start: () => Promise<{ database: SqlDatabase; stop: () => Promise<void> }> }[] =
  [
    {
      name: 'PGlite',
      async start() {
        const database = await openPglite({ memory: true });
        return { database, stop: () => database.close() };
      },
    },
    {
      name: 'PostgreSQL',
      async start() {
        const server: PostgresServer = await startPostgres();
        const database = await openPostgres(server.url);
        return {
          database,
          async stop() {
            await database.close();
            await server.stop();
          },
        };
      },
    },
  ];

for (const { name, start } of engines) {
  describe(`POSTGRESQL on ${name}`, () => {
    let database: SqlDatabase;
    let stop: () => Promise<void>;

    beforeAll(async () => {
      ({ database, stop } = await start());
    });
    afterAll(() => stop());

    describeRowStore(`POSTGRESQL on ${name}`, async () => {
      const { files, journal, store } = open(database);
      let version = 0;
      const segmentFiles = async () => {
        await files.makeDirectory('/home/journal');
        const folders = await files.list('/home/journal');
        const lists = await Promise.all(folders.map((folder) => files.list(`/home/journal/${folder.name}`)));
        return lists.flat();
      };
      return {
        store,
        commit: (target, segments) => store.materialise(target, ++version, segments),
        pieceCount: async () => (await segmentFiles()).length,
        async flipBit({ id }) {
          const bytes = await files.readFile(journal.path(id));
          bytes[bytes.length >> 1]! ^= 1;
          await files.writeFileAtomic(journal.path(id), bytes);
        },
        lose: ({ id }) => files.remove(journal.path(id)),
        fillDisk: (isFull) => files.limitFreeBytes(isFull ? 100 : undefined),
        close: async () => {},
      };
    });

    test('answers from the table once it is loaded, and from the journal before', async () => {
      const { store, journalScans, copies } = open(database);
      const table = sampleRows(300);
      const target = targetOf(table.schema);
      const segments = await write(store, target, table.batches);
      expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
      expect([journalScans.length, copies.length]).toEqual([1, 0]);
      await store.materialise(target, 1, segments);
      journalScans.length = 0;
      expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
      expect([journalScans.length, copies.length]).toEqual([0, 1]);
    });

    test('loads nothing while a segment has not come to this node', async () => {
      const { store, journalScans } = open(database);
      const table = sampleRows(30);
      const target = targetOf(table.schema);
      const [segment] = await write(store, target, table.batches);
      await store.materialise(target, 1, [segment!, { ...segment!, id: 'f'.repeat(64), remote: true }]);
      expect([journalScans.length, await readLakeTable(database, target.assetId)]).toEqual([0, undefined]);
    });

    test('appends what is new, and answers for every version', async () => {
      const { store, journalScans } = open(database);
      const parts = [sampleRows(100), sampleRows(50, 100), sampleRows(70, 150)];
      const target = targetOf(parts[0]!.schema);
      const segments: SegmentRef[] = [];
      for (const [i, part] of parts.entries()) {
        segments.push(...(await write(store, target, part.batches)));
        await store.materialise(target, i + 1, [...segments]);
      }
      expect(journalScans.length).toBe(3);
      for (let count = 1; count <= 3; count++) {
        const cells = await readCells(store.scan(target, segments.slice(0, count), everything(target)));
        expect(cells).toEqual(cellsOf(parts.slice(0, count).flatMap((part) => part.batches)));
      }
      expect(journalScans.length).toBe(3);
      const later = await readCells(store.scan(target, segments.slice(1), everything(target)));
      expect(later).toEqual(cellsOf([...parts[1]!.batches, ...parts[2]!.batches]));
      expect(journalScans.length).toBe(4);
    });

    test('loads each row exactly once, wherever loading is cut short', async () => {
      const rows = 2 * LAKE_LOAD_ROWS_MAX + 10;
      const table = sampleRows(rows);
      for (let cut = 0; ; cut++) {
        const { store, fault, journalScans } = open(database);
        const target = targetOf(table.schema);
        const segments = [
          ...(await write(store, target, sampleRows(10, 1_000_000).batches)),
          ...(await write(store, target, table.batches)),
        ];
        let left = cut;
        fault.beforeTransaction = () => {
          if (left-- === 0) throw new Error('the power went');
        };
        const failed = await store.materialise(target, 1, segments).catch((error: Error) => error.message);
        delete fault.beforeTransaction;
        await store.materialise(target, 1, segments);
        await store.materialise(target, 1, segments);
        journalScans.length = 0;
        const ids = await readCells(store.scan(target, segments, { columns: ['id'], filters: [] }));
        expect(journalScans).toEqual([]);
        expect(ids.length).toBe(rows + 10);
        expect(new Set(ids.flat()).size).toBe(rows + 10);
        if (failed === undefined) break;
        expect(failed).toBe('the power went');
      }
    });

    test('loads once when asked several times at once, and passes over an older version', async () => {
      const { store } = open(database);
      const [first, second] = [sampleRows(100), sampleRows(50, 100)];
      const target = targetOf(first.schema);
      const one = await write(store, target, first.batches);
      const two = [...one, ...(await write(store, target, second.batches))];
      await Promise.all([
        store.materialise(target, 2, two),
        store.materialise(target, 1, one),
        store.materialise(target, 2, two),
      ]);
      const state = await readLakeTable(database, target.assetId);
      expect(state?.segments.map((segment) => segment.id)).toEqual(two.map((segment) => segment.id));
      expect(state?.version).toBe(2);
    });

    test('replaces the table when a version is no continuation, also while it is being read', async () => {
      const { store, fault, journalScans } = open(database);
      const rows = LAKE_SCAN_ROWS_MAX + 1000;
      const [long, other] = [sampleRows(rows), sampleRows(20)];
      const target = targetOf(long.schema);
      const before = await write(store, target, long.batches);
      const after = await write(store, target, other.batches);
      await store.materialise(target, 1, before);
      const tablesBefore = await tableNames(database);
      journalScans.length = 0;
      let copyCount = 0;
      fault.beforeCopyOut = async () => {
        if (++copyCount === 2) await store.materialise(target, 2, after);
      };
      const ids = await readCells(store.scan(target, before, { columns: ['id'], filters: [] }));
      expect(ids).toEqual(cellsOf(long.batches).map(([id]) => [id]));
      delete fault.beforeCopyOut;
      const tablesAfter = await tableNames(database);
      expect(tablesAfter.length).toBe(tablesBefore.length);
      expect(tablesAfter).not.toEqual(tablesBefore);
      expect(await readCells(store.scan(target, after, everything(target)))).toEqual(cellsOf(other.batches));
    });

    test('loads anew what was lost', async () => {
      const { store } = open(database);
      const table = sampleRows(100);
      const target = targetOf(table.schema);
      const segments = await write(store, target, table.batches);
      await store.materialise(target, 1, segments);
      await database.exec('DROP SCHEMA lake CASCADE; DROP SCHEMA lake_assets CASCADE');
      expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf(table.batches));
      await store.materialise(target, 1, segments);
      expect((await readLakeTable(database, target.assetId))?.segments.length).toBe(segments.length);
    });

    test('notices rows that somebody deleted', async () => {
      const { store } = open(database);
      const table = sampleRows(100);
      const target = targetOf(table.schema);
      const segments = await write(store, target, table.batches);
      await store.materialise(target, 1, segments);
      const names = await tableNames(database);
      const own = names.find((candidate) => candidate.includes(target.assetId.replaceAll('-', '')));
      await database.exec(`DELETE FROM lake.${own} WHERE _row = 50`);
      await expect(readCells(store.scan(target, segments, everything(target)))).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
      });
    });

    test('drops the table of an asset whose segments are gone', async () => {
      const { store } = open(database);
      const table = sampleRows(100);
      const [kept, gone] = [targetOf(table.schema), targetOf(table.schema)];
      const keptSegments = await write(store, kept, table.batches);
      const goneSegments = await write(store, gone, sampleRows(100, 500).batches);
      await store.materialise(kept, 1, keptSegments);
      await store.materialise(gone, 1, goneSegments);
      await store.removeUnreferenced((id) => keptSegments.some((segment) => segment.id === id));
      expect(await readLakeTable(database, gone.assetId)).toBeUndefined();
      const names = await tableNames(database);
      expect(names.some((candidate) => candidate.includes(gone.assetId.replaceAll('-', '')))).toBe(false);
      expect(await readCells(store.scan(kept, keptSegments, everything(kept)))).toEqual(cellsOf(table.batches));
    });

    test('pushes filters down', async () => {
      const { store, copies } = open(database);
      const table = sampleRows(2000);
      const target = targetOf(table.schema);
      const segments = await write(store, target, table.batches);
      await store.materialise(target, 1, segments);
      const filters: ScanRequest['filters'] = [
        { column: 'name', op: '=', value: 'name 8' },
        { column: 'at', op: '<', value: 1_700_000_000_000_000 + 1_000_003 * 1500 },
        { column: 'price', op: '>=', value: 0.5 },
      ];
      const cells = await readCells(store.scan(target, segments, { columns: ['id'], filters }));
      expect(cells.length).toBe(2);
      expect(copies[0]).toContain('c2 >=');
    });

    test('shows the rows by their names to people who come with psql', async () => {
      const { store } = open(database);
      const schema = new Schema([
        new Field('id', new Int64()),
        new Field('a "quoted" name', new Utf8(), true),
        new Field('é'.repeat(60), new Utf8(), true),
        new Field('é'.repeat(60) + 'x', new Utf8(), true),
        new Field('', new Utf8(), true),
      ]);
      const columns = [
        makeData({ type: new Int64(), data: BigInt64Array.of(7n) }),
        ...['one', 'two', 'three', 'four'].map((text) => vectorFromArray([text], new Utf8()).data[0]!),
      ];
      const target: WriteTarget = { ...targetOf(schema), assetName: `weird "${name}"; DROP TABLE x; --` };
      const segments = await write(store, target, [batchOf(schema, 1, columns)]);
      await store.materialise(target, 1, segments);
      const [row] = await database.query(`SELECT * FROM lake_assets."weird ""${name}""; DROP TABLE x; --"`);
      expect(Object.values(row!)).toEqual([7n, 'one', 'two', 'three', 'four']);
      expect(Object.keys(row!).slice(0, 2)).toEqual(['id', 'a "quoted" name']);
    });

    test('reads assets with more columns than a table may have from the journal', async () => {
      const { store, copies } = open(database);
      const fields = Array.from({ length: LAKE_COLUMNS_MAX + 1 }, (_, i) => new Field(`c${i}`, new Int32(), true));
      const columns = fields.map((_, i) => makeData({ type: new Int32(), data: Int32Array.of(i) }));
      const schema = new Schema(fields);
      const target = targetOf(schema);
      const segments = await write(store, target, [batchOf(schema, 1, columns)]);
      await store.materialise(target, 1, segments);
      const cells = await readCells(store.scan(target, segments, everything(target)));
      expect(cells[0]?.length).toBe(LAKE_COLUMNS_MAX + 1);
      expect(copies).toEqual([]);
    });

    test('holds rows of the most columns a table may have, with values just too short to be stored apart', async () => {
      const { store, copies } = open(database);
      const schema = new Schema(
        Array.from({ length: LAKE_COLUMNS_MAX }, (_, i) => new Field(`c${i}`, new Utf8(), true)),
      );
      const columns = schema.fields.map(
        (_, i) => vectorFromArray([`${i}`.repeat(40).slice(0, 30)], new Utf8()).data[0]!,
      );
      const batch = batchOf(schema, 1, columns);
      const target = targetOf(schema);
      const segments = await write(store, target, [batch]);
      await store.materialise(target, 1, segments);
      expect(await readCells(store.scan(target, segments, everything(target)))).toEqual(cellsOf([batch]));
      expect(copies.length).toBe(1);
    });

    describe('values', () => {
      /** Stores one column and says what comes back and whether the table held it. */
      const through = async (type: DataType, column: Data) => {
        const { store, copies } = open(database);
        const schema = new Schema([new Field('v', type, true)]);
        const batch = batchOf(schema, column.length, [column]);
        const target = targetOf(schema);
        const segments = await write(store, target, [batch]);
        await store.materialise(target, 1, segments);
        const found = await readCells(store.scan(target, segments, everything(target)));
        expect(found).toEqual(cellsOf([batch]));
        return copies.length > 0 ? 'table' : 'journal';
      };
      const int64 = (values: readonly bigint[], type: DataType = new Int64()) =>
        through(type, makeData({ type, data: BigInt64Array.from(values) } as never) as Data);
      const texts = (values: readonly string[]) => through(new Utf8(), vectorFromArray(values, new Utf8()).data[0]!);

      test('integers of 64 bits, signed and unsigned', async () => {
        expect(await int64([0n, -1n, 2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])).toBe('table');
        const unsigned = BigUint64Array.of(0n, 1n, 9999n, 10_000n, 12_345_678_901n, 2n ** 63n, 2n ** 64n - 1n);
        expect(await through(new Uint64(), makeData({ type: new Uint64(), data: unsigned }) as Data)).toBe('table');
      });

      test('floats, but for NaNs with a payload', async () => {
        const floats = [0, -0, 0.1, -1e300, 5e-324, 2 ** 53, 1e15, 1e21, Number.NaN, Infinity, -Infinity];
        const data = Float64Array.from(floats);
        expect(await through(new Float64(), makeData({ type: new Float64(), data }) as Data)).toBe('table');
        const odd = new Float64Array(BigUint64Array.of(0x7ff8000000000001n, 0xfff8000000000000n).buffer);
        expect(await through(new Float64(), makeData({ type: new Float64(), data: odd }) as Data)).toBe('journal');
      });

      test('text, but for U+0000', async () => {
        expect(
          await texts(['', '\\N', '\\', 'a\tb\r\nc', "o'b", 'é', '\u{1f600}', '\ufeff', 'x'.repeat(100_000)]),
        ).toBe('table');
        expect(await texts(['a', 'b\0c'])).toBe('journal');
      });

      test('timestamps from before Christ to the last that 64 bits can count', async () => {
        const edge = -210_866_803_200_000_000n;
        const values = [0n, -1n, edge, -62_135_596_800_000_001n, 253_402_300_800_000_000n, 2n ** 63n - 1n];
        expect(await int64(values, new TimestampMicrosecond())).toBe('table');
        expect(await int64(values, new TimestampMicrosecond('UTC'))).toBe('table');
        expect(await int64([edge - 1n], new TimestampMicrosecond())).toBe('journal');
        expect(await int64(values, new TimestampNanosecond())).toBe('table');
      });

      test('dates', async () => {
        const dates = (days: number[]) =>
          through(new DateDay(), makeData({ type: new DateDay(), data: Int32Array.from(days) }) as never);
        expect(await dates([0, -1, -2_440_588, 2_145_042_905])).toBe('table');
        expect(await dates([-2_440_589])).toBe('journal');
        expect(await dates([2_145_042_906])).toBe('journal');
      });

      test('decimals of every size', async () => {
        const type = new Decimal(3, 38, 128);
        const values = [0n, 1n, -1n, 1000n, -123_456_789_012n, 10n ** 37n, -(10n ** 38n) + 1n];
        const data = new Uint32Array(new BigInt64Array(values.flatMap((v) => [BigInt.asIntN(64, v), v >> 64n])).buffer);
        expect(await through(type, makeData({ type, data }) as Data)).toBe('table');
        const tooLong = new Uint32Array(new BigInt64Array([BigInt.asIntN(64, 10n ** 38n), (10n ** 38n) >> 64n]).buffer);
        expect(await through(type, makeData({ type, data: tooLong }) as Data)).toBe('journal');
      });

      test('nested columns stand in the table for people and are read from the journal', async () => {
        const type = new List(new Field('item', new Int32(), true));
        const column = vectorFromArray([[1, 2], [], null, [null]], type).data[0]!;
        expect(await through(type, column)).toBe('journal');
      });
    });
  });
}

function batchOf(schema: Schema, rowCount: number, children: RecordBatch['data']['children']): RecordBatch {
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rowCount, nullCount: 0, children: [...children] }));
}
