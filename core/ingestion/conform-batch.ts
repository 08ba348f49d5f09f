import { type Data, type DataType, Field, RecordBatch, Schema, Struct, makeData } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { checkSameColumns, isJsonField } from './column-names.ts';
import { createColumnBuilder } from './columns/create-column-builder.ts';
import { BATCH_ROWS_MAX, QUARANTINE_RAW_MAX } from './limits.ts';
import { plainData, plainSchema } from './plain-data.ts';
import type { ColumnNote, ReadOptions } from './ports.ts';
import { CUT_MARK, rowError, shownValue, toQuarantinedRow, type RowFault } from './row-fault.ts';
import { createTextReader } from './value-text.ts';

/** Brings the batches of a file that has types of its own into plain types or into those of a given schema. */
export interface Conformer {
  readonly schema: Schema;
  readonly notes: readonly ColumnNote[];
  /** The same rows under `schema`, in batches of at most {@link BATCH_ROWS_MAX}. */
  batches(source: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch>;
}

const sameType = (left: DataType, right: DataType) => left.typeId === right.typeId && String(left) === String(right);

/** Errors: `FILE_SCHEMA` for other columns than the schema's, `SCHEMA_MISMATCH` for types that cannot be converted. */
export function createConformer(source: string, fileSchema: Schema, options: ReadOptions): Conformer {
  const plain = plainSchema(source, fileSchema);
  const names = plain.schema.names as string[];
  if (options.schema) checkSameColumns(source, names, options.schema);
  const schema = options.schema ?? plain.schema;
  const columnOf = schema.fields.map((field) => names.indexOf(field.name));
  const converters = schema.fields.map((field, i) => {
    const from = plain.schema.fields[columnOf[i]!]!;
    return sameType(from.type, field.type) ? undefined : createConverter(source, from, field);
  });
  let rowsBefore = 0;

  /** Converts one batch; bad rows are collected by their index. */
  function convert(batch: RecordBatch): { converted: RecordBatch; faults: Map<number, RowFault> } {
    const faults = new Map<number, RowFault>();
    const misfit = (row: number, column: string, reason: string) => {
      if (faults.has(row)) return;
      const raw = rawRow(batch, row);
      faults.set(row, { code: 'ROW_INVALID', record: rowsBefore + row + 1, column, reason, raw });
    };
    const children = schema.fields.map((field, i) => {
      const data = plainData(batch.data.children[columnOf[i]!]!);
      if (!field.nullable && data.nullCount > 0) {
        for (let row = 0; row < data.length; row++) {
          if (!data.getValid(row)) misfit(row, field.name, `column "${field.name}" must not be empty`);
        }
      }
      return withType(converters[i] ? converters[i](data, misfit) : data, field.type);
    });
    const data = makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children });
    return { converted: new RecordBatch(schema, data), faults };
  }

  async function* batches(incoming: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
    for await (const large of incoming) {
      for (let at = 0; at < large.numRows; at += BATCH_ROWS_MAX) {
        const batch = large.numRows <= BATCH_ROWS_MAX ? large : large.slice(at, at + BATCH_ROWS_MAX);
        const { converted, faults } = convert(batch);
        if (faults.size === 0) yield converted;
        else {
          const ordered = [...faults].toSorted(([left], [right]) => left - right);
          let from = 0;
          for (const [row, fault] of ordered) {
            if (options.onError === 'stop') throw rowError(source, fault);
            await options.quarantine(toQuarantinedRow(source, fault));
            if (row > from) yield converted.slice(from, row);
            from = row + 1;
          }
          if (from < converted.numRows) yield converted.slice(from);
        }
        rowsBefore += batch.numRows;
      }
    }
  }

  return { schema, notes: plain.notes, batches };
}

type Convert = (data: Data, misfit: (row: number, column: string, reason: string) => void) => Data;

/** Converts values by way of their text, as if they had been read from a text file. */
function createConverter(source: string, from: Field, to: Field): Convert {
  const readText = createTextReader(from.type);
  const builder = createColumnBuilder(to.type, isJsonField(to), BATCH_ROWS_MAX);
  if (!readText || !builder) {
    throw new GranaryError(
      'SCHEMA_MISMATCH',
      `${source}: column "${to.name}" is ${String(from.type)}, which cannot become ${String(to.type)}.`,
      { source, column: to.name },
    );
  }
  const encoder = new TextEncoder();
  return (data, misfit) => {
    const textOf = readText(data);
    for (let row = 0; row < data.length; row++) {
      const value = data.getValid(row) ? textOf(row) : undefined;
      if (value === undefined) {
        builder.appendNull(row);
        continue;
      }
      const bytes = typeof value === 'string' ? encoder.encode(value) : value;
      if (builder.append(row, bytes, 0, bytes.length)) continue;
      builder.appendNull(row);
      const shown = typeof value === 'string' ? value : new TextDecoder().decode(value.subarray(0, 1000));
      misfit(row, to.name, `column "${to.name}": ${shownValue(shown)} is no ${String(to.type)}`);
    }
    return builder.finish(data.length);
  };
}

/** The same data under an equal type, so that schema and data agree in the objects they hold. */
function withType(data: Data, type: DataType): Data {
  if (data.type === type) return data;
  const clone = data.clone(type, data.offset, data.length, data.nullCount);
  return clone;
}

/** The row as JSON, for a person to read. */
function rawRow(batch: RecordBatch, row: number): string {
  const text = JSON.stringify(batch.get(row)?.toJSON() ?? null, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return text.length <= QUARANTINE_RAW_MAX ? text : text.slice(0, QUARANTINE_RAW_MAX) + CUT_MARK;
}
