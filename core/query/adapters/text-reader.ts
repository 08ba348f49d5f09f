import duckdb from '@duckdb/node-bindings';

const VALUE_BYTES = 16;
const INLINE_BYTES_MAX = 12;

/**
 * Memory is mapped in pages of at least this size. A gap shorter than it between two readable ranges lies wholly within
 * pages that hold a byte of one or the other, so that it can be read as well.
 */
const PAGE_BYTES = 4096;

/** Longest range fetched at once. */
const RUN_BYTES_MAX = 2 ** 22;

/** Collects the texts or binaries of the engine's vectors in Arrow's layout. */
export interface TextCollector {
  /** Appends the rows of a vector; `isNull` tells which have no value. */
  append(vector: duckdb.Vector, rowCount: number, isNull: ((row: number) => boolean) | undefined): void;
  appendBytes(bytes: Uint8Array): void;
  appendEmpty(): void;
  readonly byteCount: number;
  /** Offsets and bytes of all rows so far; starts anew. */
  take(): { offsets: Int32Array; bytes: Uint8Array };
}

/** A collector for batches of at most `rowCountMax` rows. */
export function createTextCollector(rowCountMax: number): TextCollector {
  let offsets = new Int32Array(rowCountMax + 1);
  let bytes = new Uint8Array(rowCountMax * 8);
  let rows = 0;
  let end = 0;

  const reserve = (byteCount: number): void => {
    if (end + byteCount <= bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes.length * 2, end + byteCount));
    grown.set(bytes.subarray(0, end));
    bytes = grown;
  };

  return {
    append(vector, rowCount, isNull) {
      const slots = duckdb.vector_get_data(vector, rowCount * VALUE_BYTES);
      const words = new Uint32Array(slots.buffer, slots.byteOffset, rowCount * 4);
      let total = 0;
      for (let row = 0; row < rowCount; row++) if (!isNull?.(row)) total += words[row * 4]!;
      reserve(total);
      const runs = findRuns(words, rowCount, isNull);
      let runIndex = -1;
      let run: Uint8Array | undefined;
      for (let row = 0; row < rowCount; row++) {
        if (!isNull?.(row)) {
          const length = words[row * 4]!;
          if (length <= INLINE_BYTES_MAX) {
            const start = row * VALUE_BYTES + 4;
            for (let k = 0; k < length; k++) bytes[end + k] = slots[start + k]!;
          } else {
            while (runIndex < 0 || runs[runIndex]!.rowEnd <= row) {
              runIndex += 1;
              run = readRun(runs[runIndex]!);
            }
            const start = addressOf(words, row) - runs[runIndex]!.low;
            copyBytes(bytes, end, run!, start, length);
          }
          end += length;
        }
        rows += 1;
        offsets[rows] = end;
      }
    },
    appendBytes(added) {
      reserve(added.length);
      bytes.set(added, end);
      end += added.length;
      rows += 1;
      offsets[rows] = end;
    },
    appendEmpty() {
      rows += 1;
      offsets[rows] = end;
    },
    get byteCount() {
      return end;
    },
    take() {
      const taken = { offsets: offsets.subarray(0, rows + 1), bytes: bytes.subarray(0, end) };
      offsets = new Int32Array(rowCountMax + 1);
      bytes = new Uint8Array(Math.max(rowCountMax * 8, end));
      rows = 0;
      end = 0;
      return taken;
    },
  };
}

function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, length: number): void {
  if (length < 64) for (let k = 0; k < length; k++) target[at + k] = source[start + k]!;
  else target.set(source.subarray(start, start + length), at);
}

/** User-space addresses have at most 48 bits, which a double holds exactly. */
const addressOf = (words: Uint32Array, row: number): number => words[row * 4 + 3]! * 2 ** 32 + words[row * 4 + 2]!;

/** Texts of consecutive rows that lie close together in memory, from `low` to `high` exclusive. */
interface Run {
  low: number;
  high: number;
  /** Exclusive. */
  rowEnd: number;
}

/** Neighbouring rows usually point into one block of memory: few ranges cover them all. */
function findRuns(words: Uint32Array, rowCount: number, isNull: ((row: number) => boolean) | undefined): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (let row = 0; row < rowCount; row++) {
    const length = words[row * 4]!;
    if (length <= INLINE_BYTES_MAX || isNull?.(row)) continue;
    const start = addressOf(words, row);
    const end = start + length;
    const low = run ? Math.min(run.low, start) : start;
    const high = run ? Math.max(run.high, end) : end;
    const near = run && start - run.high < PAGE_BYTES && run.low - end < PAGE_BYTES && high - low <= RUN_BYTES_MAX;
    if (run && near) Object.assign(run, { low, high, rowEnd: row + 1 });
    else {
      run = { low: start, high: end, rowEnd: row + 1 };
      runs.push(run);
    }
  }
  return runs;
}

const pointer = new DataView(new ArrayBuffer(8));

function readRun({ low, high }: Run): Uint8Array {
  pointer.setUint32(0, low % 2 ** 32, true);
  pointer.setUint32(4, Math.floor(low / 2 ** 32), true);
  return duckdb.get_data_from_pointer(pointer.buffer, 0, high - low);
}
