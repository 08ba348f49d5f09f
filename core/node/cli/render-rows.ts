/** A column of a text table: its heading, and how a value of it is aligned. */
export interface TextColumn {
  readonly heading: string;
  readonly align?: 'right';
}

/** Lines of plain aligned text, heading first. Control characters are shown as escapes: values are not trusted. */
export function renderRows(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => textWidth(row[column] ?? ''))));
  return cells.map((row) =>
    columns
      .map(({ align }, column) => {
        const text = row[column] ?? '';
        const padding = ' '.repeat(widths[column]! - textWidth(text));
        return align === 'right' ? padding + text : text + padding;
      })
      .join('  ')
      .trimEnd(),
  );
}

const textWidth = (text: string): number => [...text].length;

/** The text with control characters as `\u{…}`, so that a name can not steer a terminal. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
