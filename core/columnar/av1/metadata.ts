import { concatBytes, GranaryError } from '#core/kernel/index.ts';
import { OBU_METADATA, obuHeader, readObus } from './obu.ts';

/**
 * Bytes of our own inside a temporal unit: OBU_METADATA of an unregistered private type (AV1 "Metadata OBU semantics",
 * metadata_type 6-31). Decoders ignore it, and it survives a remux, where Matroska's BlockAdditions do not.
 */
const METADATA_TYPE = 25;

/** A metadata OBU ends, as every OBU but frames and tile groups, in a one and zeros ("Trailing bits syntax"). */
const TRAILING_BITS = 0x80;

/** More is split over several OBUs: muxers copy the first one into the track's private data, so keep that small. */
const METADATA_PART_BYTES_MAX = 65_536;

/** `bytes` as metadata OBUs, as parts to be joined. No bytes give no OBU. */
export function metadataObus(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += METADATA_PART_BYTES_MAX) {
    const part = bytes.subarray(start, start + METADATA_PART_BYTES_MAX);
    parts.push(
      obuHeader(OBU_METADATA, part.length + 2),
      Uint8Array.of(METADATA_TYPE),
      part,
      Uint8Array.of(TRAILING_BITS),
    );
  }
  return parts;
}

/** Our bytes in the payload of a metadata OBU, or undefined when it is of another type. Errors: `CODEC_DAMAGED`. */
export function metadataPart(payload: Uint8Array): Uint8Array | undefined {
  if (payload[0] !== METADATA_TYPE) return undefined;
  if (payload.length < 2 || payload.at(-1) !== TRAILING_BITS)
    throw new GranaryError('CODEC_DAMAGED', 'A metadata OBU of the AV1 unit lacks its trailing bits.');
  return payload.subarray(1, -1);
}

/**
 * The metadata of a temporal unit, without looking at its frame. Errors: `CODEC_TRUNCATED`, `CODEC_DAMAGED`,
 * `CODEC_PROFILE`.
 */
export function readMetadata(unit: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { type, payload } of readObus(unit)) {
    const part = type === OBU_METADATA ? metadataPart(payload) : undefined;
    if (part) parts.push(part);
  }
  return concatBytes(parts);
}
