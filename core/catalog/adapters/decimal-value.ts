/** A two's complement integer of little-endian 32-bit words. */
export function readInteger(words: Uint32Array, start: number, wordCount: number): bigint {
  const top = words[start + wordCount - 1]! | 0;
  const isSmall = words.subarray(start + 1, start + wordCount).every((word) => word === 0);
  if (isSmall) return BigInt(words[start]!);
  let value = BigInt(top);
  for (let i = wordCount - 2; i >= 0; i--) value = (value << 32n) | BigInt(words[start + i]!);
  return value;
}

/** Plain decimal text of `unscaled / 10^scale`, with exactly `scale` digits after the point. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
