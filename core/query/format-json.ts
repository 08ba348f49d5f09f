import type { RecordBatch, Schema } from 'apache-arrow';
import { toUtf8 } from '#core/kernel/index.ts';
import { isJsonField } from './json-column.ts';
import { createPrinter, isNullAt, type PrintValue } from './print-value.ts';

/** Text is handed on in pieces of about this many characters: large enough to be cheap, small enough to flow. */
export const FORMAT_CHUNK_CHARACTERS = 2 ** 16;

/**
 * Prints every row of a batch as one JSON object, in the order of the columns. Integers and decimals are numbers with
 * all their digits, so a reader that holds numbers as doubles must take care past 2^53. A name that occurs twice occurs
 * twice in the object as well.
 */
export function rowPrinter(batch: RecordBatch): PrintValue {
  const columns = batch.schema.fields.map((field, index) => {
    const data = batch.data.children[index]!;
    const print = createPrinter(data, isJsonField(field) ? 'text' : 'json');
    const name = JSON.stringify(field.name);
    return (row: number) => `${name}:${isNullAt(data, row) ? 'null' : print(row)}`;
  });
  return (row) => `{${columns.map((print) => print(row)).join(',')}}`;
}

/** A JSON array with one object a row, one row a line. */
export async function* formatJson(_schema: Schema, batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  let text = '[';
  let separator = '\n';
  for await (const batch of batches) {
    const print = rowPrinter(batch);
    for (let row = 0; row < batch.numRows; row++) {
      text += separator + print(row);
      separator = ',\n';
      if (text.length >= FORMAT_CHUNK_CHARACTERS) {
        yield toUtf8(text);
        text = '';
      }
    }
  }
  yield toUtf8(`${text}\n]\n`);
}
