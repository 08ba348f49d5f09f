import { GranaryError } from '#core/kernel/index.ts';
import type { OptionValues } from './command.ts';

/** A text option, or undefined when it was not given. */
export function textOption(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** All values of an option that may be repeated. */
export function textOptions(options: OptionValues, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/**
 * Repeated `COLUMN=VALUE` as a record; undefined when none was given. The last `=` divides. Errors: `USAGE_INVALID`.
 */
export function pairOptions(options: OptionValues, name: string): Record<string, string> | undefined {
  const texts = textOptions(options, name);
  if (texts.length === 0) return undefined;
  const pairs = texts.map((text): [string, string] => {
    const at = text.lastIndexOf('=');
    if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
    throw new GranaryError('USAGE_INVALID', `--${name} must be COLUMN=VALUE, not "${text}".`);
  });
  return Object.fromEntries(pairs);
}

export const flagOption = (options: OptionValues, name: string): boolean => options[name] === true;

/** A whole number within bounds, both inclusive. Errors: `USAGE_INVALID`. */
export function integerOption(options: OptionValues, name: string, min: number, max: number): number | undefined {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new GranaryError('USAGE_INVALID', `--${name} must be a whole number from ${min} to ${max}, not "${text}".`);
}

const HOURS = { h: 1, d: 24, w: 168 } as const;

/**
 * A span of time in hours, written as hours, days or weeks: `12h`, `7d`, `2w`. Errors: `USAGE_INVALID`.
 */
export function hoursOption(options: OptionValues, name: string): number | undefined {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const [, count, unit] = /^([1-9]\d{0,5})([hdw])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * HOURS[unit as keyof typeof HOURS];
  throw new GranaryError('USAGE_INVALID', `--${name} must be a time such as 12h, 7d or 2w, not "${text}".`);
}

/**
 * One of a closed list, as people write it: case and `-` against `_` do not matter. Errors: `USAGE_INVALID`, naming
 * the choices.
 */
export function choiceOption<Choice extends string>(
  options: OptionValues,
  name: string,
  choices: Readonly<Record<string, Choice>>,
): Choice | undefined {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const choice = choices[text.toLowerCase().replaceAll('-', '_')];
  if (choice !== undefined) return choice;
  throw new GranaryError(
    'USAGE_INVALID',
    `--${name} must be one of ${Object.keys(choices).join(', ')}, not "${text}".`,
  );
}
