/**
 * The header extensions of p2panda's Node Extensions Format, variant Basic: the CBOR array
 * `[version = 1, variant = 0, log_id, timestamp, prune_flag]`. Source: p2panda 0.7.0, `p2panda/src/operation.rs`.
 */
import {
  type CborCursor,
  encodeArray,
  encodeBoolean,
  encodeByteString,
  encodeUnsigned,
  readArrayLength,
  readBoolean,
  readByteString,
  readUnsigned,
} from './canonical-cbor.ts';
import { operationInvalid } from './operation-invalid.ts';

const NEF_VERSION = 1n;
const NEF_BASIC = 0n;
const NEF_BASIC_LENGTH = 5n;
const U16_LARGEST = 0xffffn;
const U64_LARGEST = 0xffff_ffff_ffff_ffffn;

export interface Extensions {
  /** BLAKE3 of the log's topic, 32 bytes. */
  readonly logId: Uint8Array;
  /** Microseconds since the UNIX epoch, as the author's clock told; from 0 to 2^64 - 1. For display, never for validity. */
  readonly timestampMicros: bigint;
  /** The author needs no earlier operation of this log. Nothing is deleted because of it. */
  readonly pruneFlag: boolean;
}

export function encodeExtensions(extensions: Extensions): Uint8Array {
  return encodeArray([
    encodeUnsigned(NEF_VERSION),
    encodeUnsigned(NEF_BASIC),
    encodeByteString(extensions.logId),
    encodeUnsigned(extensions.timestampMicros),
    encodeBoolean(extensions.pruneFlag),
  ]);
}

/** Errors: `OPERATION_INVALID`, also for versions and variants that are not known. */
export function readExtensions(cursor: CborCursor): Extensions {
  const length = readArrayLength(cursor);
  const version = readUnsigned(cursor, U16_LARGEST);
  if (version !== NEF_VERSION) throw operationInvalid(`extensions of version ${version} are not known`);
  const variant = readUnsigned(cursor, U16_LARGEST);
  if (variant !== NEF_BASIC) throw operationInvalid(`extensions of variant ${variant} are not known`);
  if (length !== NEF_BASIC_LENGTH) throw operationInvalid(`extensions have ${length} elements instead of 5`);
  return {
    logId: readByteString(cursor, 32),
    timestampMicros: readUnsigned(cursor, U64_LARGEST),
    pruneFlag: readBoolean(cursor),
  };
}
