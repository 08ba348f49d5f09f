/**
 * A key that restores the management of a space, as a text to be written down and locked away: `granaryrecovery1` and, in
 * base 32, a version (1 byte), the Ed25519 seed (32 bytes) and a checksum of five bytes.
 */
import { concatBytes, equalBytes, GranaryError, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';

const PREFIX = 'granaryrecovery1';
const KEY_VERSION = 1;
const SEED_BYTES = 32;
const CHECKSUM_BYTES = 5;
const CHECKSUM_DOMAIN = toUtf8('granary recovery key\0');
/** Digits in a group, as people copy them. */
const GROUP_DIGITS = 8;

const checksum = (blake3: Blake3, content: Uint8Array): Uint8Array =>
  blake3(concatBytes([CHECKSUM_DOMAIN, content])).subarray(0, CHECKSUM_BYTES);

/** `seed` has 32 bytes. Groups of digits, joined by hyphens. */
export function encodeRecoveryKey(blake3: Blake3, seed: Uint8Array): string {
  const content = concatBytes([Uint8Array.of(KEY_VERSION), seed]);
  const digits = encodeBase32(concatBytes([content, checksum(blake3, content)]));
  return [PREFIX, ...(digits.match(new RegExp(`.{1,${GROUP_DIGITS}}`, 'g')) ?? [])].join('-');
}

/** The seed. Reads what `encodeRecoveryKey` wrote in either case, with or without hyphens. Errors: `INPUT_INVALID`. */
export function decodeRecoveryKey(blake3: Blake3, text: string): Uint8Array {
  const letters = text.replaceAll(/[\s-]/g, '').toLowerCase();
  const bytes = letters.startsWith(PREFIX) ? decodeBase32(letters.slice(PREFIX.length)) : undefined;
  const isWhole = bytes instanceof Uint8Array && bytes.length === 1 + SEED_BYTES + CHECKSUM_BYTES;
  const content = isWhole ? bytes.subarray(0, -CHECKSUM_BYTES) : undefined;
  if (
    content?.[0] === KEY_VERSION &&
    equalBytes((bytes as Uint8Array).subarray(-CHECKSUM_BYTES), checksum(blake3, content))
  ) {
    return content.slice(1);
  }
  // The text itself is a secret and stays out of the message.
  throw new GranaryError(
    'INPUT_INVALID',
    `A recovery key has a typing error or is not whole; it begins with ${PREFIX}. Copy it again, up to its end.`,
  );
}
