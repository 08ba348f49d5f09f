import { readFile } from 'node:fs/promises';
import type { IngestOutput } from '#core/ingestion/index.ts';
import { expandPaths } from '#core/ingestion/adapters/expand-paths.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { each } from './local-file.ts';
import { choiceOption, flagOption, pairOptions, textOption, textOptions } from './options.ts';
import { countOf, formatBytes } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';
import { printable, renderJson } from './render-rows.ts';

const STORAGE_FORMAT_CHOICES = {
  webm: 'WEBM_COLUMNAR',
  webm_columnar: 'WEBM_COLUMNAR',
  postgres: 'POSTGRESQL',
  postgresql: 'POSTGRESQL',
  edge: 'EDGE',
  sled_edge: 'EDGE',
} as const;

export const ASSET_TYPE_CHOICES = {
  structured: 'STRUCTURED',
  semi_structured: 'SEMI_STRUCTURED',
  unstructured: 'UNSTRUCTURED',
  time_series: 'TIME_SERIES',
  geospatial: 'GEOSPATIAL',
  graph: 'GRAPH',
} as const;

export const ingestCommand: Command = {
  name: 'ingest',
  usage:
    'granary ingest <file|directory|glob|-> --asset NAME [--format webm|postgres|edge] ' +
    '[--type structured|semi_structured|unstructured|time_series|geospatial|graph] [--tag T]... [--schema FILE] ' +
    '[--on-error stop|quarantine] [--again] [--max-error COLUMN=0.5|1%]...',
  summary: 'Store files as a new version of an asset.',
  options: {
    asset: { type: 'string' },
    format: { type: 'string' },
    type: { type: 'string' },
    tag: { type: 'string', multiple: true },
    schema: { type: 'string' },
    'on-error': { type: 'string' },
    again: { type: 'boolean' },
    'max-error': { type: 'string', multiple: true },
  },
  positionals: [1, 1000],
  async run({ positionals, options, json, terminal, report, signal, client }) {
    const asset = textOption(options, 'asset');
    if (asset === undefined) throw new GranaryError('USAGE_INVALID', `Name the asset. usage: ${ingestCommand.usage}`);
    const schemaPath = textOption(options, 'schema');
    const input = {
      asset,
      storageFormat: choiceOption(options, 'format', STORAGE_FORMAT_CHOICES),
      assetType: choiceOption(options, 'type', ASSET_TYPE_CHOICES),
      tags: textOptions(options, 'tag'),
      schemaFile: schemaPath === undefined ? undefined : await readSchemaFile(schemaPath),
      onError: choiceOption(options, 'on-error', { stop: 'stop', quarantine: 'quarantine' }),
      again: flagOption(options, 'again'),
      maxErrors: pairOptions(options, 'max-error'),
    };
    // Missing files are found before the node is opened.
    const files = await expandPaths([...positionals]);
    const node = await client();
    const output = (await node.call('ingestFiles', input, { files: each(files), report, signal })) as IngestOutput;
    if (json) terminal.line(renderJson(output));
    else printIngestion(terminal, output);
  },
};

async function readSchemaFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE';
    throw new GranaryError(code, `The schema file ${path} cannot be read.`, { path }, { cause: error });
  }
}

/** What was stored, in a few lines. */
export function printIngestion(terminal: Terminal, output: IngestOutput): void {
  for (const file of output.files) {
    const name = printable(file.name);
    if (file.outcome === 'known') {
      terminal.line(
        `${name}: already in ${printable(output.asset)}, version ${file.knownVersion}; nothing stored (--again stores it twice)`,
      );
    } else {
      const aside = file.quarantinedCount > 0 ? `, ${countOf(file.quarantinedCount, 'row')} in quarantine` : '';
      terminal.line(`${name}: ${countOf(file.rowCount, 'row')} (${file.format})${aside}`);
    }
    for (const { column, note } of file.notes) terminal.line(`  ${printable(column)}: ${printable(note)}`);
  }
  if (output.version === null) return;
  terminal.line(
    `${printable(output.asset)}: version ${output.version}, ${countOf(output.rowCount, 'row')} in ` +
      `${formatBytes(output.byteCount)} (${output.storageFormat})`,
  );
}
