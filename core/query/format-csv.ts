import type { RecordBatch, Schema } from 'apache-arrow';
import { toUtf8 } from '#core/kernel/index.ts';
import { FORMAT_CHUNK_CHARACTERS } from './format-json.ts';
import { createPrinter, isNullAt } from './print-value.ts';

const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/** A field of text: an empty one is quoted, because nothing at all means null. */
const fieldText = (text: string): string =>
  text === '' || NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

/**
 * RFC 4180 with a header line, UTF-8, lines ended by CRLF. A null is an empty field, an empty text is `""`. The null of a
 * table of one column is therefore an empty line, which many readers skip.
 */
export async function* formatCsv(schema: Schema, batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  let text = `${schema.fields.map((field) => fieldText(field.name)).join(',')}\r\n`;
  for await (const batch of batches) {
    const columns = batch.schema.fields.map((_, index) => {
      const data = batch.data.children[index]!;
      const print = createPrinter(data, 'text');
      return (row: number) => (isNullAt(data, row) ? '' : fieldText(print(row)));
    });
    for (let row = 0; row < batch.numRows; row++) {
      text += `${columns.map((print) => print(row)).join(',')}\r\n`;
      if (text.length >= FORMAT_CHUNK_CHARACTERS) {
        yield toUtf8(text);
        text = '';
      }
    }
  }
  if (text !== '') yield toUtf8(text);
}
