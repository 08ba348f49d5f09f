/**
 * Reads a generated input of a given format and size and prints what it took: run in a process of its own, because it
 * is the process's memory that matters. Usage: `read-large-input.ts csv|ndjson|json BYTES`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InputFile, toUtf8 } from '#core/kernel/index.ts';
import { openBatchSource } from '../adapters/open-batch-source.ts';

const [format = 'csv', byteText = '0'] = process.argv.slice(2);
const byteCount = Number(byteText);
const PIECE_ROWS = 20_000;

const rowOf = (i: number) =>
  format === 'csv'
    ? `${i},"Member ""${i % 977}"" of the cooperative",${(i % 10_007) / 100},2024-01-0${1 + (i % 9)}T10:00:00Z\n`
    : `{"id":${i},"name":"Member \\"${i % 977}\\" of the cooperative","amount":${(i % 10_007) / 100},"when":"2024-01-0${1 + (i % 9)}T10:00:00Z"}\n`;

const ROWS = Array.from({ length: PIECE_ROWS }, (_, i) => rowOf(i));
const PIECE = toUtf8(ROWS.join(format === 'json' ? ',' : ''));
const pieceCount = Math.ceil(byteCount / PIECE.length);

const file: InputFile = {
  name: `large.${format}`,
  replayable: true,
  async *read() {
    if (format === 'csv') yield toUtf8('id,name,amount,when\n');
    for (let i = 0; i < pieceCount; i++) {
      if (format === 'json') yield toUtf8(i === 0 ? '[' : ',');
      yield PIECE;
      // A real input waits for its disk.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (format === 'json') yield toUtf8(']');
  },
};

const temporaryFolder = await mkdtemp(join(tmpdir(), 'granary-large-'));
const source = await openBatchSource(file, { onError: 'stop', quarantine: async () => undefined, temporaryFolder });
let rowCount = 0;
for await (const batch of source.batches) rowCount += batch.numRows;
await source[Symbol.asyncDispose]();
await rm(temporaryFolder, { recursive: true });
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ rowCount, expectedRowCount: pieceCount * PIECE_ROWS, peakBytes }));
