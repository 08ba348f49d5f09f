import { closeSync, openSync, rmSync, writevSync } from 'node:fs';
import { createReusedMemory } from '#core/columnar/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import { type ChunkTask, decodeTask } from '../segment-reader.ts';
import { type IntegerBounds, layParquetFile } from './parquet-file.ts';
import { parquetTypeOf } from './parquet-types.ts';

/** The order to decode some columns of one row group into a file that the engine scans itself. Plain data. */
export interface RowGroupTask {
  /** Where the file goes; none may be there. */
  readonly path: string;
  readonly rowCount: number;
  readonly columns: readonly {
    /** Within the file. */
    readonly name: string;
    readonly sqlType: string;
    readonly chunk: ChunkTask;
  }[];
}

/** Of this thread: one column is written before the next is decoded. */
export const columnMemory = createReusedMemory();

/**
 * Decodes the columns and writes the file; returns its bytes. Errors: `SEGMENT_MISSING`, `SEGMENT_CORRUPT` naming
 * asset, column and row group; `DISK_FULL`. Nothing is left behind then.
 */
export function writeRowGroupFile({ path, rowCount, columns }: RowGroupTask): number {
  const layout = layParquetFile(rowCount);
  const file = openSync(path, 'wx', 0o600);
  try {
    let byteCount = 0;
    for (const { name, sqlType, chunk } of columns) {
      columnMemory.reset();
      const column = decodeTask(chunk, columnMemory);
      byteCount += writeAll(
        file,
        layout.add({ name, type: parquetTypeOf(sqlType)!, column, bounds: boundsOf(chunk) }, columnMemory),
      );
    }
    return byteCount + writeAll(file, layout.finish());
  } catch (cause) {
    rmSync(path, { force: true });
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
    throw new GranaryError(
      'DISK_FULL',
      `There is no room for decoded columns at ${path}. Free some disk space.`,
      {},
      { cause },
    );
  } finally {
    closeSync(file);
  }
}

function boundsOf({ chunk: { statistics } }: ChunkTask): IntegerBounds | undefined {
  const { min, max } = statistics;
  return Number.isSafeInteger(min) && Number.isSafeInteger(max) ? { min: Number(min), max: Number(max) } : undefined;
}

function writeAll(file: number, pieces: readonly Uint8Array[]): number {
  let rest = pieces.filter((piece) => piece.length > 0);
  let written = 0;
  while (rest.length > 0) {
    let count = writevSync(file, rest.slice(0, PIECES_PER_WRITE_MAX));
    written += count;
    rest = rest.flatMap((piece) => {
      const done = Math.min(count, piece.length);
      count -= done;
      return done === piece.length ? [] : [piece.subarray(done)];
    });
  }
  return written;
}

/** What one call of the operating system takes at least (IOV_MAX of POSIX is 1024 nearly everywhere). */
const PIECES_PER_WRITE_MAX = 1000;
