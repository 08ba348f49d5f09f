import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { blake3 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { type InputFile, isGranaryError, type Progress, toUtf8 } from '#core/kernel/index.ts';
import { collect, failure, memoryFile, readInput, readText } from '../testing/inputs.ts';
import { openBatchSource } from './open-batch-source.ts';

const quarantine = async () => undefined;

describe('the format is found from content first', () => {
  test.each([
    ['a.csv', '{"a":1}\n', 'ndjson'],
    ['a.csv', ' [ {"a":1}]', 'json'],
    ['a.csv', '[id],[name]\n1,x\n', 'csv'],
    ['a.txt', '{x},y\n1,2\n', 'csv'],
    ['a', 'a\tb\n1\t2\n', 'csv'],
  ])('%s with %j', async (name, text, format) => {
    expect((await readText(text, { name })).format).toBe(format);
  });

  test('a name decides what content leaves open', async () => {
    await failure(readText('a,b\n1,2\n', { name: 'a.json' }), 'ROW_INVALID');
  });

  test.each([
    ['PK\u0003\u0004rest', 'FILE_FORMAT', 'zip archive or an office document'],
    ['\u0089PNG\r\n\u001a\n\0\0', 'FILE_FORMAT', 'is zero'],
  ])('%j is refused', async (text, code, message) => {
    expect(await failure(readInput(memoryFile(Buffer.from(text, 'latin1'))), code as 'FILE_FORMAT')).toContain(message);
  });
});

const cell = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom(
    '',
    '"',
    '""',
    ',',
    '\n',
    '\r\n',
    '\r',
    ' x ',
    '007',
    '1e5',
    'true',
    '-0',
    '2024-02-29',
    '\uFEFF',
    'null',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true }).map(String),
);
const tables = fc
  .integer({ min: 1, max: 5 })
  .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 12 }));

/** Nulls are written as nothing, texts in quotes. */
const csvOf = (table: (string | null)[][], width: number, lineEnd: string) =>
  [
    Array.from({ length: width }, (_, i) => `c${i}`),
    ...table.map((row) => row.map((value) => (value === null ? '' : `"${value.replaceAll('"', '""')}"`))),
  ]
    .map((row) => row.join(',') + lineEnd)
    .join('');

describe('random tables come back exactly', () => {
  test('delimited text', async () => {
    await fc.assert(
      fc.asyncProperty(
        tables,
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 100 }),
        async (table, lineEnd, chunkBytes) => {
          const width = table[0]?.length ?? 2;
          // A column of text shows whether every value came back as it was written.
          const marked = [...table, Array.from({ length: width }, () => 'text')];
          const { rows } = await readText(csvOf(marked, width, lineEnd), { chunkBytes });
          expect(rows).toEqual(marked);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  test('typed columns hold the numbers that were written', async () => {
    const columns = fc.array(
      fc.oneof(fc.maxSafeInteger().map(String), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(columns, async (values) => {
        expect((await readText(`n\n${values.join('\n')}\n`)).rows).toEqual(values.map((value) => [value]));
      }),
      { seed: 2, numRuns: 100 },
    );
    const doubles = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(doubles, async (values) => {
        const written = [...values, 0.5];
        const { rows, schema } = await readText(
          `n\n${written.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join('\n')}\n`,
        );
        expect(schema).toEqual(['n: Float64']);
        expect(rows).toEqual(written.map((value) => [value]));
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  test('JSON, as lines and as an array', async () => {
    await fc.assert(
      fc.asyncProperty(tables, fc.boolean(), fc.integer({ min: 1, max: 100 }), async (table, isArray, chunkBytes) => {
        const width = table[0]?.length ?? 2;
        const marked = [...table, Array.from({ length: width }, () => 'text')].map((row) =>
          row.map((value) => (value === null || value.isWellFormed() ? value : 'x')),
        );
        const objects = marked.map((row) =>
          JSON.stringify(Object.fromEntries(row.map((value, i) => [`c${i}`, value]))),
        );
        const text = isArray ? `[${objects.join(',')}]` : objects.join('\n');
        expect((await readText(text, { chunkBytes })).rows).toEqual(marked);
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

describe('hostile bytes', () => {
  const prefixes = ['', '{"a":', '[{', 'a,b\n"', '\u001f\u008b\u0008', '(\u00b5/\u00fd', '\uFEFF'].map((text) =>
    Buffer.from(text, 'latin1'),
  );

  test('random bytes give rows or an error of the product, never a crash', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\\n\r0a \t;e.-') }).map(toUtf8),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...prefixes),
        bytes,
        fc.constantFrom('stop', 'quarantine'),
        async (prefix, rest, onError) => {
          const file = memoryFile(Buffer.concat([prefix, rest]), { chunkBytes: 7, replayable: false });
          try {
            await readInput(file, { onError: onError as 'stop' });
          } catch (error) {
            expect(isGranaryError(error), String((error as Error).stack)).toBe(true);
            expect((error as { code: string }).code).not.toBe('INTERNAL');
          }
        },
      ),
      { seed: 5, numRuns: 1500 },
    );
  });
});

describe('inputs', () => {
  const withFolder = async (use: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'granary-open-'));
    try {
      await use(folder);
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  test('the hash is BLAKE3 of the raw bytes, whatever the name and the chunks', async () => {
    const { contentHash } = await readText('a\n1\n');
    expect(contentHash).toBe(await blake3('a\n1\n'));
    expect((await readText('a\n1\n', { name: 'other', chunkBytes: 1 })).contentHash).toBe(contentHash);
    expect((await readText('a\n2\n')).contentHash).not.toBe(contentHash);
  });

  test('progress counts the bytes of each reading, and never goes back', async () => {
    const seen: Progress[] = [];
    const text = `a\n${'12345\n'.repeat(50_000)}`;
    await readText(text, { report: (progress) => seen.push(progress), name: 'n.csv' });
    for (const stage of ['scanning', 'reading']) {
      const done = seen.filter((progress) => progress.stage === stage).map((progress) => progress.done);
      expect(done[0]).toBe(0);
      expect(done.at(-1)).toBe(text.length);
      expect(done).toEqual(done.toSorted((left, right) => left - right));
    }
    expect(seen[0]).toEqual({ stage: 'scanning', subject: 'n.csv', done: 0, total: text.length, unit: 'bytes' });
  });

  test('an abort ends the wait for an input that gives no bytes, in either reading', async () => {
    await withFolder(async (temporaryFolder) => {
      const controller = new AbortController();
      let reads = 0;
      const file: InputFile = {
        name: 'stuck',
        replayable: true,
        async *read() {
          yield toUtf8('a\n1\n');
          if (++reads > 1) await new Promise(() => undefined);
        },
      };
      const options = { onError: 'stop', quarantine, temporaryFolder, signal: controller.signal } as const;
      await using source = await openBatchSource(file, options);
      const reading = failure(collect(source), 'CANCELLED');
      controller.abort();
      await reading;
      const stuck: InputFile = {
        name: 'stuck',
        replayable: false,
        read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
      };
      const second = new AbortController();
      const opening = failure(openBatchSource(stuck, { ...options, signal: second.signal }), 'CANCELLED');
      second.abort();
      await opening;
    });
  });

  test('an input that fails, and one that changes between the readings', async () => {
    await withFolder(async (temporaryFolder) => {
      const options = { onError: 'stop', quarantine, temporaryFolder } as const;
      const failing: InputFile = {
        name: 'bad.csv',
        replayable: false,
        // oxlint-disable-next-line require-yield
        async *read() {
          throw new Error('disk on fire');
        },
      };
      expect(await failure(openBatchSource(failing, options), 'IO_FAILED')).toContain('bad.csv');
      let text = 'a\n1\n';
      const changing: InputFile = { name: 'c.csv', replayable: true, read: () => memoryFile(text).read() };
      await using source = await openBatchSource(changing, options);
      text = 'a\n1\n2\n';
      expect(await failure(collect(source), 'IO_FAILED')).toContain('changed');
    });
  });

  test('a source that is not read to its end leaves nothing behind', async () => {
    await withFolder(async (temporaryFolder) => {
      const file = memoryFile(`a\n${'1\n'.repeat(300_000)}`, { replayable: false });
      const source = await openBatchSource(file, { onError: 'stop', quarantine, temporaryFolder });
      expect(await readdir(temporaryFolder)).toHaveLength(1);
      for await (const batch of source.batches) {
        expect(batch.numRows).toBe(65_536);
        break;
      }
      await source[Symbol.asyncDispose]();
    });
  });

  test.each([
    ['csv', 200, 128],
    ['ndjson', 80, 64],
    ['json', 80, 64],
  ])('%s of %i MB is read with a heap of %i MB', async (format, megabytes, heapMegabytes) => {
    const script = fileURLToPath(new URL('../testing/read-large-input.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${heapMegabytes}`, script, format, String(megabytes * 1e6)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect(exitCode).toBe(0);
    const { rowCount, expectedRowCount, peakBytes } = JSON.parse(output) as Record<string, number>;
    expect(rowCount).toBe(expectedRowCount);
    // The process itself, two batches and the reader's buffers; less than the input.
    expect(peakBytes).toBeLessThan(300 * 2 ** 20);
  });
});
