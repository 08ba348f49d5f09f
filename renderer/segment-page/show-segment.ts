import type { DataType } from 'apache-arrow';
import {
  type ChunkHeader,
  columnPicture,
  type FrameDecoder,
  inspectSegment,
  type OpenSegment,
  type SegmentInspection,
} from '#core/columnar/browser.ts';
import { cellText } from './cell-text.ts';
import { byteText, count, element, plural } from './dom.ts';
import { decodePicture, drawCells, drawLuma } from './picture.ts';
import { boundText } from './value-text.ts';

/** Rows shown of a row group. */
const ROWS_SHOWN = 50;
/** Columns shown at first, and added at a time: every one is decoded. */
const COLUMNS_SHOWN = 50;
/** Lost chunks listed by name. */
const LOST_SHOWN = 20;

/** Where a column's picture of values and its frame belong. */
interface Slot {
  readonly picture: HTMLTableCellElement;
  readonly frame: HTMLTableCellElement;
}

/** What is shown, and what it is shown with. */
interface View {
  readonly segment: OpenSegment;
  readonly inspection: SegmentInspection;
  readonly decoders: readonly FrameDecoder[];
  readonly rowGroup: number;
  readonly columns: number;
}

const DECODER_NAMES: Readonly<Record<FrameDecoder['name'], string>> = {
  granary: 'Granary’s own decoder (WASM)',
  platform: 'the decoder of this browser (WebCodecs)',
};

/** Shows an opened segment in place of what `target` shows, and again whenever another row group is asked for. */
export async function showSegment(
  target: HTMLElement,
  file: { readonly name: string; readonly size: number },
  segment: OpenSegment,
  decoders: readonly FrameDecoder[],
): Promise<void> {
  const inspection = inspectSegment(segment.header);
  const view: View = { segment, inspection, decoders, rowGroup: 0, columns: COLUMNS_SHOWN };
  const body = element('div');
  target.replaceChildren(summary(file, view), ...warnings(view), body);
  await showRowGroup(body, view);
}

async function showRowGroup(body: HTMLElement, view: View): Promise<void> {
  const go = (change: Partial<View>) => void showRowGroup(body, { ...view, ...change });
  const note = element('p', { className: 'note' });
  const slots: Slot[] = [];
  const cells: HTMLTableCellElement[][] = [];
  body.replaceChildren(
    ...rowGroupChooser(view, go),
    element('h2', { textContent: 'Columns' }),
    note,
    element('div', { className: 'scroll' }, [columnTable(view, slots)]),
    ...moreColumns(view, go),
    element('h2', { textContent: 'First rows' }),
    element('div', { className: 'scroll' }, [rowTable(view, cells)]),
  );
  const ran = new Set<FrameDecoder['name']>();
  for (const [column, { picture, frame }] of slots.entries()) {
    if (!body.isConnected || !body.contains(note)) return;
    await showFrame(view, column, frame, ran);
    await showValues(view, column, picture, cells[column]!);
  }
  const framed = [...ran].map((name) => DECODER_NAMES[name]).join(' and ');
  note.textContent =
    `Values are read by ${DECODER_NAMES.granary}${framed === '' ? '' : `, frames by ${framed}`}. A picture shows the row ` +
    'group as text flows, from dark for the least value to yellow for the greatest, null in grey.';
}

function summary({ name, size }: { readonly name: string; readonly size: number }, view: View): HTMLElement {
  const { rowCount, rowGroupCount, columns, byteCount, formatVersion } = view.inspection;
  const facts: readonly (readonly [string, string])[] = [
    ['File', name],
    ['Size', byteText(size)],
    ['Rows', count(rowCount)],
    ['Columns', count(columns.length)],
    ['Row groups', count(rowGroupCount)],
    ['Data', byteText(byteCount)],
    [
      'Bits per value',
      rowCount * columns.length === 0 ? '' : ((8 * byteCount) / (rowCount * columns.length)).toFixed(2),
    ],
    ['Format', `version ${formatVersion}`],
  ];
  return element(
    'dl',
    {},
    facts.map(([term, text]) =>
      element('div', {}, [element('dt', { textContent: term }), element('dd', { textContent: text })]),
    ),
  );
}

function warnings({ segment: { asWritten, lost, header } }: View): HTMLElement[] {
  if (asWritten) return [];
  if (lost.length === 0) {
    const textContent = 'This file was remuxed. Nothing was lost: every value is there.';
    return [element('p', { className: 'note', textContent })];
  }
  const names = lost
    .slice(0, LOST_SHOWN)
    .map(({ column, rowGroup }) => `${header.schema.fields[column]!.name} of row group ${rowGroup + 1}`);
  const more = lost.length > LOST_SHOWN ? `, and ${count(lost.length - LOST_SHOWN)} more` : '';
  const total = header.rowGroups.length * header.schema.fields.length;
  const textContent = `This file was remuxed or cut off, and lost ${count(lost.length)} of ${plural(total, 'chunk')}: ${names.join(', ')}${more}.`;
  return [element('p', { className: 'warning', textContent })];
}

function rowGroupChooser({ inspection, rowGroup }: View, go: (change: Partial<View>) => void): HTMLElement[] {
  const { rowGroupCount } = inspection;
  if (rowGroupCount < 2) return [];
  const button = (textContent: string, to: number) =>
    element('button', { textContent, disabled: to < 0 || to >= rowGroupCount, onclick: () => go({ rowGroup: to }) });
  return [
    element('nav', {}, [
      button('Previous', rowGroup - 1),
      element('span', { textContent: `Row group ${count(rowGroup + 1)} of ${count(rowGroupCount)}` }),
      button('Next', rowGroup + 1),
    ]),
  ];
}

function moreColumns({ inspection, columns }: View, go: (change: Partial<View>) => void): HTMLElement[] {
  const hidden = inspection.columns.length - columns;
  if (hidden <= 0) return [];
  const textContent = `Show ${plural(Math.min(hidden, COLUMNS_SHOWN), 'more column', 'more columns')} of ${count(hidden)}`;
  const onclick = () => go({ columns: columns + COLUMNS_SHOWN });
  return [element('nav', {}, [element('button', { textContent, onclick })])];
}

const headRow = (names: readonly string[]): HTMLElement =>
  element('thead', {}, [
    element(
      'tr',
      {},
      names.map((textContent) => element('th', { scope: 'col', textContent, title: textContent })),
    ),
  ]);

/** How a chunk is stored, from what the header tells people. */
function encodingText({ encoding }: ChunkHeader): string {
  const { method, mapping, predictor, ranker, bins, alphabet, entries } = encoding;
  return [
    mapping === 'none' ? method : `${mapping}, ${method}`,
    ...(typeof predictor === 'string' ? [`predictor ${predictor}`] : []),
    ...(typeof ranker === 'string' ? [`ranker ${ranker}`] : []),
    ...(Array.isArray(bins) ? [plural(bins.length, 'bin')] : []),
    ...(typeof alphabet === 'number' ? [plural(alphabet, 'symbol')] : []),
    ...(typeof entries === 'number' ? [plural(entries, 'entry', 'entries')] : []),
  ].join('\n');
}

/** Statistics and encoding of each column in the row group; `slots` receives the cells that pictures belong in. */
function columnTable({ segment, inspection, rowGroup, columns }: View, slots: Slot[]): HTMLElement {
  const group = segment.header.rowGroups[rowGroup];
  const rows = inspection.columns.slice(0, columns).map((column, index) => {
    const chunk = group?.chunks[index];
    const type = segment.header.schema.fields[index]!.type as DataType;
    const { min, max, sum, distinctEstimate, nullCount } = chunk?.statistics ?? { nullCount: 0 };
    const number = (textContent: string) => element('td', { className: 'number', textContent });
    const slot: Slot = { picture: element('td'), frame: element('td') };
    slots.push(slot);
    return element('tr', {}, [
      element('th', { scope: 'row', textContent: column.name, title: column.name }),
      slot.picture,
      element('td', { textContent: column.type, title: column.type }),
      element('td', { textContent: chunk ? encodingText(chunk) : '' }),
      number(chunk ? byteText(chunk.byteCount) : ''),
      number(chunk && group!.rowCount > 0 ? ((8 * chunk.byteCount) / group!.rowCount).toFixed(2) : ''),
      number(count(nullCount)),
      number(distinctEstimate === undefined ? '' : `≈ ${count(distinctEstimate)}`),
      element('td', { textContent: boundText(type, min) }),
      element('td', { textContent: boundText(type, max) }),
      number(boundText(type, sum)),
      slot.frame,
    ]);
  });
  const names = ['Column', 'Picture', 'Type', 'Stored as', 'Size', 'Bits/value', 'Nulls', 'Distinct'];
  const head = headRow([...names, 'Least', 'Greatest', 'Sum', 'Frame']);
  return element('table', { id: 'columns' }, [head, element('tbody', {}, rows)]);
}

/** An empty table of the first rows; `cells` receives them by column. */
function rowTable({ segment: { header }, rowGroup, columns }: View, cells: HTMLTableCellElement[][]): HTMLElement {
  const fields = header.schema.fields.slice(0, columns);
  const before = header.rowGroups.slice(0, rowGroup).reduce((sum, group) => sum + group.rowCount, 0);
  const rowCount = Math.min(header.rowGroups[rowGroup]?.rowCount ?? 0, ROWS_SHOWN);
  for (const _ of fields) cells.push(Array.from({ length: rowCount }, () => element('td', { textContent: '…' })));
  const rows = Array.from({ length: rowCount }, (_, row) =>
    element('tr', {}, [
      element('th', { scope: 'row', textContent: count(before + row + 1) }),
      ...cells.map((column) => column[row]!),
    ]),
  );
  return element('table', { id: 'rows' }, [
    headRow(['', ...fields.map((field) => field.name)]),
    element('tbody', {}, rows),
  ]);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The frame that a player shows, where the chunk's symbols are one. */
async function showFrame(
  { segment, decoders, rowGroup }: View,
  column: number,
  cell: HTMLTableCellElement,
  ran: Set<FrameDecoder['name']>,
): Promise<void> {
  const chunk = segment.header.rowGroups[rowGroup]?.chunks[column];
  if (!chunk) return;
  const { method } = chunk.encoding;
  if (method !== 'palette' && method !== 'integers') {
    cell.textContent = 'bytes beside a frame';
    return;
  }
  try {
    const { luma, decoder } = await decodePicture(decoders, await segment.readUnit(rowGroup, column));
    const canvas = element('canvas', { title: `Decoded by ${DECODER_NAMES[decoder]}` });
    canvas.dataset['decoder'] = decoder;
    drawLuma(canvas, luma);
    cell.replaceChildren(canvas);
    ran.add(decoder);
  } catch (error) {
    cell.replaceChildren(element('p', { className: 'warning', textContent: messageOf(error) }));
  }
}

async function showValues(
  { segment, rowGroup }: View,
  column: number,
  picture: HTMLTableCellElement,
  cells: readonly HTMLTableCellElement[],
): Promise<void> {
  if (cells.length === 0) return;
  try {
    const data = await segment.readChunk(rowGroup, column);
    const cellsOfPicture = columnPicture(data);
    if (cellsOfPicture) {
      const canvas = element('canvas', { className: 'values' });
      drawCells(canvas, cellsOfPicture);
      picture.replaceChildren(canvas);
    }
    cells.forEach((cell, row) => {
      const text = cellText(data, row);
      cell.textContent = text ?? 'null';
      if (text === undefined) cell.className = 'null';
    });
  } catch (error) {
    for (const cell of cells) cell.textContent = '';
    cells[0]!.className = 'warning';
    cells[0]!.textContent = messageOf(error);
  }
}
