import duckdb from '@duckdb/node-bindings';
import { compareTexts } from '../statistics-order.ts';
import type { ScanColumn } from './scan-column.ts';

/** A column of text as an ENUM: one dictionary for all row groups of a scan, in the order of the texts. */
export interface EnumSource {
  readonly type: duckdb.LogicalType;
  /** Bytes of a value in the engine's vectors. */
  readonly width: 1 | 2;
  /** The engine's value for each code of a row group's own dictionary. */
  valuesOf(column: ScanColumn): Uint8Array | Uint16Array;
}

/** Larger dictionaries group no faster as ENUM than as text, and take long to merge. */
export const ENUM_ENTRIES_MAX = 4096;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Merges the dictionaries of a column's row groups; undefined when it is not stored as one, or it gets too large. */
export function createEnumSource(columns: readonly ScanColumn[]): EnumSource | undefined {
  const entriesOf = new Map<Int32Array, readonly string[]>();
  const merged = new Set<string>();
  for (const { values } of columns) {
    if (values.kind !== 'codes') return undefined;
    const { offsets, bytes } = values;
    const entries = Array.from({ length: offsets.length - 1 }, (_, i) =>
      decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])),
    );
    entriesOf.set(offsets, entries);
    for (const entry of entries) merged.add(entry);
    if (merged.size > ENUM_ENTRIES_MAX) return undefined;
  }
  if (merged.size === 0) return undefined;
  const sorted = [...merged].sort(compareTexts);
  const type = duckdb.create_enum_type(sorted);
  const width = duckdb.enum_internal_type(type) === duckdb.Type.UTINYINT ? 1 : 2;
  const ordinals = new Map(sorted.map((entry, ordinal) => [entry, ordinal]));
  const maps = new Map<Int32Array, Uint8Array | Uint16Array>();
  for (const [offsets, entries] of entriesOf) {
    const values = entries.map((entry) => ordinals.get(entry)!);
    maps.set(offsets, width === 1 ? Uint8Array.from(values) : Uint16Array.from(values));
  }
  return {
    type,
    width,
    valuesOf: ({ values }) => (values.kind === 'codes' && maps.get(values.offsets)) || new Uint8Array(0),
  };
}
