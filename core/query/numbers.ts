/** Reads a little-endian two's complement integer. */
export function wideInteger(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = view.getBigInt64(bytes.byteLength - 8, true);
  for (let at = bytes.byteLength - 16; at >= 0; at -= 8) value = (value << 64n) | view.getBigUint64(at, true);
  return value;
}

/** `unscaled / 10^scale` in plain decimal notation with exactly `scale` decimal places. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The value of an IEEE 754 half-precision float. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A double in as few digits as tell it from its neighbours; -0 keeps its sign. */
export const doubleText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** Digits that always suffice to tell a single-precision float from its neighbours. */
const FLOAT_DIGITS_MAX = 9;

/** A single-precision float in as few digits as tell it from its neighbours. */
export function floatText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return doubleText(value);
  for (let digits = 1; digits < FLOAT_DIGITS_MAX; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return doubleText(short);
  }
  return doubleText(Number(value.toPrecision(FLOAT_DIGITS_MAX)));
}
