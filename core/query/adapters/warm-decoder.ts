import { decodeChunk, encodeRowGroup, type SegmentHeader } from '#core/columnar/index.ts';
import { layParquetFile } from './decoded/parquet-file.ts';
import { parquetTypeOf } from './decoded/parquet-types.ts';
import { columnMemory } from './decoded/row-group-file.ts';
import { engineTypeOf } from './duckdb-types.ts';
import { SAMPLE_BOUNDS, sampleRows } from './sample-rows.ts';
import { toScanColumn } from './scan-column.ts';

const ROWS = 2 ** 18;

/** Enough for the runtime to replace the code it starts with by code that is five times as fast. */
const ROUNDS = 10;

/** Decodes made-up columns until the decoder runs at its full speed in this thread. */
export function warmDecoder(): void {
  const batch = sampleRows(ROWS);
  const { rowCount, chunks } = encodeRowGroup(batch);
  const units = chunks.map((chunk) => ({ ...chunk, offset: 0 }));
  const header: SegmentHeader = {
    formatVersion: 1,
    schema: batch.schema,
    rowCount,
    rowGroups: [{ rowCount, chunks: units }],
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { unit }] of units.entries()) {
      columnMemory.reset();
      const column = toScanColumn(
        decodeChunk(header, 0, index, unit, { dictionary: true, memory: columnMemory }),
        'sample',
      );
      const type = parquetTypeOf(engineTypeOf(batch.schema.fields[index]!.type).sql)!;
      layParquetFile(rowCount).add({ name: 'sample', type, column, bounds: SAMPLE_BOUNDS }, columnMemory);
    }
  }
}
