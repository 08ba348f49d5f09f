import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesSource, decodeChunk, readSegmentHeader } from '#core/columnar/index.ts';
import { type CommandResult, runGranary, spawnGranary, startGranary, temporaryFolder } from '#tests/support/granary.ts';

const READINGS = 'id,station,celsius,at\n1,Åsgård,4.25,2026-01-01\n2,"Ny, by",,2026-01-02\n3,Åsgård,-1.5,2026-01-03\n';

const expectOk = (result: CommandResult): CommandResult => {
  expect(result.stderr).not.toContain('error:');
  expect(result.exitCode).toBe(0);
  return result;
};

const expectError = (result: CommandResult, code: string): void => {
  expect(result.stderr).toMatch(new RegExp(`^error: ${code} `, 'm'));
  expect(result.stderr).not.toMatch(/\n\s+at /);
  expect(result.exitCode).toBe(1);
};

const rowsOf = (result: CommandResult): unknown => JSON.parse(expectOk(result).stdout);

describe('first start', () => {
  test('stores the sample, queries it and ends, and does not store it twice', async () => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    const first = expectOk(await runGranary(home, ['start', '--once']));
    expect(first.stdout).toContain('8,759 rows');
    expect(first.stdout).toMatch(/temperature +\S+/);
    expect(first.stdout).toMatch(/celsius/);
    if (process.platform !== 'win32') expect((await stat(home)).mode & 0o777).toBe(0o700);
    const second = expectOk(await runGranary(home, ['start', '--once']));
    expect(second.stdout).not.toContain('8,759 rows (csv)');
    const versions = rowsOf(await runGranary(home, ['versions', 'seattle-weather', '--json'])) as {
      versions: unknown[];
    };
    expect(versions.versions).toHaveLength(1);
  });
});

describe('error bounds', () => {
  test('are part of the asset: set at ingest or later, kept by versions and exports, shown, and told by lineage', async () => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    const file = async (name: string, shift: number) => {
      const rows = Array.from(
        { length: 3000 },
        (_, i) => `${i},${Math.sin(i / 50 + shift) * 10 + ((i * 7919) % 13) / 97}`,
      );
      await writeFile(join(folder.path, name), `id,level\n${rows.join('\n')}\n`);
      return join(folder.path, name);
    };
    type Row = { id: number; level: number };
    const levels = async (asset: string) => {
      const sql = `SELECT id, level FROM ${asset} ORDER BY id`;
      return rowsOf(await runGranary(home, ['query', sql, '--format', 'json'])) as Row[];
    };
    const first = await file('first.csv', 0);
    expectOk(await runGranary(home, ['ingest', first, '--asset', 'exact']));
    expectOk(await runGranary(home, ['ingest', first, '--asset', 'near', '--max-error', 'level=0.05']));
    const exact = await levels('exact');
    const near = await levels('near');
    const distances = exact.map(({ level }, i) => Math.abs(level - near[i]!.level));
    expect(Math.max(...distances)).toBeGreaterThan(0.001);
    expect(Math.max(...distances)).toBeLessThanOrEqual(0.05);

    const inspect = async (target: string) => {
      const { columns } = rowsOf(await runGranary(home, ['inspect', target, '--json'])) as {
        columns: { name: string; maxError: string; byteCount: number; considered: unknown[] }[];
      };
      return columns.find(({ name }) => name === 'level')!;
    };
    expect((await inspect('near')).maxError).toBe('0.05');
    expect((await inspect('near')).considered.length).toBeGreaterThan(0);
    expect((await inspect('near')).byteCount).toBeLessThan((await inspect('exact')).byteCount / 3);
    expect((await inspect('exact')).maxError).toBe('');
    expect(expectOk(await runGranary(home, ['inspect', 'near'])).stdout).toContain('± 0.05');
    expect(expectOk(await runGranary(home, ['lineage', 'near', '--json'])).stdout).toContain('level=0.05');

    const second = await file('second.csv', 1);
    expectError(
      await runGranary(home, ['ingest', second, '--asset', 'near', '--max-error', 'level=1']),
      'INPUT_INVALID',
    );
    expectError(await runGranary(home, ['assets', 'set', 'near', '--max-error', 'depth=1']), 'INPUT_INVALID');
    expectError(await runGranary(home, ['assets', 'set', 'near', '--max-error', 'id=1%']), 'INPUT_INVALID');
    const changed = rowsOf(await runGranary(home, ['assets', 'set', 'near', '--max-error', 'level=1%', '--json']));
    expect(changed).toMatchObject({ maxErrors: { level: '1%' } });
    expectOk(await runGranary(home, ['ingest', second, '--asset', 'near']));
    expect((await inspect('near')).maxError).toBe('0.05, 1%');

    // What is stored leaves the node as it is: an export is not rounded again, and still tells the bound.
    const exported = join(folder.path, 'near.webm');
    expectOk(await runGranary(home, ['export', 'near', '--format', 'webm', '--out', exported]));
    expect((await inspect(exported)).maxError).toBe('1%');
    const bytes = new Uint8Array(await readFile(exported));
    const header = await readSegmentHeader(bytesSource(bytes));
    const { offset, byteCount } = header.rowGroups[0]!.chunks[1]!;
    const values = decodeChunk(header, 0, 1, bytes.subarray(offset, offset + byteCount)).values as Float64Array;
    const stored = (await levels('near')).map(({ level }) => level);
    expect(values.toSorted()).toEqual(Float64Array.from(stored).sort());

    const none = rowsOf(await runGranary(home, ['assets', 'set', 'near', '--max-error', 'level=none', '--json']));
    expect(none).toMatchObject({ maxErrors: {} });
  });
});

describe('usage', () => {
  let home: string;
  beforeAll(async () => {
    const folder = await temporaryFolder();
    home = join(folder.path, 'home');
    return () => folder[Symbol.asyncDispose]();
  });

  test.each([
    [['frobnicate']],
    [['query']],
    [['query', 'SELECT 1', '--format', 'xml']],
    [['ingest', 'a.csv']],
    [['ingest', 'a.csv', '--asset', 'a', '--format', 'tape']],
    [['start', '--port', 'high']],
    [['assets', 'show']],
    [['assets', 'set', 'a']],
    [['--nonsense', 'assets'], 0],
  ])('%j is explained', async (words, code = 2) => {
    const result = await runGranary(home, words as string[]);
    expect(result.exitCode).toBe(code);
    if (code === 2) expect(result.stderr).toMatch(/^error: USAGE_INVALID /);
    else expect(result.stdout).toContain('usage: granary');
  });

  test('help shows every command', async () => {
    const { stdout } = expectOk(await runGranary(home, ['help']));
    for (const name of [
      'start',
      'ingest',
      'query',
      'assets',
      'versions',
      'export',
      'inspect',
      'profile',
      'lineage',
      'audit',
      'verify',
      'migrate up',
      'doctor',
      'quarantine',
    ]) {
      expect(stdout).toContain(`  ${name}`);
    }
  });
});

describe.each(['alone', 'through the node that holds the home'] as const)('commands, %s', (mode) => {
  let folder: string;
  let home: string;
  const file = (name: string) => join(folder, name);
  const granary = (words: readonly string[], input?: string | Uint8Array) =>
    runGranary(home, words, { cwd: folder, ...(input === undefined ? {} : { input }) });

  beforeAll(async () => {
    const temporary = await temporaryFolder();
    folder = temporary.path;
    home = file('home');
    await writeFile(file('readings.csv'), READINGS);
    const node = mode === 'alone' ? undefined : await startGranary(home);
    return async () => {
      await node?.[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    };
  });

  test.each(['webm', 'postgres', 'edge'])('a file goes in and comes out as SQL rows (%s)', async (format) => {
    const asset = `readings ${format}`;
    expectOk(
      await granary(['ingest', 'readings.csv', '--asset', asset, '--format', format, '--tag', 'a', '--tag', 'b']),
    );
    const rows = rowsOf(await granary(['query', `SELECT * FROM "${asset}" ORDER BY id`, '--json']));
    expect(rows).toEqual([
      { id: 1, station: 'Åsgård', celsius: 4.25, at: '2026-01-01' },
      { id: 2, station: 'Ny, by', celsius: null, at: '2026-01-02' },
      { id: 3, station: 'Åsgård', celsius: -1.5, at: '2026-01-03' },
    ]);
    const shown = rowsOf(await granary(['assets', 'show', asset, '--json']));
    expect(shown).toMatchObject({ name: asset, version: 1, rowCount: 3, tags: ['a', 'b'] });
  });

  test('assets of all three formats join', async () => {
    const sql =
      'SELECT w.id, p.station, e.celsius FROM "readings webm" w JOIN "readings postgres" p USING (id) ' +
      'JOIN "readings edge" e USING (id) WHERE e.celsius IS NOT NULL ORDER BY 1';
    expect(rowsOf(await granary(['query', sql, '--json']))).toEqual([
      { id: 1, station: 'Åsgård', celsius: 4.25 },
      { id: 3, station: 'Åsgård', celsius: -1.5 },
    ]);
  });

  test('the same content is not stored twice unless asked', async () => {
    const again = expectOk(await granary(['ingest', 'readings.csv', '--asset', 'readings webm']));
    expect(again.stdout).toContain('already in');
    const twice = rowsOf(await granary(['ingest', 'readings.csv', '--asset', 'readings webm', '--again', '--json']));
    expect(twice).toMatchObject({ version: 2 });
    const counts = async (...at: string[]) =>
      rowsOf(await granary(['query', 'SELECT count(*) AS n FROM "readings webm"', '--json', ...at]));
    expect(await counts()).toEqual([{ n: 6 }]);
    expect(await counts('--at', '1')).toEqual([{ n: 3 }]);
    expectError(await granary(['query', 'SELECT count(*) FROM "readings webm"', '--at', '9']), 'VERSION_NOT_FOUND');
  });

  test('standard input, gzip, zstd and a folder are read', async () => {
    expectOk(await granary(['ingest', '-', '--asset', 'piped'], '{"a":1}\n{"a":2}\n'));
    expectOk(await granary(['ingest', '-', '--asset', 'gzipped'], gzipSync(READINGS)));
    expectOk(await granary(['ingest', '-', '--asset', 'zstandard'], zstdCompressSync(Buffer.from(READINGS))));
    const sql =
      'SELECT (SELECT sum(a) FROM piped) a, (SELECT count(*) FROM gzipped) g, (SELECT count(*) FROM zstandard) z';
    expect(rowsOf(await granary(['query', sql, '--json']))).toEqual([{ a: 3, g: 3, z: 3 }]);
  });

  test('bad rows are kept aside with reason and place', async () => {
    await writeFile(file('ragged.csv'), 'a,b\n1,2\n3\n4,5,6\n7,8\n');
    expectError(await granary(['ingest', 'ragged.csv', '--asset', 'ragged']), 'ROW_INVALID');
    expectError(await granary(['assets', 'show', 'ragged']), 'ASSET_NOT_FOUND');
    expectOk(await granary(['ingest', 'ragged.csv', '--asset', 'ragged', '--on-error', 'quarantine']));
    expect(rowsOf(await granary(['query', 'SELECT a, b FROM ragged ORDER BY a', '--json']))).toEqual([
      { a: 1, b: 2 },
      { a: 7, b: 8 },
    ]);
    const { rows } = rowsOf(await granary(['quarantine', 'ragged', '--json'])) as { rows: Record<string, unknown>[] };
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ source: 'ragged.csv', record: 2, line: 3, raw: '3' });
    expect(rows.every(({ reason }) => typeof reason === 'string' && reason.length > 5)).toBe(true);
  });

  test.each([
    ['a missing file', 'missing.csv', undefined, 'FILE_NOT_FOUND'],
    ['an empty file', 'empty.csv', '', 'FILE_EMPTY'],
    ['a binary file', 'binary.csv', new Uint8Array([0, 1, 2, 0, 255, 254, 0, 7]), 'FILE_FORMAT'],
    ['text that is not UTF-8', 'latin1.csv', Buffer.from('name\nJos\xE9\n', 'latin1'), 'FILE_ENCODING'],
    ['a cut gzip file', 'cut.csv.gz', gzipSync(READINGS.repeat(50)).subarray(0, 60), 'FILE_TRUNCATED'],
    ['a cut JSON array', 'cut.json', '[{"a":1},{"a":', 'FILE_TRUNCATED'],
    ['a damaged Parquet file', 'bad.parquet', `PAR1${'x'.repeat(100)}PAR1`, 'FILE_FORMAT'],
  ])('%s is refused and leaves nothing', async (_, name, content, code) => {
    if (content !== undefined) await writeFile(file(name), content);
    expectError(await granary(['ingest', name, '--asset', 'never']), code);
    expectError(await granary(['assets', 'show', 'never']), 'ASSET_NOT_FOUND');
    expect((await readdir(join(home, 'tmp'))).filter((entry) => entry.startsWith('work-'))).toEqual([]);
  });

  test('asset names may be anything a person writes', async () => {
    for (const name of ['select', 'a "quoted" name', "it's", 'a/b\\c', '数据 🌾', '; DROP TABLE x --', '../../etc']) {
      expectOk(await granary(['ingest', 'readings.csv', '--asset', name]));
      const sql = `SELECT count(*) AS n FROM "${name.replaceAll('"', '""')}"`;
      expect(rowsOf(await granary(['query', sql, '--json']))).toEqual([{ n: 3 }]);
    }
    for (const name of ['', '  ', 'bell\u0007', 'x'.repeat(5000)]) {
      expectError(await granary(['ingest', 'readings.csv', '--asset', name]), 'ASSET_NAME_INVALID');
    }
  });

  test('what is said about an asset can be changed', async () => {
    expectOk(await granary(['ingest', 'readings.csv', '--asset', 'draft']));
    expectOk(
      await granary([
        'assets',
        'set',
        'draft',
        '--name',
        'final',
        '--description',
        'checked',
        '--tag',
        'x',
        '--type',
        'time-series',
      ]),
    );
    const shown = rowsOf(await granary(['assets', 'show', 'final', '--json']));
    expect(shown).toMatchObject({ description: 'checked', tags: ['x'], assetType: 'TIME_SERIES' });
    expectError(await granary(['assets', 'show', 'draft']), 'ASSET_NOT_FOUND');
    expectError(await granary(['assets', 'set', 'final', '--name', 'readings webm']), 'ASSET_EXISTS');
    expectOk(await granary(['assets', 'remove', 'final']));
    expectError(await granary(['query', 'SELECT * FROM final']), 'ASSET_NOT_FOUND');
  });

  test.each(['csv', 'ndjson', 'parquet', 'arrow', 'webm'])('export and ingest agree (%s)', async (format) => {
    const out = file(`out.${format}`);
    expectOk(await granary(['export', 'readings postgres', '--format', format, '--out', out]));
    if (format === 'webm') {
      const inspected = rowsOf(await granary(['inspect', out, '--json']));
      expect(inspected).toMatchObject({ rowCount: 3 });
      return;
    }
    expectOk(await granary(['ingest', out, '--asset', `from ${format}`]));
    const sql = `SELECT count(*) AS n FROM (SELECT * FROM "from ${format}" EXCEPT SELECT * FROM "readings postgres")`;
    expect(rowsOf(await granary(['query', sql, '--json']))).toEqual([{ n: 0 }]);
  });

  test('lineage, audit, versions, inspection and diagnosis tell what happened', async () => {
    expect(expectOk(await granary(['lineage', 'readings webm'])).stdout).toContain('readings.csv');
    const { entries } = rowsOf(await granary(['audit', '--asset', 'readings webm', '--json'])) as {
      entries: { action: string; purpose: string; outcome: string; deviceInfo: string }[];
    };
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(['READ', 'WRITE']));
    expect(entries.every(({ deviceInfo }) => deviceInfo.startsWith('granary'))).toBe(true);
    const inspected = rowsOf(await granary(['inspect', 'readings webm', '--json'])) as { columns: { name: string }[] };
    expect(inspected.columns.map(({ name }) => name)).toEqual(['id', 'station', 'celsius', 'at']);
    const folder = join(home, '..', 'pictures');
    const { pictures } = rowsOf(await granary(['inspect', 'readings webm', '--picture', folder, '--json'])) as {
      pictures: { column: string; path: string }[];
    };
    expect(pictures.map(({ column }) => column)).toEqual(['id', 'station', 'celsius', 'at']);
    expect((await readdir(folder)).toSorted()).toEqual(['1-id.png', '2-station.png', '3-celsius.png', '4-at.png']);
    const png = await readFile(pictures[1]!.path);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    const profiled = rowsOf(await granary(['profile', 'readings webm', '--json'])) as { columns: { name: string }[] };
    expect(profiled.columns.map(({ name }) => name)).toEqual(['id', 'station', 'celsius', 'at']);
    expect(expectOk(await granary(['verify'])).stdout).toContain('all as they were stored');
    expect(expectOk(await granary(['doctor'])).stdout).toContain('free disk');
    expect(expectOk(await granary(['doctor', '--rebuild-catalog'])).exitCode).toBe(0);
    const migrations = rowsOf(await granary(['migrate', 'status', '--json'])) as { migrations: { state: string }[] };
    expect(migrations.migrations.every(({ state }) => state === 'APPLIED')).toBe(true);
  });

  test('queries may read assets and nothing else', async () => {
    for (const sql of [
      "COPY (SELECT 1) TO 'x'",
      "SELECT * FROM read_csv('/etc/passwd')",
      'SELECT 1; SELECT 2',
      "ATTACH ':memory:' AS x",
      'SET threads = 1',
      'CREATE TABLE t (a INT)',
    ]) {
      expectError(await granary(['query', sql]), 'SQL_FORBIDDEN');
    }
    expectError(await granary(['query', 'SELEC 1']), 'SQL_INVALID');
    expectError(await granary(['query', 'SELECT * FROM nowhere']), 'ASSET_NOT_FOUND');
  });

  test('--explain tells how the rows were found', async () => {
    const sql = 'SELECT sum(celsius) FROM "readings webm" WHERE id > 2';
    const explained = rowsOf(await granary(['query', sql, '--explain', '--json']));
    expect(explained).toMatchObject({
      explanation: { scans: [{ asset: 'readings webm', storageFormat: 'WEBM_COLUMNAR' }] },
    });
    expect(expectOk(await granary(['query', sql, '--explain'])).stdout).toContain('row groups');
  });

  test('Ctrl-C stops the work and nothing else', async () => {
    const { child, result } = spawnGranary(home, ['query', 'SELECT count(*) FROM range(100000000000) a']);
    setTimeout(() => child.kill('SIGINT'), 2500);
    expectError(await result, 'CANCELLED');
    expect(rowsOf(await granary(['query', 'SELECT 1 AS one', '--json']))).toEqual([{ one: 1 }]);
  });

  test('Ctrl-C ends a command also within a call of the engine that goes on for minutes', async () => {
    const sql = "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000)) AS d";
    const { child, result } = spawnGranary(home, ['query', sql], { byLauncher: true });
    setTimeout(() => child.kill('SIGINT'), 4000);
    expectError(await result, 'CANCELLED');
    expect(rowsOf(await granary(['query', 'SELECT 1 AS one', '--json']))).toEqual([{ one: 1 }]);
  });
});

describe('damage', () => {
  test('a flipped bit is found, named, and hurts nothing else', async () => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    // Values without a pattern, so that most of the file is chunks.
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${Math.imul(i, 0x9e3779b1) ^ (i << 13)}`).join('\n');
    await writeFile(join(folder.path, 'big.csv'), `a,b\n${rows}\n`);
    await writeFile(join(folder.path, 'small.csv'), READINGS);
    expectOk(await runGranary(home, ['ingest', join(folder.path, 'big.csv'), '--asset', 'big']));
    expectOk(await runGranary(home, ['ingest', join(folder.path, 'small.csv'), '--asset', 'small']));
    const segments = (await readdir(join(home, 'segments'), { recursive: true })).filter((name) =>
      name.endsWith('.webm'),
    );
    const sizes = await Promise.all(
      segments.map(async (name) => (await readFile(join(home, 'segments', name))).length),
    );
    const largest = join(home, 'segments', segments[sizes.indexOf(Math.max(...sizes))]!);
    const bytes = await readFile(largest);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(largest, bytes);

    const verified = await runGranary(home, ['verify']);
    expectError(verified, 'SEGMENT_CORRUPT');
    const failed = await runGranary(home, ['query', 'SELECT sum(a), sum(b) FROM big']);
    expectError(failed, 'SEGMENT_CORRUPT');
    expect(failed.stderr).toMatch(/big/);
    expect(failed.stderr).toMatch(/"[ab]"|column [ab]\b/);
    expect(failed.stderr).toMatch(/row group 0/);
    expect(rowsOf(await runGranary(home, ['query', 'SELECT count(*) AS n FROM small', '--json']))).toEqual([{ n: 3 }]);
  });

  test('a home without its store is not taken for a new one', async () => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    await writeFile(join(folder.path, 'small.csv'), READINGS);
    expectOk(await runGranary(home, ['ingest', join(folder.path, 'small.csv'), '--asset', 'small']));
    await rm(join(home, 'store'), { recursive: true });
    expectError(await runGranary(home, ['assets']), 'STORE_DAMAGED');
  });

  test('a lost PGlite folder is built again', async () => {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    await writeFile(join(folder.path, 'small.csv'), READINGS);
    expectOk(
      await runGranary(home, ['ingest', join(folder.path, 'small.csv'), '--asset', 'small', '--format', 'postgres']),
    );
    await rm(join(home, 'catalog'), { recursive: true });
    expect(rowsOf(await runGranary(home, ['query', 'SELECT count(*) AS n FROM small', '--json']))).toEqual([{ n: 3 }]);
  });

  test('a home that cannot be made is named', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    expectError(await runGranary(file, ['assets']), 'HOME_UNUSABLE');
    expectError(await runGranary(join(file, 'below'), ['assets']), 'HOME_UNUSABLE');
    if (process.platform === 'linux') expectError(await runGranary('/proc/granary', ['assets']), 'HOME_UNUSABLE');
    expectOk(await runGranary(join(folder.path, 'deep', 'er'), ['assets']));
  });

  test('an unknown key of the configuration is named', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'granary.config.json'), '{ "catalog": { "uri": "x" } }');
    const result = await runGranary(folder.path, ['assets']);
    expectError(result, 'CONFIG_INVALID');
    expect(result.stderr).toContain('catalog.uri');
  });
});
