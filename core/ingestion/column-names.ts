import type { Field, Schema } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { COLUMNS_MAX } from './limits.ts';
import type { ColumnNote } from './ports.ts';

/** Metadata key of a text column whose values are JSON texts; its value is `true`. */
export const JSON_MARK = 'granary:json';

export const isJsonField = (field: Field): boolean => field.metadata.get(JSON_MARK) === 'true';

/**
 * Names that are all there and all different: an empty name becomes `column_3` (counted from 1), a second `name`
 * becomes `name_2`. Each change is noted. Errors: `LIMIT_EXCEEDED` for more than {@link COLUMNS_MAX} names.
 */
export function uniqueNames(
  source: string,
  given: readonly string[],
): { names: readonly string[]; notes: readonly ColumnNote[] } {
  checkColumnCount(source, given.length);
  const taken = new Set(given);
  const used = new Set<string>();
  const notes: ColumnNote[] = [];
  const free = (wish: string) => {
    let name = wish;
    for (let i = 2; taken.has(name) || used.has(name); i++) name = `${wish}_${i}`;
    return name;
  };
  const names = given.map((name, i) => {
    if (name === '') {
      const chosen = free(`column_${i + 1}`);
      used.add(chosen);
      notes.push({ column: chosen, note: `has no name in the file; column ${i + 1} is called "${chosen}"` });
      return chosen;
    }
    if (!used.has(name)) {
      used.add(name);
      return name;
    }
    const chosen = free(`${name}_2`);
    used.add(chosen);
    notes.push({ column: chosen, note: `is called "${name}" in the file, as an earlier column is` });
    return chosen;
  });
  return { names, notes };
}

export function checkColumnCount(source: string, count: number): void {
  if (count <= COLUMNS_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `${source} has ${count} columns; a table holds at most ${COLUMNS_MAX}. Split the file by columns.`,
    { source, columns: count, limit: COLUMNS_MAX },
  );
}

/** Checks that the file has exactly the columns of the schema, in any order. Errors: `FILE_SCHEMA` naming them. */
export function checkSameColumns(source: string, names: readonly string[], schema: Schema): void {
  const wanted = new Set(schema.names as string[]);
  const present = new Set(names);
  const missing = [...wanted].filter((name) => !present.has(name));
  const extra = names.filter((name) => !wanted.has(name));
  if (missing.length === 0 && extra.length === 0) return;
  const list = (columns: string[]) => columns.map((name) => JSON.stringify(name)).join(', ');
  const parts: string[] = [];
  if (missing.length > 0) parts.push(`lacks the columns ${list(missing)}`);
  if (extra.length > 0) parts.push(`has columns that the schema does not name: ${list(extra)}`);
  throw new GranaryError('FILE_SCHEMA', `${source} ${parts.join(' and ')}.`, { source });
}
