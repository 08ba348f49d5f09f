import { GranaryError } from '#core/kernel/index.ts';
import { readLeb128, writeLeb128 } from './leb128.ts';

/** The OBU types the profile knows (AV1 "OBU header semantics"). */
export const OBU_SEQUENCE_HEADER = 1;
export const OBU_TEMPORAL_DELIMITER = 2;
export const OBU_METADATA = 5;
export const OBU_FRAME = 6;
export const OBU_PADDING = 15;

const HAS_SIZE_FLAG = 0b10;
const EXTENSION_FLAG = 0b100;
const FORBIDDEN_AND_RESERVED_BITS = 0b1000_0001;

export interface Obu {
  readonly type: number;
  /** A view into the unit. */
  readonly payload: Uint8Array;
}

/** The bytes in front of a payload: OBU header with its size field. */
export const obuHeader = (type: number, payloadBytes: number): Uint8Array =>
  Uint8Array.of((type << 3) | HAS_SIZE_FLAG, ...writeLeb128(payloadBytes));

/**
 * The OBUs of a temporal unit, one after another. Errors: `CODEC_TRUNCATED`; `CODEC_DAMAGED` when a forbidden bit is
 * set; `CODEC_PROFILE` for an extension or a missing size.
 */
export function* readObus(unit: Uint8Array): Generator<Obu> {
  for (let at = 0; at < unit.length;) {
    const header = unit[at]!;
    if (header & FORBIDDEN_AND_RESERVED_BITS)
      throw new GranaryError('CODEC_DAMAGED', 'The AV1 unit holds an OBU with a forbidden bit.');
    if (header & EXTENSION_FLAG || !(header & HAS_SIZE_FLAG))
      throw new GranaryError('CODEC_PROFILE', 'The AV1 unit holds an OBU with an extension or without a size.');
    const { value: size, end: start } = readLeb128(unit, at + 1);
    if (size > unit.length - start) throw new GranaryError('CODEC_TRUNCATED', 'The AV1 unit ends inside an OBU.');
    at = start + size;
    yield { type: header >> 3, payload: unit.subarray(start, at) };
  }
}
