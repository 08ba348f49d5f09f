import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

declare const brand: unique symbol;
// A record of names, because an id of one kind can be an id of a wider kind: two plain names would exclude each other.
type Branded<T, Name extends string> = T & { readonly [brand]: { readonly [Kind in Name]: true } };

/** A UUIDv7 in lower-case canonical text. */
export type Uuid = Branded<string, 'Uuid'>;
export type AssetId = Branded<Uuid, 'AssetId'>;

/** BLAKE3-256 of a segment's bytes, 64 lower-case hexadecimal digits. */
export type SegmentHash = Branded<string, 'SegmentHash'>;

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HASH_PATTERN = /^[0-9a-f]{64}$/;

export const isUuid = (text: string): text is Uuid => UUID_PATTERN.test(text);
export const isSegmentHash = (text: string): text is SegmentHash => HASH_PATTERN.test(text);

/** A fresh UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits. */
export function uuidv7<Id extends Uuid = Uuid>(deps: { clock: Clock; random: Random }): Id {
  const bytes = deps.random.bytes(16);
  const time = deps.clock.now();
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(time / 2 ** (40 - 8 * i)) % 256;
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-') as Id;
}
