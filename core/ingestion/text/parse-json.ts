import { canonicalNumber } from './number-text.ts';

/** A value of parsed JSON; numbers that float64 cannot carry are kept as their text ({@link exactText}). */
export type JsonValue = string | number | boolean | null | object;

/** What ECMAScript's JSON.parse source text access adds, as far as it is used here. */
const { isRawJSON, rawJSON } = JSON as unknown as {
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
  rawJSON(text: string): object;
};

/** Finds numbers of so many digits or so large an exponent that float64 may not carry them; most records have none. */
const SUSPECT_NUMBER = /[\d.]{16}|[eE][+-]?\d{3}/;

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

function keepExact(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value;
  const isExact = Number.isFinite(value) && canonicalNumber(context.source) === canonicalNumber(String(value));
  return isExact ? value : rawJSON(context.source);
}

/** Parses one JSON text without losing digits of numbers. Throws a SyntaxError. */
export function parseJson(text: string): JsonValue {
  return SUSPECT_NUMBER.test(text) ? JSON.parse(text, keepExact as unknown as Reviver) : JSON.parse(text);
}

/** True when objects and arrays stand in one another deeper than `levels`. */
export function isDeeperThan(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  const inner: readonly JsonValue[] = Array.isArray(value) ? value : Object.values(value);
  return inner.some((item) => isDeeperThan(item, levels - 1));
}

/** The digits of a number that float64 cannot carry; undefined for every other value. */
export const exactText = (value: JsonValue): string | undefined => (isRawJSON(value) ? value.rawJSON : undefined);

/** The text of a number; unlike `String`, it keeps the sign of a negative zero. */
export const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
