/**
 * Bytes as digits that survive being read aloud and typed: five bits each, without the letters that are taken for others.
 * Source: Douglas Crockford, Base 32 (www.crockford.com/base32.html), in lower case, without check symbols.
 */
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));
/** What people read for what is written. */
const READ_AS: Readonly<Record<string, string>> = { o: '0', i: '1', l: '1' };

export function encodeBase32(bytes: Uint8Array): string {
  let digits = '';
  let [rest, bitCount] = [0, 0];
  for (const byte of bytes) {
    rest = (rest << 8) | byte;
    bitCount += 8;
    for (; bitCount >= 5; bitCount -= 5) digits += DIGITS[(rest >>> (bitCount - 5)) & 31];
    rest &= 31;
  }
  return bitCount > 0 ? digits + DIGITS[(rest << (5 - bitCount)) & 31] : digits;
}

/** The bytes of lower-case digits; the first character that is none when there is one; undefined for bits left over. */
export function decodeBase32(text: string): Uint8Array | { readonly character: string } | undefined {
  const bytes = new Uint8Array((text.length * 5) >>> 3);
  let [rest, bitCount, at] = [0, 0, 0];
  for (const character of text) {
    const value = VALUES.get(READ_AS[character] ?? character);
    if (value === undefined) return { character };
    rest = (rest << 5) | value;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at++] = rest >>> bitCount;
    }
    rest &= 0xff;
  }
  return bitCount < 5 && (rest & ((1 << bitCount) - 1)) === 0 ? bytes : undefined;
}
