import type { Bin } from './bins.ts';

/** Tables of the integer pipeline in the module's memory; see `layout.as.ts`. */
const EXTREMES = 24_576;
const BIN_ENDS = EXTREMES + 64;
const BIN_CLASSES = EXTREMES + 128;
const CLASSES = EXTREMES + 192;
const CLASS_ENTRY_BYTES = 32;
const CLASSES_MAX = 8;

export interface Extremes {
  readonly smallest: bigint;
  readonly largest: bigint;
}

/** What `predict32` (`wide` false) or `predict64` found. */
export function readExtremes(memory: Uint8Array, wide: boolean): Extremes {
  const view = new DataView(memory.buffer, EXTREMES);
  if (wide) return { smallest: view.getBigInt64(0, true), largest: view.getBigInt64(16, true) };
  const lanes = [0, 4, 8, 12];
  return {
    smallest: BigInt(Math.min(...lanes.map((at) => view.getInt32(at, true)))),
    largest: BigInt(Math.max(...lanes.map((at) => view.getInt32(16 + at, true)))),
  };
}

/** For `classify`: the bins' upper ends in ascending order, and the class of each bin. */
export function writeBins(
  memory: Uint8Array,
  wide: boolean,
  highs: readonly bigint[],
  classOfBin: readonly number[],
): void {
  const view = new DataView(memory.buffer);
  // The last bin has no upper end: its residuals lie above all others. `classify32` reads the low half only.
  const none = wide ? 2n ** 63n - 1n : 2n ** 31n - 1n;
  for (let i = 0; i < CLASSES_MAX - 1; i++)
    view.setBigInt64(BIN_ENDS + i * 8, i < highs.length - 1 ? highs[i]! : none, true);
  for (let i = 0; i < 16; i++) view.setUint8(BIN_CLASSES + i, classOfBin[i] ?? 0);
}

/** For `packOffsets` and `restoreValues`: the bins by class. Classes without a bin get an empty one. */
export function writeClasses(memory: Uint8Array, bins: readonly Bin[]): void {
  const view = new DataView(memory.buffer, CLASSES);
  for (let i = 0; i < CLASSES_MAX; i++) {
    const { low, bits } = bins[i] ?? { low: 0n, bits: 0 };
    view.setBigInt64(i * CLASS_ENTRY_BYTES, low, true);
    view.setBigUint64(i * CLASS_ENTRY_BYTES + 8, (1n << BigInt(bits)) - 1n, true);
    view.setUint32(i * CLASS_ENTRY_BYTES + 16, bits, true);
  }
}
