import { GranaryError } from '#core/kernel/index.ts';
import { align, HEAP, useCodec } from './codec-instance.ts';
import type { IntegerPlan } from './estimate-integers.ts';
import { PREDICTORS } from './integer-header.ts';
import { readExtremes, writeClasses } from './integer-layout.ts';
import { type StartValues, startValues, valuesBefore, writeStart } from './start-values.ts';
import { SLACK_BYTES } from './tile-coding.ts';

/** Residuals of a predictor above the least of them, in as few whole bytes each as they all fit. */
export interface PackedResiduals extends IntegerPlan, StartValues {
  readonly low: bigint;
  /** 1, 2, 3 or 4. */
  readonly width: number;
  readonly bytes: Uint8Array;
}

/** Undefined when the residuals do not fit into 32 bits. For at least one value. */
export function packResiduals(values: BigInt64Array, { predictor, lag }: IntegerPlan): PackedResiduals | undefined {
  const { exports, reserve } = useCodec();
  const start = startValues(values, predictor, lag);
  const before = valuesBefore(lag);
  const count = values.length;
  const countUp = Math.ceil(count / 4) * 4;
  const valuesAt = HEAP + align(before * 8);
  const residualsAt = valuesAt + align(countUp * 8 + SLACK_BYTES);
  const classesAt = residualsAt + align(countUp * 4 + SLACK_BYTES);
  const bytesAt = classesAt + align(countUp + SLACK_BYTES);
  const memory = reserve(bytesAt + countUp * 4 + SLACK_BYTES);
  const copy = new BigInt64Array(memory.buffer, valuesAt - before * 8, before + count);
  writeStart(copy, start);
  copy.set(values, before);
  const code = PREDICTORS.indexOf(predictor);
  // Whole vectors first, then the last values by the other kernel: nothing beyond them must stretch the range.
  const whole = count - (count % 4);
  if (whole > 0 && !exports.predict32(valuesAt, residualsAt, whole, code, start.base, lag * 8)) return undefined;
  let { smallest, largest } = whole > 0 ? readExtremes(memory, false) : { smallest: 2n ** 63n, largest: -(2n ** 63n) };
  if (whole < count) {
    const tail = bytesAt;
    exports.predict64(valuesAt + whole * 8, tail, count - whole, code, start.base, lag * 8);
    const last = readExtremes(memory, true);
    if (last.smallest < smallest) smallest = last.smallest;
    if (last.largest > largest) largest = last.largest;
    new BigInt64Array(memory.buffer, tail, count - whole).forEach((residual, i) => {
      new Int32Array(memory.buffer, residualsAt, count)[whole + i] = Number(BigInt.asIntN(32, residual));
    });
  }
  if (smallest < -(2n ** 31n) || largest >= 2n ** 31n) return undefined;
  const width = Math.max(1, Math.ceil((largest - smallest).toString(2).length / 8));
  if (width > 4) return undefined;
  writeClasses(memory, [{ low: smallest, bits: 8 * width }]);
  memory.fill(0, classesAt, classesAt + count);
  const byteCount = exports.packOffsets32(residualsAt, classesAt, count, bytesAt);
  return { predictor, ...start, low: smallest, width, bytes: memory.slice(bytesAt, bytesAt + byteCount) };
}

/** The reverse of {@link packResiduals}. Errors: `CODEC_DAMAGED`. */
export function restoreResiduals(packed: PackedResiduals, count: number): BigInt64Array {
  const { predictor, base, slope, lag, low, width, bytes } = packed;
  if (bytes.length !== count * width) throw new GranaryError('CODEC_DAMAGED', 'Packed residuals have another length.');
  const { exports, reserve } = useCodec();
  const before = valuesBefore(lag);
  const classesAt = HEAP;
  const valuesAt = classesAt + align(count + SLACK_BYTES) + align(before * 8);
  const bytesAt = valuesAt + align(count * 8);
  const memory = reserve(bytesAt + bytes.length + SLACK_BYTES);
  writeClasses(memory, [{ low, bits: 8 * width }]);
  memory.fill(0, classesAt, classesAt + count);
  memory.set(bytes, bytesAt);
  writeStart(new BigInt64Array(memory.buffer, valuesAt - before * 8, before), packed);
  const code = PREDICTORS.indexOf(predictor);
  const end = bytesAt + bytes.length;
  exports.restoreValues(classesAt, count, bytesAt, end, valuesAt, code, base, slope, lag * 8);
  return new BigInt64Array(memory.buffer, valuesAt, count).slice();
}
