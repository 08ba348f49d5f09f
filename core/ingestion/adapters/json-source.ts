import { Field, Schema } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { createBatchBuilder } from '../columns/batch-builder.ts';
import { checkColumnCount, checkSameColumns, isJsonField, JSON_MARK, uniqueNames } from '../column-names.ts';
import { JSON_DEPTH_MAX, RECORD_BYTES_MAX } from '../limits.ts';
import type { ColumnNote, ReadOptions } from '../ports.ts';
import { rawText, rowError, shownValue, type RowFault } from '../row-fault.ts';
import { rowBatches, type RowOutput } from '../row-batches.ts';
import { type ColumnInference, inferType, newColumnInference, observeKind } from '../text/column-inference.ts';
import { createArraySplitter, createLineSplitter, type JsonEnding, type JsonRecord } from '../text/json-records.ts';
import { exactText, isDeeperThan, type JsonValue, numberText, parseJson } from '../text/parse-json.ts';
import { KIND, type Kind, type KindShapes, kindOfCalendar, kindOfText, newKindShapes } from '../text/value-kind.ts';
import { checkText } from './check-text.ts';
import type { Content, OpenContent } from './content.ts';
import { byteOrderMarkLength } from '../detect-format.ts';

type Splitting = 'array' | 'lines';
const OPENING_BRACE = 0x7b;

type JsonObject = Readonly<Record<string, JsonValue>>;

/**
 * Opens a JSON array of objects (`array`) or one object a line (`lines`). Columns are the keys of all objects in the
 * order they are first seen; a missing key is null, and so is `null`. Text that is a date or a time stamp throughout
 * becomes one; text that looks like a number stays text. Objects and arrays are kept as JSON text. Of a key that
 * stands twice in one object the last counts, as everywhere in ECMAScript. Errors: as for delimited text, and `FILE_TRUNCATED`
 * for an array without its end.
 */
const openJson =
  (splitting: Splitting): OpenContent =>
  async (content, options) => {
    const survey = await surveyRecords(content, splitting, options);
    const keys = [...survey.keys()];
    const { names, notes } = uniqueNames(content.name, keys);
    if (options.schema) checkSchema(content.name, names, options.schema);
    const inferred = options.schema ? undefined : toSchema(names, [...survey.values()]);
    const schema = options.schema ?? inferred!.schema;
    const keyOf = schema.fields.map((field) => keys[names.indexOf(field.name)]);
    return {
      schema,
      notes: [...notes, ...(inferred?.notes ?? [])],
      batches: () =>
        rowBatches(content.name, options, content.again(), (output) =>
          convertRecords(content, splitting, keyOf, schema, output),
        ),
    };
  };

export const openJsonArray = openJson('array');
export const openJsonLines = openJson('lines');

/** A key that no object has is a missing value in each of them, which columns that take nulls allow. */
function checkSchema(source: string, names: readonly string[], schema: Schema): void {
  const optional = schema.fields.filter((field) => field.nullable).map((field) => field.name);
  checkSameColumns(source, [...new Set([...names, ...optional])], schema);
}

function toSchema(names: readonly string[], columns: readonly ColumnInference[]) {
  const notes: ColumnNote[] = [];
  const fields = names.map((name, i) => {
    const { type, note, json } = inferType(columns[i]!);
    if (note !== undefined) notes.push({ column: name, note });
    return new Field(name, type, true, json ? new Map([[JSON_MARK, 'true']]) : undefined);
  });
  return { schema: new Schema(fields), notes };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The object of a record, or why there is none. */
function parseRecord(place: JsonRecord, record: number): { readonly row: JsonObject } | { readonly fault: RowFault } {
  const { bytes, start, end } = place;
  const fault = (code: RowFault['code'], reason: string) => ({ fault: describeFault(place, record, code, reason) });
  if (place.isTooLong) return fault('LIMIT_EXCEEDED', `the record is longer than ${RECORD_BYTES_MAX} bytes`);
  let value: JsonValue;
  try {
    value = parseJson(decoder.decode(bytes.subarray(start, end)));
  } catch (error) {
    const reason = `no JSON value: ${(error as Error).message}`;
    if (place.isUnterminated) return fault('FILE_TRUNCATED', reason);
    if (place.bytes[end - 1] !== OPENING_BRACE) return fault('ROW_INVALID', reason);
    return fault(
      'FILE_FORMAT',
      'an object goes on over several lines; only an array of objects, or one object a line, can be read',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || exactText(value) !== undefined) {
    return fault('ROW_INVALID', 'the record is no JSON object');
  }
  if (isDeeperThan(value, JSON_DEPTH_MAX)) {
    return fault('LIMIT_EXCEEDED', `the record is nested deeper than ${JSON_DEPTH_MAX} levels`);
  }
  const row = value as JsonObject;
  for (const key of Object.keys(row)) {
    const cell = row[key];
    if (key.isWellFormed() && (typeof cell !== 'string' || cell.isWellFormed())) continue;
    return fault('ROW_INVALID', `${shownValue(key)}: the text holds half of a surrogate pair`);
  }
  return { row };
}

function describeFault(place: JsonRecord, record: number, code: RowFault['code'], reason: string): RowFault {
  const { bytes, start, end, line, byteOffset } = place;
  return { code, record, line, byteOffset, reason, raw: rawText(bytes, start, end) };
}

function split(content: Content, splitting: Splitting, onRecord: (place: JsonRecord) => void) {
  const markLength = byteOrderMarkLength(content.head);
  const splitter = (splitting === 'array' ? createArraySplitter : createLineSplitter)(markLength, onRecord);
  let skip = markLength;
  return {
    push(chunk: Uint8Array) {
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      splitter.push(chunk.subarray(skipped));
    },
    end: () => checkEnding(content.name, splitter.end()),
  };
}

function checkEnding(source: string, ending: JsonEnding): void {
  if (ending === 'truncated') {
    throw new GranaryError('FILE_TRUNCATED', `${source} ends before its JSON array does. Copy or download it again.`, {
      source,
    });
  }
  if (ending === 'trailing') {
    throw new GranaryError('FILE_FORMAT', `${source} goes on behind the end of its JSON array.`, { source });
  }
}

/** The first reading: finds the keys and, unless the schema is given, looks at every value. */
async function surveyRecords(
  content: Content,
  splitting: Splitting,
  options: ReadOptions,
): Promise<ReadonlyMap<string, ColumnInference>> {
  const { name } = content;
  const columns = new Map<string, ColumnInference>();
  const shapes = newKindShapes();
  const write = createTextWriter();
  let record = 0;
  const { push, end } = split(content, splitting, (place) => {
    record++;
    const parsed = parseRecord(place, record);
    if ('fault' in parsed) {
      if (options.onError === 'stop') throw rowError(name, parsed.fault);
      return;
    }
    for (const [key, value] of Object.entries(parsed.row)) {
      let column = columns.get(key);
      if (!column) {
        checkColumnCount(name, columns.size + 1);
        columns.set(key, (column = newColumnInference()));
      }
      if (value === null || options.schema) continue;
      const length = write(value, false);
      observeKind(column, kindOfJson(value, write.bytes, length, shapes), write.bytes, 0, length, shapes);
    }
  });
  for await (const chunk of checkText(name, content.first())) push(chunk);
  end();
  if (record === 0) throw new GranaryError('FILE_EMPTY', `${name} holds no records.`, { source: name });
  if (columns.size === 0)
    throw new GranaryError('FILE_FORMAT', `${name} holds no record with a key.`, { source: name });
  return columns;
}

function kindOfJson(value: JsonValue, bytes: Uint8Array, length: number, shapes: KindShapes): Kind {
  switch (typeof value) {
    case 'boolean':
      return KIND.BOOLEAN;
    case 'number':
      return kindOfText(bytes, 0, length, shapes);
    case 'string':
      return kindOfCalendar(bytes, 0, length, shapes.calendar);
    default:
      return exactText(value!) === undefined ? KIND.NESTED : kindOfText(bytes, 0, length, shapes);
  }
}

/** Writes values as UTF-8 into memory of its own, reused; `asJson` keeps the quotes of text. */
function createTextWriter() {
  const encoder = new TextEncoder();
  const writer = Object.assign(
    (value: JsonValue, asJson: boolean): number => {
      const text = textOf(value, asJson);
      if (writer.bytes.length < text.length * 3) writer.bytes = new Uint8Array(text.length * 4);
      return encoder.encodeInto(text, writer.bytes).written;
    },
    { bytes: new Uint8Array(4096) },
  );
  return writer;
}

function textOf(value: JsonValue, asJson: boolean): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'string' && !asJson) return value;
  return JSON.stringify(value);
}

/** The second reading: converts every object to a row of the schema. */
function convertRecords(
  content: Content,
  splitting: Splitting,
  keyOf: readonly (string | undefined)[],
  schema: Schema,
  output: RowOutput,
): { step(chunk: Uint8Array): void; end(): void } {
  const builder = createBatchBuilder(schema);
  const write = createTextWriter();
  const isJson = schema.fields.map(isJsonField);
  const columnCount = schema.fields.length;
  let record = 0;

  function appendValue(row: JsonObject, column: number): boolean {
    const key = keyOf[column];
    const value = key !== undefined && Object.hasOwn(row, key) ? row[key]! : null;
    if (value === null) return builder.appendNull(column);
    const length = write(value, isJson[column]!);
    return length === 0 ? builder.appendEmpty(column) : builder.append(column, write.bytes, 0, length);
  }

  const { push, end } = split(content, splitting, (place) => {
    record++;
    const parsed = parseRecord(place, record);
    if ('fault' in parsed) {
      output.fault(parsed.fault);
      return;
    }
    const { row } = parsed;
    for (let column = 0; column < columnCount; column++) {
      if (appendValue(row, column)) continue;
      const field = schema.fields[column]!;
      const value = row[keyOf[column] ?? ''] ?? null;
      const reason =
        value === null || value === ''
          ? `column "${field.name}" must not be empty`
          : `column "${field.name}": ${shownValue(textOf(value, true))} is no ${String(field.type)}`;
      output.fault({ ...describeFault(place, record, 'ROW_INVALID', reason), column: field.name });
      return;
    }
    output.batch(builder.endRow(place.end - place.start));
  });
  return {
    step: push,
    end() {
      end();
      output.batch(builder.flush());
    },
  };
}
