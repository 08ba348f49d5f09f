import type { StoredColumn } from './arrow-data.ts';
import { makeSection, type Mapping, type Section } from './chunk-format.ts';
import type { ColumnValues } from './column-values.ts';
import type { CarriedChunk, StreamlessHead } from './carry-integers.ts';

/** A column in a temporal unit, and the form of its values that the unit holds. */
export interface EncodedColumn extends CarriedChunk {
  readonly mapping: Mapping;
  readonly stored: StoredColumn;
}

export const headOf = (mapping: Mapping, column: ColumnValues, parameters: readonly number[] = []): StreamlessHead => ({
  mapping,
  rowCount: column.rowCount,
  nullCount: column.nullCount,
  parameters,
});

export const validitySections = (column: ColumnValues): Section[] =>
  column.validity ? [makeSection('validity', column.validity, { width: 1 })] : [];
