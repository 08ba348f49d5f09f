import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { ExportBundleOutput, ImportBundleOutput, ShowBundleOutput } from '#sync/bundles/index.ts';
import { GranaryError, type InputFile } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { each, localFile } from './local-file.ts';
import { flagOption, textOption, textOptions } from './options.ts';
import { countOf, formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import { replaceFile } from './replace-file.ts';
import { commandWord, countByReason, deviceText } from './sync-text.ts';
import type { Terminal } from './terminal.ts';
import { formatAgo, formatTime } from './time-text.ts';

const exportBundle: Command = {
  name: 'bundle export',
  usage: 'granary bundle export --space S --to FILE [--since BUNDLE] [--with-data] [--for DEVICE]... [--force]',
  summary: 'Write a space to a file, for a stick that goes where no line does.',
  options: {
    space: { type: 'string' },
    to: { type: 'string' },
    since: { type: 'string' },
    'with-data': { type: 'boolean' },
    for: { type: 'string', multiple: true },
    force: { type: 'boolean' },
  },
  positionals: [0, 0],
  async run({ options, json, terminal, report, signal, client }) {
    const space = textOption(options, 'space');
    const to = textOption(options, 'to');
    if (space === undefined || to === undefined) {
      throw new GranaryError('USAGE_INVALID', `Name the space and the file. usage: ${exportBundle.usage}`);
    }
    const path = resolve(to);
    if (!flagOption(options, 'force')) await refuseExisting(path);
    const since = textOption(options, 'since');
    const files = since === undefined ? [] : [await bundleFile(since)];
    const input = { space, withData: flagOption(options, 'with-data'), recipients: textOptions(options, 'for') };
    const node = await client();
    const output = (await replaceFile(path, (write) =>
      node.call('exportBundle', input, { files: each(files), report, signal, write }),
    )) as ExportBundleOutput;
    if (json) terminal.line(renderJson({ path, ...output }));
    else printExport(terminal, to, output);
  },
};

const importBundle: Command = {
  name: 'bundle import',
  usage: 'granary bundle import FILE [--join]',
  summary: 'Take in the bundle that another device wrote; --join joins its space.',
  options: { join: { type: 'boolean' } },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const file = await bundleFile(positionals[0]!);
    const node = await client();
    const input = { join: flagOption(options, 'join') };
    const call = node.call('importBundle', input, { files: each([file]), report, signal });
    const output = (await call) as ImportBundleOutput;
    if (json) terminal.line(renderJson(output));
    else printImport(terminal, output);
  },
};

const showBundle: Command = {
  name: 'bundle show',
  usage: 'granary bundle show FILE',
  summary: 'Show what a bundle holds, without taking it in.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, report, now, signal, client }) {
    const file = await bundleFile(positionals[0]!);
    const node = await client();
    const call = node.call('showBundle', {}, { files: each([file]), report, signal });
    const output = (await call) as ShowBundleOutput;
    if (json) terminal.line(renderJson(output));
    else printBundle(terminal, output, now());
  },
};

export const bundleCommands: readonly Command[] = [exportBundle, importBundle, showBundle];

/** Errors: `FILE_NOT_FOUND`. */
async function bundleFile(path: string): Promise<InputFile> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new GranaryError('FILE_NOT_FOUND', `There is no bundle ${path}.`, { path });
  return localFile(path, basename(path), found.size);
}

/** A bundle that is on its way to somebody may exist only once. Errors: `USAGE_INVALID`. */
async function refuseExisting(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  throw new GranaryError('USAGE_INVALID', `${path} is there already. Name another file, or replace it with --force.`, {
    path,
  });
}

function printExport(terminal: Terminal, to: string, output: ExportBundleOutput): void {
  const { name, recipients, operationCount, segmentCount, byteCount, missingSegmentCount } = output;
  const what = `${countOf(operationCount, 'operation')}, ${countOf(segmentCount, 'segment')}`;
  terminal.line(`${printable(to)}: ${what} of ${printable(name)}, ${formatBytes(byteCount)}`);
  terminal.line(
    recipients.length === 0
      ? 'It is not sealed: whoever finds it can read who is in the space, though nothing of the assets.'
      : `It is sealed to ${recipients.map(deviceText).join(', ')}.`,
  );
  if (missingSegmentCount > 0) {
    terminal.line(`Not in it: ${countOf(missingSegmentCount, 'segment')} that this node does not have.`);
  }
  terminal.line(`On the other device, type:   granary bundle import ${commandWord(basename(to), 'FILE')}`);
}

function printImport(terminal: Terminal, output: ImportBundleOutput): void {
  const { name, sender, operationCount, knownOperationCount, segmentCount } = output;
  if (output.joined) terminal.line(`${printable(name)}: joined`);
  const known = knownOperationCount > 0 ? `; ${countOf(knownOperationCount, 'operation')} known before` : '';
  terminal.line(
    `${printable(name)}: ${countOf(operationCount, 'operation')}, ${countOf(segmentCount, 'segment')} new ` +
      `from ${deviceText(sender)}${known}`,
  );
  const missing = [
    countByReason(output.missingOperations, 'operation'),
    countByReason(output.missingSegments, 'segment'),
  ].filter((text) => text !== undefined);
  if (missing.length === 0) terminal.line('Everything that the bundle speaks of is here.');
  for (const text of missing) terminal.line(`missing here: ${text}`);
  const waiting = countByReason(output.waiting, 'operation');
  if (waiting !== undefined) terminal.line(`waiting: ${waiting}`);
}

function printBundle(terminal: Terminal, output: ShowBundleOutput, now: number): void {
  const { createdAt, recipientCount } = output;
  const facts = [
    ['space', output.name ?? 'one that this device is not in'],
    ...(output.canJoin
      ? [['', 'this device is a member of it and can join it: granary bundle import FILE --join']]
      : []),
    ['sender', deviceText(output.sender)],
    ['written', `${formatTime(createdAt)} (${formatAgo(createdAt, now)})`],
    ['sealed', recipientCount === 0 ? 'no' : `to ${countOf(recipientCount, 'device')}, this one among them`],
    ['operations', formatCount(output.operationCount)],
    ['segments', formatCount(output.segmentCount)],
    ['size', formatBytes(output.byteCount)],
    ['holds', output.root],
    ['goes on from', output.since ?? 'nothing: it stands alone'],
  ];
  for (const line of renderRows([{ heading: '' }, { heading: '' }], facts).slice(1)) terminal.line(line);
}
