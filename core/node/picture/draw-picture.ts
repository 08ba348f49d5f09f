import type { DataType } from 'apache-arrow';
import { drawText, GLYPH_HEIGHT, GLYPH_WIDTH } from './glyphs.ts';
import type { Cell, ColumnCells } from './column-cells.ts';
import { cellLabel } from './cell-label.ts';
import { FIRST_LEVEL, INK, LEVELS, NAN_COLOUR, NULL_COLOUR, WHITE } from './palette.ts';
import type { IndexedPicture } from './write-png.ts';

const BODY_WIDTH = 512;
const MARGIN = 12;
const WIDTH = BODY_WIDTH + 2 * MARGIN;
/** Sides of a cell, pixels: small tables get large cells. All fill the width. */
const CELL_SIZES = [32, 16, 8, 4, 2] as const;
const BODY_HEIGHT_MAX = 320;

const TITLE_SCALE = 2;
const TEXT_SCALE = 1;
const LINE = GLYPH_HEIGHT * TEXT_SCALE + 6;
const TITLE_LINE = GLYPH_HEIGHT * TITLE_SCALE + 6;
const BAR_HEIGHT = 12;
const SWATCH = 8;

/** Where the cells of a picture lie: row by row, `wide` in a line, squares of `size` pixels. */
export interface CellGrid {
  readonly x: number;
  readonly y: number;
  readonly wide: number;
  readonly size: number;
}

/** The grid for a number of cells, the largest ones that fit. */
export function cellGrid(count: number): CellGrid {
  const linesOf = (size: number) => Math.ceil((count * size) / BODY_WIDTH);
  const size = CELL_SIZES.find((side) => linesOf(side) * side <= BODY_HEIGHT_MAX) ?? CELL_SIZES.at(-1)!;
  return { x: MARGIN, y: MARGIN + TITLE_LINE + LINE, wide: BODY_WIDTH / size, size };
}

/**
 * A column as a picture. Time flows from left to right and from top to bottom, a colour stands for a value's place among
 * all values (the share of cells below it), nulls and NaN have colours of their own, what is not known is white. Above
 * stand name and type, below the colours with the least, the middle and the greatest value.
 */
export function drawPicture(name: string, type: DataType, column: ColumnCells): IndexedPicture {
  const { cells } = column;
  const grid = cellGrid(cells.length);
  const bodyHeight = Math.ceil(cells.length / grid.wide) * grid.size;
  const isSpecial = cells.some((cell) => cell === null || Number.isNaN(cell));
  const height = grid.y + bodyHeight + MARGIN + BAR_HEIGHT + (isSpecial ? 2 : 1) * LINE + MARGIN;
  const canvas = new Canvas(WIDTH, height);
  canvas.text(MARGIN, MARGIN, TITLE_SCALE, `${name}  ${String(type)}`);
  canvas.text(MARGIN, MARGIN + TITLE_LINE, TEXT_SCALE, subtitle(column));
  const values = cells.filter(isValue).toSorted(compareCells);
  cells.forEach((cell, i) => {
    const x = grid.x + (i % grid.wide) * grid.size;
    const y = grid.y + Math.floor(i / grid.wide) * grid.size;
    canvas.fill(x, y, grid.size, grid.size, colourOf(cell, values));
  });
  drawLegend(canvas, grid.y + bodyHeight + MARGIN, type, cells, values);
  return canvas;
}

const isValue = (cell: Cell): cell is number | string =>
  typeof cell === 'string' || (typeof cell === 'number' && !Number.isNaN(cell));

/** In order of the numbers, or of the code points of the texts. */
function compareCells(left: number | string, right: number | string): number {
  if (typeof left === 'number' && typeof right === 'number') return left === right ? 0 : left < right ? -1 : 1;
  return Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)));
}

function colourOf(cell: Cell, values: readonly (number | string)[]): number {
  if (cell === undefined) return WHITE;
  if (cell === null) return NULL_COLOUR;
  if (!isValue(cell)) return NAN_COLOUR;
  const below = firstAt(values, cell);
  // Of the greatest value all others are below: it, and nothing else, has the last colour.
  const others = firstAt(values, values.at(-1)!);
  return FIRST_LEVEL + (others === 0 ? LEVELS >> 1 : Math.round((below / others) * (LEVELS - 1)));
}

/** How many of the sorted values are less than `value`. */
function firstAt(values: readonly (number | string)[], value: number | string): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareCells(values[middle]!, value) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const counted = (count: number, thing: string): string =>
  `${count.toLocaleString('en-US')} ${thing}${count === 1 ? '' : 's'}`;

function subtitle({ rowCount, rowsPerCell, rowGroupCount, decodedCount }: ColumnCells): string {
  const each = rowsPerCell > 1 ? `, ${rowsPerCell.toLocaleString('en-US')} in a cell` : '';
  const groups = `${decodedCount.toLocaleString('en-US')} of ${counted(rowGroupCount, 'row group')} decoded`;
  return `${counted(rowCount, 'row')}${each}, ${groups}`;
}

function drawLegend(
  canvas: Canvas,
  top: number,
  type: DataType,
  cells: readonly Cell[],
  values: readonly (number | string)[],
): void {
  let x = MARGIN;
  if (values.length > 0) {
    for (let i = 0; i < BODY_WIDTH; i++)
      canvas.fill(MARGIN + i, top, 1, BAR_HEIGHT, FIRST_LEVEL + Math.floor((i * LEVELS) / BODY_WIDTH));
    const [least, middle, greatest] = [0, values.length >> 1, values.length - 1].map((i) =>
      cellLabel(type, values[i]!),
    );
    const y = top + BAR_HEIGHT + 4;
    const widthOf = (text: string) => text.length * GLYPH_WIDTH * TEXT_SCALE;
    canvas.text(MARGIN, y, TEXT_SCALE, least!);
    canvas.text(MARGIN + BODY_WIDTH - widthOf(greatest!), y, TEXT_SCALE, greatest!);
    canvas.text(MARGIN + Math.round((BODY_WIDTH - widthOf(middle!)) / 2), y, TEXT_SCALE, middle!);
  }
  const swatches = [
    { colour: NULL_COLOUR, label: 'null', shown: cells.includes(null) },
    { colour: NAN_COLOUR, label: 'NaN', shown: cells.some((cell) => Number.isNaN(cell)) },
  ];
  for (const { colour, label, shown } of swatches) {
    if (!shown) continue;
    const y = top + BAR_HEIGHT + 4 + LINE;
    canvas.fill(x, y, SWATCH, SWATCH, colour);
    canvas.text(x + SWATCH + 4, y, TEXT_SCALE, label);
    x += SWATCH + 4 + (label.length + 2) * GLYPH_WIDTH * TEXT_SCALE;
  }
}

class Canvas implements IndexedPicture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height).fill(WHITE);
  }

  fill(x: number, y: number, width: number, height: number, colour: number): void {
    for (let line = y; line < y + height; line++) {
      const start = line * this.width + x;
      this.pixels.fill(colour, start, start + width);
    }
  }

  /** A line of text; what does not fit is cut off with dots. */
  text(x: number, y: number, scale: number, text: string): void {
    const room = Math.floor((this.width - MARGIN - x) / (GLYPH_WIDTH * scale));
    const letters = [...text];
    const shown = letters.length > room ? `${letters.slice(0, Math.max(room - 3, 0)).join('')}...` : text;
    drawText(shown, (dotX, dotY) => this.fill(x + dotX * scale, y + dotY * scale, scale, scale, INK));
  }
}
