import type { StatisticsValue } from '#core/catalog/index.ts';

/** Moves the surrogates behind the rest of the plane, so that UTF-16 units compare like code points. */
const codePointRank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

/** Orders texts as their UTF-8 bytes are ordered, which is how the engine and the statistics order them. */
export function compareTexts(left: string, right: string): number {
  const common = Math.min(left.length, right.length);
  for (let i = 0; i < common; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** A decimal text as an integer and the number of its decimal places. */
function unscaled(text: string): { digits: bigint; scale: number } | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const fraction = match[3] ?? '';
  return { digits: BigInt(`${match[1]}${match[2]}${fraction}`), scale: fraction.length };
}

/** Orders decimal texts by value; undefined when one is not a number in plain notation. */
export function compareDecimals(left: string, right: string): number | undefined {
  const a = unscaled(left);
  const b = unscaled(right);
  if (!a || !b) return undefined;
  const scale = Math.max(a.scale, b.scale);
  const difference = a.digits * 10n ** BigInt(scale - a.scale) - b.digits * 10n ** BigInt(scale - b.scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * Orders two values of one column as the engine orders them: `text` columns by UTF-8 bytes, others by value. Undefined
 * when they cannot be compared; then nothing may be concluded.
 */
export function compareStatistics(isText: boolean, left: StatisticsValue, right: StatisticsValue): number | undefined {
  if (left === null || right === null) return undefined;
  if (isText) return typeof left === 'string' && typeof right === 'string' ? compareTexts(left, right) : undefined;
  if (typeof left === 'boolean' || typeof right === 'boolean') {
    return typeof left === typeof right ? Number(left) - Number(right) : undefined;
  }
  if (typeof left === 'number' && typeof right === 'number') {
    return Number.isNaN(left) || Number.isNaN(right) ? undefined : left - right;
  }
  return compareDecimals(String(left), String(right));
}
