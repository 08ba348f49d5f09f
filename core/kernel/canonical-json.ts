import { fromUtf8, toUtf8 } from './bytes.ts';
import { GranaryError } from './errors.ts';

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => write(item ?? null)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    let members = '';
    // The order in which `sort` puts texts by itself is that of their UTF-16 code units.
    for (const name of Object.keys(value).sort()) {
      const member: unknown = value[name as keyof typeof value];
      if (member !== undefined) members += `${members && ','}${JSON.stringify(name)}:${write(member)}`;
    }
    return `{${members}}`;
  }
  if (typeof value === 'number' ? !Number.isFinite(value) : value !== null && !/^(string|boolean)$/.test(typeof value))
    throw new GranaryError('INTERNAL', `A record holds ${String(value)}, which JSON cannot carry.`);
  return JSON.stringify(value);
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
