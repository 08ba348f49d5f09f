import { stat } from 'node:fs/promises';
import { GranaryError, type InputFile } from '#core/kernel/index.ts';
import type { InspectOutput } from '../operations.ts';
import type { Command } from './command.ts';
import { each, localFile } from './local-file.ts';
import { textOption } from './options.ts';
import { countOf, formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { savePictures } from './save-pictures.ts';
import type { Terminal } from './terminal.ts';

export const inspectCommand: Command = {
  name: 'inspect',
  usage: 'granary inspect NAME|FILE.webm [--picture DIR]',
  summary: 'Show how each column is stored, and how large; draw a picture of each.',
  options: { picture: { type: 'string' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const target = positionals[0]!;
    const file = await segmentFile(target);
    const node = await client();
    const output = (await (file
      ? node.call('inspectFile', {}, { files: each([file]), report, signal })
      : node.call('inspectAsset', { name: target }, { report, signal }))) as InspectOutput;
    const folder = textOption(options, 'picture');
    if (folder === undefined) {
      if (json) terminal.line(renderJson(output));
      else printInspection(terminal, output);
      return;
    }
    const pictures = await savePictures(folder, (write) =>
      file
        ? node.call('pictureFile', {}, { files: each([file]), report, signal, write })
        : node.call('pictureAsset', { name: target }, { report, signal, write }),
    );
    if (json) terminal.line(renderJson({ ...output, pictures }));
    else {
      printInspection(terminal, output);
      terminal.line(`${countOf(pictures.length, 'picture')} in ${printable(folder)}`);
    }
  },
};

/** A name that ends in .webm and is a file on this machine is the file; anything else is an asset. */
async function segmentFile(path: string): Promise<InputFile | undefined> {
  if (!path.endsWith('.webm')) return undefined;
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    if (!path.includes('/')) return undefined;
    throw new GranaryError('FILE_NOT_FOUND', `There is no file ${path}.`, { path });
  }
  return localFile(path, path, found.size);
}

/** The table of columns that `inspect` and the first start print. */
export function printInspection(terminal: Terminal, output: InspectOutput): void {
  const bounded = output.columns.some(({ maxError }) => maxError !== '');
  const rows = output.columns.map((column) => [
    column.name,
    column.type,
    column.mapping,
    column.predictor,
    ...(bounded ? [column.maxError && `± ${column.maxError}`] : []),
    column.bins === null ? '' : String(column.bins),
    formatCount(column.rowCount),
    formatCount(column.byteCount),
    column.bitsPerValue.toFixed(2),
    ...column.baselines.map(({ byteCount }) => formatCount(byteCount)),
    ...column.baselines.slice(0, 1).map(({ byteCount }) => (column.byteCount / Math.max(1, byteCount)).toFixed(2)),
  ]);
  const baselines = output.columns[0]?.baselines ?? [];
  const columns = [
    { heading: 'column' },
    { heading: 'type' },
    { heading: 'mapping' },
    { heading: 'predictor' },
    ...(bounded ? [{ heading: 'max error' }] : []),
    { heading: 'bins', align: 'right' },
    { heading: 'rows', align: 'right' },
    { heading: 'bytes', align: 'right' },
    { heading: 'bits/value', align: 'right' },
    ...baselines.map(({ name }) => ({ heading: name, align: 'right' }) as const),
    ...baselines.slice(0, 1).map(({ name }) => ({ heading: `× ${name}`, align: 'right' }) as const),
  ] as const;
  for (const line of renderRows(columns, rows)) terminal.line(line);
  const baselineTotal = output.columns.reduce((sum, { baselines: [first] }) => sum + (first?.byteCount ?? 0), 0);
  const against = baselineTotal > 0 ? `, ${(output.byteCount / baselineTotal).toFixed(2)} × ${baselines[0]!.name}` : '';
  terminal.line(
    `${printable(output.name)}: ${countOf(output.rowCount, 'row')}, ${countOf(output.segmentCount, 'segment')}, ` +
      `${formatBytes(output.byteCount)} with metadata${against}`,
  );
}
