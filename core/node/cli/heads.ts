import type { HeadsOutput, MergeOutput } from '#sync/spaces/index.ts';
import type { Command } from './command.ts';
import { textOption } from './options.ts';
import { formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { commandWord } from './sync-text.ts';
import type { Terminal } from './terminal.ts';

/** Digits of an operation's id that tell the newest versions of one asset apart. */
const VERSION_START = 12;

const heads: Command = {
  name: 'assets heads',
  usage: 'granary assets heads NAME',
  summary: 'List the newest versions: several when devices made some without knowing of each other.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const output = (await (await client()).call('listHeads', { asset: positionals[0] }, { signal })) as HeadsOutput;
    if (json) terminal.line(renderJson(output));
    else printHeads(terminal, output);
  },
};

const merge: Command = {
  name: 'assets merge',
  usage: 'granary assets merge NAME [--take VERSION]',
  summary: 'Join the newest versions: the rows of all, or with --take those of one.',
  options: { take: { type: 'string' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, signal, client }) {
    const input = { asset: positionals[0], take: textOption(options, 'take') };
    const output = (await (await client()).call('mergeHeads', input, { signal })) as MergeOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const rowCount = output.heads[0]?.rowCount ?? 0;
    terminal.line(
      output.merged
        ? `${printable(output.asset)}: one version again, of ${formatCount(rowCount)} rows`
        : `${printable(output.asset)}: there is one newest version, and nothing to join`,
    );
  },
};

export const headsCommands: readonly Command[] = [heads, merge];

function printHeads(terminal: Terminal, { asset, heads: newest }: HeadsOutput): void {
  if (newest.length === 0) {
    terminal.line(`${printable(asset)} has no rows that its space knows of.`);
    return;
  }
  const rows = newest.map(({ version, createdAt, rowCount, byteCount, device, isThisDevice, isShown }) => [
    version.slice(0, VERSION_START),
    createdAt,
    formatCount(rowCount),
    formatBytes(byteCount),
    isThisDevice ? 'this device' : device,
    isShown && newest.length > 1 ? 'shown meanwhile' : '',
  ]);
  const columns = [
    { heading: 'version' },
    { heading: 'created' },
    { heading: 'rows', align: 'right' },
    { heading: 'bytes', align: 'right' },
    { heading: 'made by' },
    { heading: '' },
  ] as const;
  for (const line of renderRows(columns, rows)) terminal.line(line);
  if (newest.length === 1) return;
  const word = commandWord(asset, '"…"');
  terminal.line(`the rows of all:   granary assets merge ${word}`);
  terminal.line(`the rows of one:   granary assets merge ${word} --take VERSION`);
}
