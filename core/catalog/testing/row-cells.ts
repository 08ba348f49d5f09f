import type { RecordBatch } from 'apache-arrow';
import { rowsOf } from '#core/columnar/testing/rows-of.ts';

/** The rows of the batches, in order; each value as text that is equal only for equal bits. */
export const cellsOf = (batches: readonly RecordBatch[]): string[][] =>
  batches.flatMap(({ data, numRows }) => {
    const columns = data.children.map(rowsOf);
    return Array.from({ length: numRows }, (_, row) => columns.map((column) => column[row]!));
  });

/** The rows of all batches that come. */
export async function readCells(batches: AsyncIterable<RecordBatch>): Promise<string[][]> {
  return cellsOf(await Array.fromAsync(batches));
}
