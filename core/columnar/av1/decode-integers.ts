import { GranaryError } from '#core/kernel/index.ts';
import { align, HEAP, useCodec } from './codec-instance.ts';
import { PREDICTORS, RANKERS, readIntegerMetadata } from './integer-header.ts';
import { writeClasses } from './integer-layout.ts';
import { valuesBefore, writeStart } from './start-values.ts';
import { readColumnUnit } from './palette.ts';
import { decodeTilesAt, decodeTilesBytes, SLACK_BYTES } from './tile-coding.ts';
import { isKnownUniform, rememberUniform } from './uniform-frame.ts';

export interface DecodedIntegers {
  readonly values: BigInt64Array;
  /** The caller's own bytes. */
  readonly metadata: Uint8Array;
}

/**
 * The column of a unit of `encodeIntegerUnit`. `into`, when given, receives the values and must be `valueCount` long.
 * Errors: `CODEC_PROFILE`, `CODEC_DAMAGED`, `CODEC_TRUNCATED`, `LIMIT_EXCEEDED`, `INPUT_INVALID`.
 */
export function decodeIntegerUnit(
  unit: Uint8Array,
  valueCount: number,
  options: { readonly into?: BigInt64Array } = {},
): DecodedIntegers {
  const { into } = options;
  if (into && into.length !== valueCount)
    throw new GranaryError('INPUT_INVALID', `The target holds ${into.length} values instead of ${valueCount}.`);
  const parsed = readColumnUnit(unit, valueCount);
  const header = readIntegerMetadata(parsed.metadata);
  const codec = useCodec();
  const { exports } = codec;

  const capacity = parsed.width * parsed.height;
  const classesAt = HEAP;
  const before = valuesBefore(header.lag);
  const valuesAt = classesAt + align(capacity + SLACK_BYTES) + align(before * 8);
  const offsetsAt = valuesAt + align(valueCount * 8);
  const tilesAt = offsetsAt + align(header.offsets.length + SLACK_BYTES);
  const memory = codec.reserve(tilesAt + decodeTilesBytes(parsed));
  let at = classesAt;
  if (header.bins.length === 1 && isKnownUniform(parsed)) memory.fill(0, classesAt, classesAt + capacity);
  else {
    ({ at } = decodeTilesAt(codec, parsed, tilesAt, 'rank'));
    if (header.ranker !== 'none') {
      exports.unrankClasses(at, classesAt, capacity, RANKERS.indexOf(header.ranker));
      at = classesAt;
    }
    if (header.bins.length === 1 && exports.largestByte(at, capacity) === 0) rememberUniform(parsed);
  }
  writeClasses(memory, header.bins);
  memory.set(header.offsets, offsetsAt);
  const predictor = PREDICTORS.indexOf(header.predictor);
  const end = offsetsAt + header.offsets.length;
  writeStart(new BigInt64Array(memory.buffer, valuesAt - before * 8, before), header);
  const { base, slope, lag } = header;
  if (exports.restoreValues(at, valueCount, offsetsAt, end, valuesAt, predictor, base, slope, lag * 8) !== 0)
    throw new GranaryError('CODEC_DAMAGED', 'The offsets of a unit of integers end early.');
  const restored = new BigInt64Array(memory.buffer, valuesAt, valueCount);
  into?.set(restored);
  return { values: into ?? restored.slice(), metadata: header.metadata };
}
