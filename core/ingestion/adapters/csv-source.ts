import { Field, Schema, Utf8 } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { type BatchBuilder, createBatchBuilder } from '../columns/batch-builder.ts';
import { checkSameColumns, uniqueNames } from '../column-names.ts';
import { COLUMNS_MAX } from '../limits.ts';
import type { ColumnNote, ReadOptions } from '../ports.ts';
import { rawText, rowError, shownValue, type RowFault } from '../row-fault.ts';
import { rowBatches, type RowOutput } from '../row-batches.ts';
import { type ColumnInference, inferType, newColumnInference, observeText } from '../text/column-inference.ts';
import type { RecordPlace } from '../text/record-place.ts';
import { newKindShapes } from '../text/value-kind.ts';
import { checkText } from './check-text.ts';
import type { Content, OpenContent } from './content.ts';
import {
  createRecordReader,
  type DelimitedRecord,
  type Dialect,
  ESCAPED,
  PLAIN,
  type RecordFault,
} from './delimited-records.ts';
import { detectDialect } from './detect-dialect.ts';
import { byteOrderMarkLength } from '../detect-format.ts';

/**
 * Opens delimited text: commas, semicolons, tabs or bars, the first record is the header. An empty field is null; a
 * quoted empty field (`""`) is an empty text in a text column and null in all others. Empty lines are left out, except in
 * a table of one column, where they are null. Errors: `FILE_EMPTY`, `FILE_FORMAT`, `FILE_ENCODING`, `FILE_SCHEMA`,
 * `LIMIT_EXCEEDED`; in mode `stop` also those of a bad row.
 */
export const openCsv: OpenContent = async (content, options) => {
  const dialect = detectDialect(withoutMark(content.head));
  const survey = await surveyText(content, dialect, options);
  const { names, notes } = uniqueNames(content.name, survey.header);
  if (options.schema) checkSameColumns(content.name, names, options.schema);
  const inferred = options.schema ? undefined : toSchema(names, survey.columns);
  const schema = options.schema ?? inferred!.schema;
  return {
    schema,
    notes: [...notes, ...(inferred?.notes ?? [])],
    batches: () =>
      rowBatches(content.name, options, content.again(), (output) =>
        convertText(content, dialect, names, schema, output),
      ),
  };
};

const withoutMark = (head: Uint8Array) => head.subarray(byteOrderMarkLength(head));

function toSchema(names: readonly string[], columns: readonly ColumnInference[]) {
  const notes: ColumnNote[] = [];
  const fields = names.map((name, i) => {
    const column = columns[i];
    const { type, note } = column ? inferType(column) : { type: new Utf8(), note: undefined };
    if (note !== undefined) notes.push({ column: name, note });
    return new Field(name, type, true);
  });
  return { schema: new Schema(fields), notes };
}

const describe = (place: RecordPlace, record: number) => ({
  record,
  line: place.line,
  byteOffset: place.byteOffset,
  raw: rawText(place.bytes, place.start, place.end),
});

const readFault = (fault: RecordFault, record: number): RowFault => ({
  ...describe(fault, record),
  code: fault.code,
  reason: fault.reason,
});

const raggedFault = (row: DelimitedRecord, record: number, fieldCount: number): RowFault => ({
  ...describe(row, record),
  code: 'ROW_INVALID',
  reason: `the row has ${row.fieldCount} fields, the header has ${fieldCount}`,
});

const isBlank = (row: DelimitedRecord, fieldCount: number) =>
  fieldCount > 1 && row.fieldCount === 1 && row.start === row.end;

/** The bytes in which the value of the field lies. */
const sourceOf = (row: DelimitedRecord, field: number) => (row.quoting[field] === ESCAPED ? row.unescaped : row.bytes);

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function readHeader(source: string, row: DelimitedRecord): string[] {
  if (row.fieldCount > COLUMNS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `${source} has ${row.fieldCount} columns; a table holds at most ${COLUMNS_MAX}. Split the file by columns.`,
      { source, columns: row.fieldCount, limit: COLUMNS_MAX },
    );
  }
  return Array.from({ length: row.fieldCount }, (_, i) =>
    decoder.decode(sourceOf(row, i).subarray(row.starts[i], row.ends[i])),
  );
}

/** The first reading: checks the text, reads the header, and looks at every value unless the schema is given. */
async function surveyText(
  content: Content,
  dialect: Dialect,
  options: ReadOptions,
): Promise<{ header: readonly string[]; columns: readonly ColumnInference[] }> {
  const { name } = content;
  const shapes = newKindShapes();
  let header: string[] | undefined;
  let columns: ColumnInference[] = [];
  let record = 0;
  const fail = (fault: RowFault) => {
    if (options.onError === 'stop') throw rowError(name, fault);
  };
  const reader = createRecordReader(dialect, {
    record(row) {
      if (header === undefined) {
        if (row.end === row.start) return;
        header = readHeader(name, row);
        columns = header.map(newColumnInference);
        return;
      }
      if (isBlank(row, header.length)) return;
      record++;
      if (row.fieldCount !== header.length) {
        fail(raggedFault(row, record, header.length));
        return;
      }
      const { starts, ends, fieldCount } = row;
      for (let i = 0; i < fieldCount; i++) {
        const start = starts[i]!;
        const end = ends[i]!;
        if (start !== end) observeText(columns[i]!, sourceOf(row, i), start, end, shapes);
      }
    },
    fault(fault) {
      if (header === undefined) {
        throw new GranaryError('FILE_FORMAT', `${name} has no readable header: line ${fault.line}: ${fault.reason}.`, {
          source: name,
          line: fault.line,
        });
      }
      record++;
      fail(readFault(fault, record));
    },
  });
  let isFirst = true;
  let isReading = true;
  for await (const chunk of checkText(name, content.first())) {
    if (isReading) reader.push(isFirst ? withoutMark(chunk) : chunk);
    isFirst = false;
    // With a schema the values are judged when they are converted; only the header is wanted here.
    if (header !== undefined && options.schema) isReading = false;
  }
  if (isReading) reader.end();
  if (header === undefined) throw new GranaryError('FILE_EMPTY', `${name} holds no data.`, { source: name });
  return { header, columns };
}

/** The second reading: converts every record to a row of the schema. */
function convertText(
  content: Content,
  dialect: Dialect,
  names: readonly string[],
  schema: Schema,
  output: RowOutput,
): { step(chunk: Uint8Array): void; end(): void } {
  const builder: BatchBuilder = createBatchBuilder(schema);
  const columnCount = schema.fields.length;
  const fieldOf = schema.fields.map((field) => names.indexOf(field.name));
  const markLength = byteOrderMarkLength(content.head);
  let isHeaderPending = true;
  let record = 0;

  function appendField(row: DelimitedRecord, column: number): boolean {
    const field = fieldOf[column]!;
    const start = row.starts[field]!;
    const end = row.ends[field]!;
    if (start === end) {
      return row.quoting[field] === PLAIN ? builder.appendNull(column) : builder.appendEmpty(column);
    }
    return builder.append(column, sourceOf(row, field), start, end);
  }

  function misfit(row: DelimitedRecord, column: number): RowFault {
    const field = schema.fields[column]!;
    const index = fieldOf[column]!;
    const start = row.starts[index]!;
    const end = row.ends[index]!;
    const value = shownValue(decoder.decode(sourceOf(row, index).subarray(start, Math.min(end, start + 1000))));
    const reason =
      start === end
        ? `column "${field.name}" must not be empty`
        : `column "${field.name}": ${value} is no ${String(field.type)}`;
    return { ...describe(row, record), code: 'ROW_INVALID', column: field.name, reason };
  }

  const reader = createRecordReader(
    dialect,
    {
      record(row) {
        if (isHeaderPending) {
          isHeaderPending = row.end === row.start;
          return;
        }
        if (isBlank(row, names.length)) return;
        record++;
        if (row.fieldCount !== names.length) {
          output.fault(raggedFault(row, record, names.length));
          return;
        }
        for (let column = 0; column < columnCount; column++) {
          if (appendField(row, column)) continue;
          output.fault(misfit(row, column));
          return;
        }
        output.batch(builder.endRow(row.end - row.start));
      },
      fault(fault) {
        record++;
        output.fault(readFault(fault, record));
      },
    },
    { line: 1, byteOffset: markLength },
  );
  let skip = markLength;
  return {
    step(chunk) {
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      reader.push(chunk.subarray(skipped));
    },
    end() {
      reader.end();
      output.batch(builder.flush());
    },
  };
}
