import type { Data } from 'apache-arrow';
import type { ChunkStatistics } from '#core/columnar/index.ts';
import { cellValues } from './cell-values.ts';

/** Cells of the largest picture: 256 in a line, 128 lines. */
export const PICTURE_CELLS_MAX = 256 * 128;

/**
 * Row groups of a column that are decoded for its picture: enough to see a shape, and less than half a second of work.
 * Of more, the first, the last and evenly spread ones between are decoded; the rest shows its mean.
 */
export const PICTURE_ROW_GROUPS_MAX = 16;

/** One row group of the column: what its header tells, and its values when they are asked for. */
export interface PictureGroup {
  readonly rowCount: number;
  readonly statistics: ChunkStatistics;
  decode(): Promise<Data>;
}

/** What a cell shows: a value, NaN, `null` (nothing but nulls), or undefined (not decoded, and no mean known). */
export type Cell = number | string | null | undefined;

export interface ColumnCells {
  readonly cells: readonly Cell[];
  readonly rowsPerCell: number;
  readonly rowCount: number;
  readonly rowGroupCount: number;
  readonly decodedCount: number;
}

/** The row groups to decode. */
export function sampledGroups(count: number): ReadonlySet<number> {
  const wanted = Math.min(count, PICTURE_ROW_GROUPS_MAX);
  return new Set(Array.from({ length: wanted }, (_, i) => Math.round((i * (count - 1)) / Math.max(wanted - 1, 1))));
}

/** A column in at most `PICTURE_CELLS_MAX` cells: of numbers the mean of a cell's rows, of texts the first one. */
export async function columnCells(groups: readonly PictureGroup[]): Promise<ColumnCells> {
  const rowCount = groups.reduce((sum, group) => sum + group.rowCount, 0);
  const rowsPerCell = Math.max(1, Math.ceil(rowCount / PICTURE_CELLS_MAX));
  const cells = new Cells(Math.ceil(rowCount / rowsPerCell), rowsPerCell);
  const sampled = sampledGroups(groups.length);
  let row = 0;
  let decodedCount = 0;
  for (const [index, group] of groups.entries()) {
    const known = alikeValue(group);
    if (known !== undefined) cells.addRows(row, group.rowCount, known);
    else if (sampled.has(index)) {
      cells.addData(row, await group.decode());
      decodedCount++;
    } else cells.addRows(row, group.rowCount, meanOf(group));
    row += group.rowCount;
  }
  return { cells: cells.finish(), rowsPerCell, rowCount, rowGroupCount: groups.length, decodedCount };
}

/** The value of all rows when the statistics say it: nothing but nulls, or least and greatest alike. */
function alikeValue({ rowCount, statistics: { nullCount, min, max } }: PictureGroup): Cell {
  if (nullCount === rowCount) return null;
  return nullCount === 0 && min === max && typeof min === 'number' ? min : undefined;
}

function meanOf({ rowCount, statistics: { nullCount, sum } }: PictureGroup): Cell {
  return sum === undefined ? undefined : Number(sum) / (rowCount - nullCount);
}

class Cells {
  readonly #rowsPerCell: number;
  readonly #sums: Float64Array;
  readonly #counts: Uint32Array;
  readonly #nulls: Uint8Array;
  readonly #nans: Uint8Array;
  readonly #texts: (string | undefined)[];

  constructor(count: number, rowsPerCell: number) {
    this.#rowsPerCell = rowsPerCell;
    this.#sums = new Float64Array(count);
    this.#counts = new Uint32Array(count);
    this.#nulls = new Uint8Array(count);
    this.#nans = new Uint8Array(count);
    this.#texts = Array.from({ length: count }, () => undefined);
  }

  addRows(start: number, count: number, value: Cell): void {
    if (value === undefined) return;
    for (let row = start; row < start + count;) {
      const cell = Math.floor(row / this.#rowsPerCell);
      const rows = Math.min(start + count, (cell + 1) * this.#rowsPerCell) - row;
      if (value === null) this.#nulls[cell] = 1;
      else if (typeof value === 'string') this.#texts[cell] ??= value;
      else {
        this.#sums[cell]! += value * rows;
        this.#counts[cell]! += rows;
      }
      row += rows;
    }
  }

  addData(start: number, data: Data): void {
    const values = cellValues(data);
    const validity = data.nullCount > 0 ? (data.nullBitmap as Uint8Array) : undefined;
    for (let row = 0; row < data.length; row++) {
      const cell = Math.floor((start + row) / this.#rowsPerCell);
      if (validity && !((validity[row >> 3]! >> (row & 7)) & 1)) this.#nulls[cell] = 1;
      else if (values.kind === 'text') this.#texts[cell] ??= values.at(row);
      else if (values.kind === 'opaque') this.#counts[cell]!++;
      else {
        const value = values.at(row);
        if (Number.isNaN(value)) this.#nans[cell] = 1;
        else {
          this.#sums[cell]! += value;
          this.#counts[cell]!++;
        }
      }
    }
  }

  finish(): Cell[] {
    return this.#texts.map((text, i) => {
      if (text !== undefined) return text;
      if (this.#counts[i]! > 0) return this.#sums[i]! / this.#counts[i]!;
      if (this.#nans[i]) return Number.NaN;
      return this.#nulls[i] ? null : undefined;
    });
  }
}
