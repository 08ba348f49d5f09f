import type { RecordBatch, Schema } from 'apache-arrow';
import { toUtf8 } from '#core/kernel/index.ts';
import { FORMAT_CHUNK_CHARACTERS, rowPrinter } from './format-json.ts';

/** One JSON object a line and row. */
export async function* formatNdjson(_schema: Schema, batches: AsyncIterable<RecordBatch>): AsyncGenerator<Uint8Array> {
  let text = '';
  for await (const batch of batches) {
    const print = rowPrinter(batch);
    for (let row = 0; row < batch.numRows; row++) {
      text += `${print(row)}\n`;
      if (text.length >= FORMAT_CHUNK_CHARACTERS) {
        yield toUtf8(text);
        text = '';
      }
    }
  }
  if (text !== '') yield toUtf8(text);
}
