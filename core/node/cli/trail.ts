import type { AuditOutput } from '#core/audit/index.ts';
import type { QuarantineOutput } from '#core/ingestion/index.ts';
import type { LineageOutput } from '#core/lineage/index.ts';
import type { Command } from './command.ts';
import { integerOption, textOption } from './options.ts';
import { formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';

/** Lists are for reading; whoever wants more asks for it. */
const ROWS_SHOWN = 100;
const ROWS_MAX = 100_000;

const lineage: Command = {
  name: 'lineage',
  usage: 'granary lineage NAME',
  summary: 'Show where the versions of an asset came from.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const output = (await (await client()).call('getLineage', { name: positionals[0] }, { signal })) as LineageOutput;
    terminal.line(json ? renderJson(output) : output.text.split('\n').map(printable).join('\n').trimEnd());
  },
};

const audit: Command = {
  name: 'audit',
  usage: 'granary audit [--asset NAME] [--limit N]',
  summary: 'Show who touched which asset, and why.',
  options: { asset: { type: 'string' }, limit: { type: 'string' } },
  positionals: [0, 0],
  async run({ options, json, terminal, signal, client }) {
    const limit = integerOption(options, 'limit', 1, ROWS_MAX) ?? ROWS_SHOWN;
    const input = { asset: textOption(options, 'asset'), limit };
    const output = (await (await client()).call('listAudit', input, { signal })) as AuditOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const rows = output.entries.map((entry) => [
      entry.at,
      entry.action,
      entry.assetName ?? '',
      entry.purpose,
      entry.outcome,
      entry.userId ?? '',
      entry.deviceInfo ?? '',
      entry.detail,
    ]);
    const headings = ['time', 'action', 'asset', 'purpose', 'outcome', 'user', 'client', 'detail'];
    for (const line of renderRows(
      headings.map((heading) => ({ heading })),
      rows,
    ))
      terminal.line(line);
  },
};

const quarantine: Command = {
  name: 'quarantine',
  usage: 'granary quarantine NAME [--limit N]',
  summary: 'List the rows that were set aside, with the reason and the place.',
  options: { limit: { type: 'string' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, signal, client }) {
    const limit = integerOption(options, 'limit', 1, ROWS_MAX) ?? ROWS_SHOWN;
    const input = { name: positionals[0], limit };
    const output = (await (await client()).call('listQuarantined', input, { signal })) as QuarantineOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const rows = output.rows.map(({ source, record, line, reason, raw }) => [
      source,
      String(record),
      line === null ? '' : String(line),
      reason,
      raw,
    ]);
    const headings = ['source', 'record', 'line', 'reason', 'row'];
    for (const line of renderRows(
      headings.map((heading) => ({ heading })),
      rows,
    ))
      terminal.line(line);
    if (output.totalCount > rows.length) {
      terminal.line(`… ${formatCount(output.totalCount - rows.length)} more (--limit N)`);
    }
  },
};

export const trailCommands: readonly Command[] = [lineage, audit, quarantine];
