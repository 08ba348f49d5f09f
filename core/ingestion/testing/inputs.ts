import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordBatch } from 'apache-arrow';
import { expect } from 'vitest';
import { type ErrorCode, type InputFile, isGranaryError, toUtf8 } from '#core/kernel/index.ts';
import { openBatchSource } from '../adapters/open-batch-source.ts';
import type { BatchSource, QuarantinedRow, ReadOptions } from '../ports.ts';

export interface MemoryFileOptions {
  readonly name?: string;
  readonly chunkBytes?: number;
  readonly replayable?: boolean;
}

/** An input file that lies in memory and comes in chunks of a given size. */
export function memoryFile(content: Uint8Array | string, options: MemoryFileOptions = {}): InputFile {
  const bytes = typeof content === 'string' ? toUtf8(content) : content;
  const { name = 'input', chunkBytes = 65_536, replayable = true } = options;
  let reads = 0;
  return {
    name,
    byteCount: bytes.length,
    replayable,
    async *read() {
      if (!replayable && reads++ > 0) throw new Error('read twice');
      for (let at = 0; at < bytes.length; at += chunkBytes) yield Uint8Array.from(bytes.subarray(at, at + chunkBytes));
    },
  };
}

export interface ReadResult {
  readonly schema: string[];
  readonly rows: unknown[][];
  readonly notes: string[];
  readonly quarantined: QuarantinedRow[];
  readonly format: string;
  readonly contentHash: string;
  readonly batches: RecordBatch[];
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Values as they can be compared: BigInt and bytes as text, decimals and times as Arrow's raw integers. */
function plainValue(batch: RecordBatch, column: number, row: number): unknown {
  const value: unknown = batch.getChildAt(column)!.get(row);
  const { type } = batch.schema.fields[column]!;
  if (value === null) return null;
  if (String(type).startsWith('Timestamp') || String(type).startsWith('Time')) {
    const data = batch.data.children[column]!;
    return String((data.values as unknown as BigInt64Array)[row]);
  }
  if (typeof value === 'string') {
    // Arrow's own accessor drops a byte order mark at the start of a text.
    const { values, valueOffsets } = batch.data.children[column]!;
    return utf8.decode((values as Uint8Array).subarray(valueOffsets[row], valueOffsets[row + 1]));
  }
  if (value instanceof Uint32Array) {
    let whole = 0n;
    for (const word of [...value].toReversed()) whole = (whole << 32n) | BigInt(word);
    return String(BigInt.asIntN(128, whole));
  }
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}

export async function collect(source: BatchSource, quarantined: QuarantinedRow[] = []): Promise<ReadResult> {
  const rows: unknown[][] = [];
  const batches: RecordBatch[] = [];
  for await (const batch of source.batches) {
    batches.push(batch);
    for (let row = 0; row < batch.numRows; row++) {
      rows.push(batch.schema.fields.map((_, column) => plainValue(batch, column, row)));
    }
  }
  return {
    schema: source.schema.fields.map((field) => `${field.name}: ${String(field.type)}`),
    rows,
    notes: source.notes.map(({ column, note }) => `${column} ${note}`),
    quarantined,
    format: source.format,
    contentHash: source.contentHash,
    batches,
  };
}

/** Opens and reads everything; checks that nothing is left in the temporary folder. */
export async function readInput(file: InputFile, options: Partial<ReadOptions> = {}): Promise<ReadResult> {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'granary-read-'));
  try {
    const quarantined: QuarantinedRow[] = [];
    const source = await openBatchSource(file, {
      onError: 'stop',
      quarantine: async (row) => void quarantined.push(row),
      temporaryFolder,
      ...options,
    });
    try {
      return await collect(source, quarantined);
    } finally {
      await source[Symbol.asyncDispose]();
    }
  } finally {
    const left = await readdir(temporaryFolder);
    await rm(temporaryFolder, { recursive: true });
    expect(left).toEqual([]);
  }
}

export const readText = (text: string, options: Partial<ReadOptions> & MemoryFileOptions = {}): Promise<ReadResult> =>
  readInput(memoryFile(text, options), options);

/** Expects a failure of the given code; returns its message. */
export async function failure(work: Promise<unknown>, code: ErrorCode): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!isGranaryError(error)) throw error;
    expect(`${error.code} ${error.message}`).toMatch(new RegExp(`^${code} `));
    return error.message;
  }
  throw new Error(`expected ${code}`);
}
