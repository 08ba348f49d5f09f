import { DataType, type Schema } from 'apache-arrow';
import type { ColumnSummary, ScanFilter, StatisticsValue } from '#core/catalog/index.ts';
import { compareStatistics } from './statistics-order.ts';

/** One place in the engine's plan that reads an asset. */
export interface ScanOccurrence {
  readonly columns: readonly string[];
  /** All of them hold for every row this place needs. */
  readonly filters: readonly ScanFilter[];
}

/** Rows that stand or fall together: a segment, or a row group of one. */
export interface RowBlock {
  readonly rowCount: number;
  /** One per column, in the order of the schema. */
  readonly columns: readonly ColumnSummary[];
}

/** What is to be read of one asset, for all the places of a query that read it. */
export interface ScanPlan {
  /** Names in the order of the schema, each once. */
  readonly columns: readonly string[];
  /** The filters that hold at every place: what a store may be asked to leave out. */
  readonly filters: readonly ScanFilter[];
  /** False only when no place needs any row of the block. */
  readonly needs: (block: RowBlock) => boolean;
}

/**
 * Joins the places where one query reads an asset. A block of rows is skipped only when its statistics exclude it at
 * every place; the engine applies every filter again, so reading too much is never wrong.
 */
export function planScan(schema: Schema, occurrences: readonly ScanOccurrence[]): ScanPlan {
  const wanted = new Set(occurrences.flatMap((occurrence) => occurrence.columns));
  const indexes = new Map(schema.fields.map((field, index) => [field.name, index]));
  const isText = schema.fields.map((field) => isTextType(field.type as DataType));
  const needs = (block: RowBlock): boolean =>
    block.rowCount > 0 &&
    occurrences.some(({ filters }) =>
      filters.every((filter) => {
        const index = indexes.get(filter.column);
        const summary = index === undefined ? undefined : block.columns[index];
        return summary === undefined || mayHold(filter, summary, block.rowCount, isText[index!]!);
      }),
    );
  return {
    columns: schema.fields.map((field) => field.name).filter((name) => wanted.has(name)),
    filters: commonFilters(occurrences),
    needs,
  };
}

const isTextType = (type: DataType): boolean =>
  DataType.isUtf8(type) ||
  DataType.isLargeUtf8(type) ||
  (DataType.isDictionary(type) && isTextType(type.dictionary as DataType));

function commonFilters(occurrences: readonly ScanOccurrence[]): readonly ScanFilter[] {
  const [first, ...others] = occurrences;
  if (!first) return [];
  const keys = others.map((occurrence) => new Set(occurrence.filters.map((filter) => JSON.stringify(filter))));
  return first.filters.filter((filter) => keys.every((known) => known.has(JSON.stringify(filter))));
}

/** False only when the filter holds for no row of a block with this summary. */
function mayHold(filter: ScanFilter, summary: ColumnSummary, rowCount: number, isText: boolean): boolean {
  const { min, max, nullCount } = summary;
  if (filter.op === 'is null') return nullCount > 0;
  if (nullCount >= rowCount) return false;
  /** False when `value` lies below the least or above the greatest value. */
  const reaches = (value: StatisticsValue, side: 'min' | 'max', inclusive: boolean): boolean => {
    const bound = side === 'min' ? min : max;
    const order = bound === undefined ? undefined : compareStatistics(isText, bound, value);
    if (order === undefined) return true;
    const distance = side === 'min' ? -order : order;
    return inclusive ? distance >= 0 : distance > 0;
  };
  switch (filter.op) {
    case 'is not null':
      return true;
    case '=':
      return reaches(filter.value, 'min', true) && reaches(filter.value, 'max', true);
    case 'in':
      return filter.values.some((value) => reaches(value, 'min', true) && reaches(value, 'max', true));
    case '<':
      return reaches(filter.value, 'min', false);
    case '<=':
      return reaches(filter.value, 'min', true);
    case '>':
      // A text bound may have been cut and raised, so equality with it proves nothing.
      return reaches(filter.value, 'max', isText);
    case '>=':
      return reaches(filter.value, 'max', true);
  }
}
