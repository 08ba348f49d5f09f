/**
 * What devices that may not open segments are told of them, so that they can keep the sealed files for those who may: the
 * CBOR array `[1, [[name, byte count]…]]`, the names rising. The size is that of the opened segment; that of the file follows
 * from it. Neither the key nor the hash of the opened segment is in it, nor the asset that it belongs to.
 */
import { toHex } from '#core/kernel/index.ts';
import {
  type CborCursor,
  encodeArray,
  encodeByteString,
  encodeUnsigned,
  operationInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readUnsigned,
} from '#sync/log/index.ts';
import { SEALED_BYTES_MAX, sealedByteCount } from './sealed-layout.ts';
import { nameToBytes, type SealedName } from './sealed-segment.ts';

/** Names the record in the envelope of an operation. */
export const SEGMENTS_SCHEMA = 'granary.segments.v1';

/** Segments that one record names: it then has at most 180 kB, which an operation carries. */
export const ANNOUNCED_SEGMENTS_MAX = 4096;

const VERSION = 1n;
const NAME_BYTES = 32;

export interface AnnouncedSegment {
  readonly name: SealedName;
  /** Bytes of the opened segment. */
  readonly byteCount: number;
}

/** Records that name all these segments, each once. */
export function encodeAnnouncements(segments: Iterable<AnnouncedSegment>): Uint8Array[] {
  const byName = new Map(Array.from(segments, (segment) => [segment.name, segment]));
  const rising = [...byName.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const records: Uint8Array[] = [];
  for (let i = 0; i < rising.length; i += ANNOUNCED_SEGMENTS_MAX) {
    const entries = rising
      .slice(i, i + ANNOUNCED_SEGMENTS_MAX)
      .map(({ name, byteCount }) => encodeArray([encodeByteString(nameToBytes(name)), encodeUnsigned(byteCount)]));
    records.push(encodeArray([encodeUnsigned(Number(VERSION)), encodeArray(entries)]));
  }
  return records;
}

/** Errors: `OPERATION_INVALID`. */
export function decodeAnnouncement(bytes: Uint8Array): AnnouncedSegment[] {
  const cursor: CborCursor = { bytes, offset: 0 };
  readTuple(cursor);
  if (readUnsigned(cursor, 0xffffn) !== VERSION) throw operationInvalid('its record is of a version that is not known');
  const count = readArrayLength(cursor);
  if (count < 1n || count > BigInt(ANNOUNCED_SEGMENTS_MAX))
    throw operationInvalid(`its record names ${count} segments`);
  const segments: AnnouncedSegment[] = [];
  for (let last = ''; segments.length < Number(count);) {
    readTuple(cursor);
    const name = toHex(readByteString(cursor, NAME_BYTES)) as SealedName;
    const byteCount = Number(readUnsigned(cursor, BigInt(SEALED_BYTES_MAX)));
    if (name <= last) throw operationInvalid('the names of its record do not rise');
    if (sealedByteCount(byteCount) > SEALED_BYTES_MAX) throw operationInvalid('its record names too large a segment');
    last = name;
    segments.push({ name, byteCount });
  }
  readEnd(cursor);
  return segments;
}

function readTuple(cursor: CborCursor): void {
  if (readArrayLength(cursor) !== 2n) throw operationInvalid('its record is not made of pairs');
}
