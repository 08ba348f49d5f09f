import type { RecordBatch, Schema } from 'apache-arrow';
import { formatArrow } from './format-arrow.ts';
import { formatCsv } from './format-csv.ts';
import { formatJson } from './format-json.ts';
import { formatNdjson } from './format-ndjson.ts';
import { formatTable } from './format-table.ts';

export type RowFormat = 'table' | 'json' | 'ndjson' | 'csv' | 'arrow';

/** Rows as bytes of an output format, in order and streaming. `width` is for tables alone. */
export function formatRows(
  format: RowFormat,
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  width?: number,
): AsyncIterable<Uint8Array> {
  switch (format) {
    case 'table':
      return formatTable(schema, batches, { width });
    case 'json':
      return formatJson(schema, batches);
    case 'ndjson':
      return formatNdjson(schema, batches);
    case 'csv':
      return formatCsv(schema, batches);
    case 'arrow':
      return formatArrow(schema, batches);
  }
}
