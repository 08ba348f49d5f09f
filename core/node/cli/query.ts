import type { QueryOutput } from '#core/query/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { choiceOption, flagOption, textOption } from './options.ts';
import { countOf, formatBytes } from './progress-bar.ts';
import { renderJson, renderRows } from './render-rows.ts';
import type { Terminal } from './terminal.ts';

export const queryCommand: Command = {
  name: 'query',
  usage: 'granary query "SQL" [--format table|json|ndjson|csv|arrow] [--at VERSION|TIME] [--explain]',
  summary: 'Run one SELECT over the assets and print the rows.',
  options: {
    format: { type: 'string' },
    at: { type: 'string' },
    explain: { type: 'boolean' },
  },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const formats = { table: 'table', json: 'json', ndjson: 'ndjson', csv: 'csv', arrow: 'arrow' } as const;
    const format = choiceOption(options, 'format', formats) ?? (json ? 'json' : 'table');
    const explain = flagOption(options, 'explain');
    const input = {
      sql: positionals[0],
      format,
      explain,
      asOf: asOf(textOption(options, 'at')),
      width: terminal.width,
    };
    const node = await client();
    const output = (await node.call('query', input, {
      signal,
      report,
      // With --explain the rows are counted and thrown away: what is printed is how they were found.
      ...(explain ? {} : { write: (chunk) => terminal.write(chunk) }),
    })) as QueryOutput;
    if (!explain) return;
    if (json) terminal.line(renderJson(output));
    else printExplanation(terminal, output);
  },
};

/** `--at 3` is a version, anything else a time: `2026-11-01` or `2026-11-01T12:00:00Z`. */
function asOf(text: string | undefined): { version: number } | { time: string } | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return { version: Number(text) };
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) {
    throw new GranaryError('USAGE_INVALID', `--at takes a version number or an ISO 8601 time, not "${text}".`);
  }
  return { time: time.toISOString() };
}

function printExplanation(terminal: Terminal, { explanation, rowCount }: QueryOutput): void {
  if (!explanation) return;
  const scans = explanation.scans.map((scan) => [
    scan.asset,
    scan.storageFormat,
    scan.columnsDecoded.join(', ') || '(none)',
    scan.filters.join(' and ') || '(none)',
    `${scan.rowGroups - scan.rowGroupsSkipped} of ${scan.rowGroups}`,
    formatBytes(scan.bytesRead),
    String(scan.chunksCached),
    scan.decoder,
  ]);
  const columns = ['asset', 'format', 'columns', 'filters', 'row groups', 'read', 'cached', 'decoder'];
  const headings = columns.map((heading) => ({ heading }));
  for (const line of renderRows(headings, scans)) terminal.line(line);
  terminal.line();
  const stages = explanation.stages.map(({ stage, milliseconds }) => [stage, milliseconds.toFixed(1)]);
  for (const line of renderRows([{ heading: 'stage' }, { heading: 'ms', align: 'right' }], stages)) terminal.line(line);
  terminal.line();
  terminal.line(explanation.plan.trimEnd());
  terminal.line();
  terminal.line(countOf(rowCount, 'row'));
}
