import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ExportOutput } from '#core/query/index.ts';
import { asGranaryError, GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { choiceOption, textOption } from './options.ts';
import { countOf, formatBytes } from './progress-bar.ts';

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
    if (json) terminal.line(JSON.stringify({ path: out, format, rowCount, byteCount }, null, 2));
    else terminal.line(`${out}: ${countOf(rowCount, 'row')}, ${formatBytes(byteCount)} (${format})`);
  },
};

/** Writes beside the file and renames at the end: a failed export leaves what was there before. */
async function replaceFile<T>(
  path: string,
  fill: (write: (chunk: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  let complete = false;
  try {
    const file = await open(temporary, 'wx');
    try {
      const result = await fill(async (chunk) => {
        await file.writeFile(chunk);
      });
      await file.sync();
      await file.close();
      await rename(temporary, path);
      complete = true;
      return result;
    } finally {
      if (!complete) await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'ENOTDIR') {
      throw new GranaryError(
        'IO_FAILED',
        `${path} cannot be written: check ${dirname(path)}.`,
        { path },
        { cause: error },
      );
    }
    if (code === 'ENOSPC') throw new GranaryError('DISK_FULL', `The disk is full; ${path} was not written.`, { path });
    throw asGranaryError(error);
  } finally {
    if (!complete) await rm(temporary, { force: true });
  }
}
