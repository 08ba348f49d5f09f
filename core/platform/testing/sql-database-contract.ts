import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { concatBytes, fromUtf8, toUtf8 } from '#core/kernel/index.ts';
import type { SqlDatabase } from '../ports.ts';

export interface SqlDatabaseUnderTest {
  readonly database: SqlDatabase;
  close(): Promise<void>;
}

/** What a database keeps once it is closed. */
export async function expectClosed(database: SqlDatabase): Promise<void> {
  const calls = [
    () => database.query('SELECT 1'),
    () => database.exec('SELECT 1'),
    () => database.transaction(async () => undefined),
    () => database.copyIn('t', ['id'], [toUtf8('1\n')]),
    () => database.copyOut('SELECT 1', 'text')[Symbol.asyncIterator]().next(),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'CATALOG_UNREACHABLE' });
}

/** What both engines keep. The schema `t` is made anew for each test. */
export function describeSqlDatabase(name: string, open: () => Promise<SqlDatabaseUnderTest>): void {
  describe(`${name}`, () => {
    let opened: SqlDatabaseUnderTest;
    let database: SqlDatabase;
    beforeAll(async () => {
      opened = await open();
      database = opened.database;
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      await database.exec('DROP SCHEMA IF EXISTS t CASCADE; CREATE SCHEMA t; CREATE TABLE t.n (id bigint, name text)');
    });

    const rows = () =>
      database.query<{ id: bigint; name: string | null }>('SELECT id, name FROM t.n ORDER BY id, name');
    const count = async () => (await database.query<{ count: bigint }>('SELECT count(*) FROM t.n'))[0]!.count;
    const copy = async (select: string, format: 'text' | 'binary' = 'text') => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of database.copyOut(select, format)) chunks.push(chunk);
      return concatBytes(chunks);
    };

    test('values go in and come out in the documented types', async () => {
      const bytes = Uint8Array.of(0, 1, 127, 128, 255);
      const time = new Date(Date.UTC(2026, 10, 23, 6, 40, 5, 123));
      const [row] = await database.query(
        `SELECT $1::bigint AS big, $2::int AS int, $3::float8 AS real, $4::boolean AS yes, $5::text AS text,
                $6::bytea AS bytes, $7::timestamptz AS time, $8::jsonb AS json, $9::text AS nothing,
                $10::numeric AS exact, $11::date AS day, $12::uuid AS id, $13::timestamp AS local`,
        [
          9223372036854775807n,
          -5,
          0.1,
          true,
          'ä\t"\\\n😀',
          bytes,
          time,
          '{"a":[1,null]}',
          null,
          '12345678901234567890.10',
          '2026-11-23',
          '00000000-0000-7000-8000-000000000000',
          '2026-11-23 06:40:05.123456',
        ],
      );
      expect(row).toEqual({
        big: 9223372036854775807n,
        int: -5,
        real: 0.1,
        yes: true,
        text: 'ä\t"\\\n😀',
        bytes,
        time,
        json: { a: [1, null] },
        nothing: null,
        exact: '12345678901234567890.10',
        day: '2026-11-23',
        id: '00000000-0000-7000-8000-000000000000',
        local: '2026-11-23 06:40:05.123456',
      });
    });

    test('arrays go in and come out', async () => {
      const texts = ['a', '', 'NULL', 'x,y', '{b}', 'q"u\\o', ' sp ', null];
      const [row] = await database.query(
        'SELECT $1::text[] AS texts, $2::bigint[] AS bigs, $3::text[] AS none, $4::boolean[] AS flags, $5::timestamptz[] AS times',
        [texts, [1n, -2n, null], [], [true, false], [new Date(0)]],
      );
      expect(row).toEqual({
        texts,
        bigs: [1n, -2n, null],
        none: [],
        flags: [true, false],
        times: [new Date(0)],
      });
      expect(await database.query(`SELECT '[2:3]={1,2}'::int[] AS shifted, '{{1,2},{3,4}}'::int[] AS nested`)).toEqual([
        {
          shifted: [1, 2],
          nested: [
            [1, 2],
            [3, 4],
          ],
        },
      ]);
    });

    test('special numbers and times do not turn into something else', async () => {
      const [row] = await database.query(
        `SELECT $1::float8 AS nan, $2::float8 AS inf, $3::float8 AS low, 'infinity'::timestamptz AS forever,
                '0044-03-15 12:00:00+00 BC'::timestamptz AS ides, '2026-11-23 06:40:05.1+00'::timestamptz AS tenth`,
        [Number.NaN, Number.POSITIVE_INFINITY, 5e-324],
      );
      expect(row).toEqual({
        nan: Number.NaN,
        inf: Number.POSITIVE_INFINITY,
        low: 5e-324,
        forever: 'infinity',
        ides: '0044-03-15 12:00:00+00 BC',
        tenth: new Date(Date.UTC(2026, 10, 23, 6, 40, 5, 100)),
      });
    });

    test('parameters are values and never SQL', async () => {
      const hostile = `'); DROP TABLE t.n; --`;
      await database.query('INSERT INTO t.n VALUES ($1, $2)', [1, hostile]);
      expect(await rows()).toEqual([{ id: 1n, name: hostile }]);
    });

    test('a statement that is refused carries its SQLSTATE and no row values', async () => {
      await expect(database.query('SELEC 1')).rejects.toMatchObject({
        code: 'QUERY_FAILED',
        details: { sqlState: '42601' },
      });
      await database.exec('CREATE UNIQUE INDEX ON t.n (name)');
      await database.query('INSERT INTO t.n VALUES (1, $1)', ['confidential']);
      const again = database.query('INSERT INTO t.n VALUES (1, $1)', ['confidential']);
      await expect(again).rejects.toMatchObject({ details: { sqlState: '23505' } });
      await expect(again).rejects.not.toMatchObject({ message: expect.stringContaining('confidential') });
      await expect(database.query('SELECT 1\0')).rejects.toMatchObject({ code: 'QUERY_FAILED' });
      expect(await count()).toBe(1n);
    });

    test('too many parameters are refused by their limit', async () => {
      const parameters = Array.from({ length: 65_536 }, () => 1);
      await expect(database.query('SELECT 1', parameters)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    });

    test('a script runs whole or not at all', async () => {
      await expect(database.exec('INSERT INTO t.n VALUES (1, null); SELECT 1/0')).rejects.toMatchObject({
        details: { sqlState: '22012' },
      });
      expect(await count()).toBe(0n);
    });

    test('a transaction is committed when its work resolves and rolled back when it throws', async () => {
      const result = await database.transaction(async (connection) => {
        await connection.query('INSERT INTO t.n VALUES (1, $1)', ['kept']);
        return 'result';
      });
      expect(result).toBe('result');
      const reason = new TypeError('on purpose');
      const failing = database.transaction(async (connection) => {
        await connection.query('INSERT INTO t.n VALUES (2, null)');
        expect(await connection.query('SELECT id FROM t.n WHERE id = 2')).toHaveLength(1);
        throw reason;
      });
      await expect(failing).rejects.toBe(reason);
      expect(await rows()).toEqual([{ id: 1n, name: 'kept' }]);
    });

    test('a transaction whose statement failed is not taken for committed', async () => {
      const work = database.transaction(async (connection) => {
        await connection.query('INSERT INTO t.n VALUES (1, null)');
        await connection.query('SELECT 1/0').catch(() => undefined);
      });
      await expect(work).rejects.toMatchObject({ code: 'QUERY_FAILED' });
      expect(await count()).toBe(0n);
    });

    test('transactions of several callers do not mix', async () => {
      const add = (id: number) =>
        database.transaction(async (connection) => {
          await connection.query('LOCK TABLE t.n');
          const [before] = await connection.query<{ count: bigint }>('SELECT count(*) FROM t.n');
          await connection.query('INSERT INTO t.n VALUES ($1, null)', [id]);
          const [after] = await connection.query<{ count: bigint }>('SELECT count(*) FROM t.n');
          expect(after!.count).toBe(before!.count + 1n);
        });
      await Promise.all([1, 2, 3, 4, 5, 6].map(add));
      expect(await count()).toBe(6n);
    });

    test('statements of one transaction may be sent at once', async () => {
      await database.transaction(async (connection) => {
        await Promise.all([1, 2, 3].map((id) => connection.query('INSERT INTO t.n VALUES ($1, null)', [id])));
      });
      expect(await count()).toBe(3n);
    });

    test('the database itself refuses calls from within a transaction, and the connection calls after it', async () => {
      const inside = database.transaction(() => database.query('SELECT 1'));
      await expect(inside).rejects.toMatchObject({ code: 'INTERNAL' });
      const nested = database.transaction(() => database.transaction(async () => undefined));
      await expect(nested).rejects.toMatchObject({ code: 'INTERNAL' });
      const leaked = await database.transaction(async (connection) => connection);
      await expect(leaked.query('SELECT 1')).rejects.toMatchObject({ code: 'INTERNAL' });
      const copying = leaked.copyOut('SELECT 1', 'text')[Symbol.asyncIterator]().next();
      await expect(copying).rejects.toMatchObject({ code: 'INTERNAL' });
    });

    test('rows are copied in from chunks that end anywhere', async () => {
      const text = toUtf8('1\tone\n2\t\\N\n3\tta\\tb ü\n');
      const chunks = Array.from(text, (byte) => Uint8Array.of(byte));
      await database.copyIn('t.n', ['id', 'name'], chunks);
      expect(await rows()).toEqual([
        { id: 1n, name: 'one' },
        { id: 2n, name: null },
        { id: 3n, name: 'ta\tb ü' },
      ]);
    });

    test('a copy in leaves nothing when a row or the source fails', async () => {
      const batch = toUtf8('1\tsome text that fills the batch\n'.repeat(50_000));
      const broken = [batch, batch, batch, batch, toUtf8('x\tbad\n')];
      await expect(database.copyIn('t.n', ['id', 'name'], broken)).rejects.toMatchObject({
        code: 'QUERY_FAILED',
        details: { sqlState: '22P02' },
      });
      const reason = new RangeError('the source failed');
      const failing = async function* () {
        yield batch;
        yield batch;
        yield batch;
        throw reason;
      };
      await expect(database.copyIn('t.n', ['id', 'name'], failing())).rejects.toBe(reason);
      expect(await count()).toBe(0n);
      await database.copyIn('t.n', ['id', 'name'], []);
      await database.copyIn('t.n', ['id', 'name'], [toUtf8('1\ta\n')]);
      expect(await count()).toBe(1n);
    });

    test('a copy in is part of the transaction it is made in', async () => {
      const work = database.transaction(async (connection) => {
        await connection.copyIn('t.n', ['id'], [toUtf8('1\n2\n')]);
        throw new Error('on purpose');
      });
      await expect(work).rejects.toThrow('on purpose');
      expect(await count()).toBe(0n);
    });

    test('rows are copied out as text and as binary', async () => {
      await database.query(`INSERT INTO t.n VALUES (1, 'a\tb'), (2, null)`);
      expect(fromUtf8(await copy('SELECT * FROM t.n ORDER BY id'))).toBe('1\ta\\tb\n2\t\\N\n');
      const binary = await copy('SELECT id FROM t.n ORDER BY id', 'binary');
      expect(fromUtf8(binary.subarray(0, 6))).toBe('PGCOPY');
      expect(await copy('SELECT * FROM t.n WHERE false')).toEqual(new Uint8Array());
    });

    test('a copy out that is refused fails, also in the middle, and the database lives on', async () => {
      await expect(copy('SELECT * FROM t.missing')).rejects.toMatchObject({ code: 'QUERY_FAILED' });
      await expect(copy('SELECT 1 / (200000 - i) FROM generate_series(1, 300000) i')).rejects.toMatchObject({
        details: { sqlState: '22012' },
      });
      expect(await count()).toBe(0n);
    });

    test('a large copy out comes whole to a slow reader, who may call the database meanwhile', async () => {
      let bytes = 0;
      let calls = 0;
      const select = `SELECT repeat('x', 999) FROM generate_series(1, 40000)`;
      for await (const chunk of database.copyOut(select, 'text')) {
        bytes += chunk.length;
        if (calls < 3) {
          calls += 1;
          expect(await count()).toBe(0n);
        }
      }
      expect(bytes).toBe(40_000_000);
    });

    test('two copies out can be read in turns', async () => {
      const select = `SELECT repeat('x', 999) FROM generate_series(1, 5000)`;
      const readers = [0, 1].map(() => database.copyOut(select, 'text')[Symbol.asyncIterator]());
      const totals = [0, 0];
      const ended = [false, false];
      while (!ended.every(Boolean)) {
        for (const [i, reader] of readers.entries()) {
          const next = await reader.next();
          if (next.done) ended[i] = true;
          else totals[i]! += next.value.length;
        }
      }
      expect(totals).toEqual([5_000_000, 5_000_000]);
    });

    test('a reader that leaves early costs nothing but its own copy', async () => {
      for await (const chunk of database.copyOut('SELECT i FROM generate_series(1, 500000) i', 'text')) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(await count()).toBe(0n);
    });

    test('a copy out within a transaction sees its rows', async () => {
      await database.transaction(async (connection) => {
        await connection.query('INSERT INTO t.n VALUES (7, null)');
        const chunks: Uint8Array[] = [];
        for await (const chunk of connection.copyOut('SELECT id FROM t.n', 'text')) chunks.push(chunk);
        expect(fromUtf8(concatBytes(chunks))).toBe('7\n');
      });
    });

    test('a transaction goes on after a copy that failed in its source or was not read to its end', async () => {
      await database.transaction(async (connection) => {
        for await (const _ of connection.copyOut('SELECT i FROM generate_series(1, 100000) i', 'text')) break;
        await connection.query('INSERT INTO t.n VALUES (1, null)');
      });
      expect(await count()).toBe(1n);
      const reason = new RangeError('the source failed');
      const work = database.transaction(async (connection) => {
        const source = async function* () {
          yield toUtf8('2\n');
          throw reason;
        };
        await connection.copyIn('t.n', ['id'], source());
      });
      await expect(work).rejects.toBe(reason);
      expect(await count()).toBe(1n);
    });

    test('an aborted call is CANCELLED at once and the database lives on', async () => {
      const before = AbortSignal.abort();
      await expect(database.query('INSERT INTO t.n VALUES (1, null)', [], { signal: before })).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      const controller = new AbortController();
      const slow = database.query('SELECT pg_sleep(1)', [], { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await expect(slow).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await count()).toBe(0n);
    });

    test('an aborted copy out is CANCELLED', async () => {
      const controller = new AbortController();
      const read = async () => {
        const select = 'SELECT i FROM generate_series(1, 500000) i';
        for await (const _ of database.copyOut(select, 'text', { signal: controller.signal })) controller.abort();
      };
      await expect(read()).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await count()).toBe(0n);
    });

    test('a session reads and writes the same text whatever the server is set to', async () => {
      const [row] = await database.query(`SELECT current_setting('TimeZone') AS zone, now()::text AS now`);
      expect(row).toMatchObject({ zone: 'UTC', now: expect.stringMatching(/^\d{4}-.*\+00$/) });
    });
  });
}
