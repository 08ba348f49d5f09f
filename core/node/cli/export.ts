import { resolve } from 'node:path';
import type { ExportOutput } from '#core/query/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { choiceOption, textOption } from './options.ts';
import { countOf, formatBytes } from './progress-bar.ts';
import { renderJson } from './render-rows.ts';
import { replaceFile } from './replace-file.ts';

export const exportCommand: Command = {
  name: 'export',
  usage: 'granary export NAME --format csv|ndjson|parquet|arrow|webm --out PATH',
  summary: 'Write an asset to a file that other programs read.',
  options: { format: { type: 'string' }, out: { type: 'string' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const formats = { csv: 'csv', ndjson: 'ndjson', parquet: 'parquet', arrow: 'arrow', webm: 'webm' } as const;
    const format = choiceOption(options, 'format', formats);
    const out = textOption(options, 'out');
    if (format === undefined || out === undefined)
      throw new GranaryError('USAGE_INVALID', `usage: ${exportCommand.usage}`);
    const node = await client();
    let byteCount = 0;
    const call = (write: (chunk: Uint8Array) => Promise<void>) =>
      node.call(
        'exportAsset',
        { name: positionals[0], format },
        {
          report,
          signal,
          write: (chunk) => {
            byteCount += chunk.length;
            return write(chunk);
          },
        },
      ) as Promise<ExportOutput>;
    if (out === '-') {
      await call((chunk) => terminal.write(chunk));
      return;
    }
    const { rowCount } = await replaceFile(resolve(out), call);
    if (json) terminal.line(renderJson({ path: out, format, rowCount, byteCount }));
    else terminal.line(`${out}: ${countOf(rowCount, 'row')}, ${formatBytes(byteCount)} (${format})`);
  },
};
