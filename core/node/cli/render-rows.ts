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

/** Characters that steer a terminal, turn the order of the text around them (bidirectional controls) or end a line. */
const CONTROLS = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g;

/** The text with control characters as `\u{…}`, so that a name can not steer a terminal. */
export const printable = (text: string): string =>
  text.replaceAll(CONTROLS, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);

/** An indented JSON document whose texts hold none of the characters that {@link printable} escapes; it means the same. */
export const renderJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replaceAll(CONTROLS, (char) =>
    char === '\n' ? char : `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
