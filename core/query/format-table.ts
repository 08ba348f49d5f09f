import { DataType, type RecordBatch, type Schema } from 'apache-arrow';
import { toUtf8 } from '#core/kernel/index.ts';
import { FORMAT_CHUNK_CHARACTERS } from './format-json.ts';
import { createPrinter, isNullAt } from './print-value.ts';
import { cutToWidth, escapeControls, textWidth } from './text-width.ts';

export interface TableOptions {
  /** Places in a line of the terminal; absent: as wide as the values. */
  readonly width?: number | undefined;
}

/** Rows that decide the widths of the columns: the table starts to print once it has seen so many. */
const WIDTH_SAMPLE_ROWS = 1000;

/** A column is never squeezed below this many places: a digit or two and the ellipsis. */
const COLUMN_WIDTH_MIN = 4;

/** Longest value shown where no width is given; a table is for reading. */
const VALUE_WIDTH_MAX = 200;

const isNumeric = (type: DataType): boolean =>
  DataType.isInt(type) || DataType.isFloat(type) || DataType.isDecimal(type);

interface Layout {
  /** Columns that fit. */
  readonly widths: readonly number[];
  readonly hiddenCount: number;
}

/**
 * A table drawn with lines, as wide as the terminal at most: wide columns are cut with an ellipsis, and columns that find
 * no place are counted in the last line. Numbers stand on the right, a null reads `NULL`. Widths follow from the first
 * rows, so that a table of any length streams.
 */
export async function* formatTable(
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  { width }: TableOptions = {},
): AsyncGenerator<Uint8Array> {
  const names = schema.fields.map((field) => escapeControls(field.name));
  const right = schema.fields.map((field) => isNumeric(field.type as DataType));
  let sample: string[][] | undefined = [];
  let layout: Layout = { widths: [], hiddenCount: 0 };
  let rowCount = 0;
  let text = '';
  const line = (cells: readonly string[]) => `${rowLine(cells, layout, right)}\n`;
  const start = () => {
    layout = layOut(names, sample ?? [], width);
    text += `${ruler(layout, '┌', '┬', '┐')}\n${line(names)}${ruler(layout, '├', '┼', '┤')}\n`;
    for (const cells of sample ?? []) text += line(cells);
    sample = undefined;
  };
  for await (const batch of batches) {
    const columns = batch.schema.fields.map((_, index) => {
      const data = batch.data.children[index]!;
      const print = createPrinter(data, 'text');
      return (row: number) => (isNullAt(data, row) ? 'NULL' : cutToWidth(escapeControls(print(row)), VALUE_WIDTH_MAX));
    });
    for (let row = 0; row < batch.numRows; row++) {
      const cells = columns.map((print) => print(row));
      rowCount += 1;
      if (sample) {
        sample.push(cells);
        if (sample.length >= WIDTH_SAMPLE_ROWS) start();
      } else text += line(cells);
      if (text.length >= FORMAT_CHUNK_CHARACTERS) {
        yield toUtf8(text);
        text = '';
      }
    }
  }
  if (sample) start();
  const hidden = layout.hiddenCount === 0 ? '' : `, ${layout.hiddenCount} more columns do not fit`;
  yield toUtf8(`${text}${ruler(layout, '└', '┴', '┘')}\n${rowCount} ${rowCount === 1 ? 'row' : 'rows'}${hidden}\n`);
}

/** Gives each column the width of its widest value, then takes from the widest until the line fits. */
function layOut(names: readonly string[], sample: readonly (readonly string[])[], width: number | undefined): Layout {
  const widths = names.map((name, column) => {
    let widest = Math.max(1, textWidth(name));
    for (const cells of sample) widest = Math.max(widest, textWidth(cells[column]!));
    return Math.min(widest, VALUE_WIDTH_MAX);
  });
  if (width === undefined) return { widths, hiddenCount: 0 };
  const lineWidth = () => widths.reduce((sum, columnWidth) => sum + columnWidth + 3, 1);
  while (lineWidth() > width) {
    const widest = Math.max(...widths);
    if (widest <= COLUMN_WIDTH_MIN) break;
    const next = Math.max(COLUMN_WIDTH_MIN, ...widths.filter((columnWidth) => columnWidth < widest));
    const count = widths.filter((columnWidth) => columnWidth === widest).length;
    const target = Math.max(next, widest - Math.max(1, Math.ceil((lineWidth() - width) / count)));
    for (const [column, columnWidth] of widths.entries()) if (columnWidth === widest) widths[column] = target;
  }
  let hiddenCount = 0;
  while (lineWidth() > width && widths.length > 1) {
    widths.pop();
    hiddenCount += 1;
  }
  return { widths, hiddenCount };
}

const ruler = ({ widths }: Layout, left: string, middle: string, right: string): string =>
  left + widths.map((columnWidth) => '─'.repeat(columnWidth + 2)).join(middle) + right;

function rowLine(cells: readonly string[], { widths }: Layout, right: readonly boolean[]): string {
  const padded = widths.map((columnWidth, column) => {
    const cell = cutToWidth(cells[column]!, columnWidth);
    const space = ' '.repeat(Math.max(0, columnWidth - textWidth(cell)));
    return right[column] ? space + cell : cell + space;
  });
  return `│ ${padded.join(' │ ')} │`;
}
