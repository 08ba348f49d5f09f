import type { ScanFilter } from '#core/catalog/index.ts';

/** The filter as `--explain` prints it: `delay >= 60`, `origin in ('ATL', 'DFW')`. */
export function scanFilterText(filter: ScanFilter): string {
  const literal = (value: unknown) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value));
  if (filter.op === 'in') return `${filter.column} in (${filter.values.map(literal).join(', ')})`;
  if ('value' in filter) return `${filter.column} ${filter.op} ${literal(filter.value)}`;
  return `${filter.column} ${filter.op}`;
}
