import { fromUtf8, toUtf8 } from './bytes.ts';
import { GranaryError } from './errors.ts';

/** Characters that JSON has to escape, halves of characters among them. */
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A call of `JSON.stringify` costs more than most texts are long. */
const writeText = (text: string): string => (ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`);

function write(value: unknown): string {
  if (typeof value === 'string') return writeText(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return writeItems(value);
  if (typeof value === 'object') return writeMembers(value);
  throw new GranaryError('INTERNAL', `A record holds ${String(value)}, which JSON cannot carry.`);
}

function writeItems(items: readonly unknown[]): string {
  let text = '';
  for (let i = 0; i < items.length; i++) text += `${i === 0 ? '' : ','}${write(items[i] ?? null)}`;
  return `[${text}]`;
}

function writeMembers(value: object): string {
  const names = Object.keys(value);
  // The order in which `sort` puts texts by itself is that of their UTF-16 code units.
  if (!areSorted(names)) names.sort();
  let members = '';
  for (const name of names) {
    const member: unknown = value[name as keyof typeof value];
    if (member !== undefined) members += `${members === '' ? '' : ','}${writeText(name)}:${write(member)}`;
  }
  return `{${members}}`;
}

function areSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i]! < names[i - 1]!) return false;
  return true;
}

/**
 * JSON with one spelling for each value, as RFC 8785 has it: no blanks, members sorted by UTF-16 code units, numbers as
 * ECMAScript prints them. Members that are undefined are left out. What is hashed or signed is written this way.
 */
export const canonicalJson = (value: unknown): Uint8Array<ArrayBuffer> => toUtf8(write(value));

/** Reads a stored record. Errors: `JOURNAL_CORRUPT`, naming the key. */
export function readRecord<T>(key: string, bytes: Uint8Array): T {
  try {
    return JSON.parse(fromUtf8(bytes)) as T;
  } catch (cause) {
    throw new GranaryError(
      'JOURNAL_CORRUPT',
      `The record "${key}" of the node's store cannot be read. Restore the home from a backup.`,
      { key },
      { cause },
    );
  }
}
