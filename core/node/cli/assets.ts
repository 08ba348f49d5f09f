import type { AssetOutput, ListAssetsOutput, ListVersionsOutput } from '#core/catalog/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command } from './command.ts';
import { ASSET_TYPE_CHOICES } from './ingest.ts';
import { choiceOption, pairOptions, textOption, textOptions } from './options.ts';
import { formatBytes, formatCount } from './progress-bar.ts';
import { printable, renderJson, renderRows } from './render-rows.ts';
import type { Terminal } from './terminal.ts';

const list: Command = {
  name: 'assets',
  usage: 'granary assets [--type TYPE] [--tag T]...',
  summary: 'List the assets.',
  options: { type: { type: 'string' }, tag: { type: 'string', multiple: true } },
  positionals: [0, 0],
  async run({ options, json, terminal, signal, client }) {
    const assetType = choiceOption(options, 'type', ASSET_TYPE_CHOICES);
    const tags = textOptions(options, 'tag');
    const input = { ...(assetType ? { types: [assetType] } : {}), ...(tags.length > 0 ? { tags } : {}) };
    const output = (await (await client()).call('listAssets', input, { signal })) as ListAssetsOutput;
    if (json) terminal.line(renderJson(output));
    else printAssets(terminal, output);
  },
};

const show: Command = {
  name: 'assets show',
  usage: 'granary assets show NAME',
  summary: 'Show one asset: schema, tags, version.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const asset = (await (await client()).call('getAsset', { name: positionals[0] }, { signal })) as AssetOutput;
    if (json) terminal.line(renderJson(asset));
    else printAsset(terminal, asset);
  },
};

const set: Command = {
  name: 'assets set',
  usage:
    'granary assets set NAME [--name NEW] [--description TEXT] [--type TYPE] [--tag T]... [--untag T]... ' +
    '[--max-error COLUMN=0.5|1%|none]...',
  summary: 'Change what is said about an asset.',
  options: {
    name: { type: 'string' },
    description: { type: 'string' },
    type: { type: 'string' },
    tag: { type: 'string', multiple: true },
    untag: { type: 'string', multiple: true },
    'max-error': { type: 'string', multiple: true },
  },
  positionals: [1, 1],
  async run({ positionals, options, json, terminal, signal, client }) {
    const input = {
      name: positionals[0],
      newName: textOption(options, 'name'),
      description: textOption(options, 'description'),
      assetType: choiceOption(options, 'type', ASSET_TYPE_CHOICES),
      addTags: textOptions(options, 'tag'),
      removeTags: textOptions(options, 'untag'),
      maxErrors: boundChanges(pairOptions(options, 'max-error')),
    };
    const { name, addTags, removeTags, ...changes } = input;
    if (addTags.length + removeTags.length === 0 && Object.values(changes).every((value) => value === undefined)) {
      throw new GranaryError('USAGE_INVALID', `Say what to change about "${name}". usage: ${set.usage}`);
    }
    const asset = (await (await client()).call('updateAsset', input, { signal })) as AssetOutput;
    if (json) terminal.line(renderJson(asset));
    else printAsset(terminal, asset);
  },
};

/** `none` takes a bound away. */
const boundChanges = (pairs: Record<string, string> | undefined) =>
  pairs &&
  Object.fromEntries(Object.entries(pairs).map(([column, bound]) => [column, bound === 'none' ? null : bound]));

const remove: Command = {
  name: 'assets remove',
  usage: 'granary assets remove NAME',
  summary: 'Remove an asset and its rows.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const output = await (await client()).call('removeAsset', { name: positionals[0] }, { signal });
    if (json) terminal.line(renderJson(output));
    else terminal.line(`removed ${printable(positionals[0]!)}`);
  },
};

const versions: Command = {
  name: 'versions',
  usage: 'granary versions NAME',
  summary: 'List the versions of an asset.',
  options: {},
  positionals: [1, 1],
  async run({ positionals, json, terminal, signal, client }) {
    const output = (await (
      await client()
    ).call('listVersions', { name: positionals[0] }, { signal })) as ListVersionsOutput;
    if (json) {
      terminal.line(renderJson(output));
      return;
    }
    const rows = output.versions.map((version) => [
      String(version.version),
      version.createdAt,
      formatCount(version.rowCount),
      formatBytes(version.byteCount),
      `+${version.segmentsAdded} -${version.segmentsRemoved}`,
      version.sources.join(', '),
    ]);
    const columns = [
      { heading: 'version', align: 'right' },
      { heading: 'created' },
      { heading: 'rows', align: 'right' },
      { heading: 'bytes', align: 'right' },
      { heading: 'segments', align: 'right' },
      { heading: 'from' },
    ] as const;
    for (const line of renderRows(columns, rows)) terminal.line(line);
  },
};

export const assetsCommands: readonly Command[] = [list, show, set, remove, versions];

function printAssets(terminal: Terminal, { assets }: ListAssetsOutput): void {
  if (assets.length === 0) {
    terminal.line('There are no assets yet. Store one: granary ingest FILE --asset NAME');
    return;
  }
  const hasSpaces = assets.some(({ space }) => space !== null);
  const rows = assets.map((asset) => [
    asset.name,
    asset.assetType,
    asset.storageFormat,
    String(asset.version),
    formatCount(asset.rowCount),
    formatBytes(asset.byteCount),
    ...(hasSpaces ? [asset.space?.name ?? '', rowsHere(asset)] : []),
    asset.tags.join(', '),
  ]);
  const columns = [
    { heading: 'name' },
    { heading: 'type' },
    { heading: 'format' },
    { heading: 'version', align: 'right' },
    { heading: 'rows', align: 'right' },
    { heading: 'bytes', align: 'right' },
    ...(hasSpaces ? [{ heading: 'space' }, { heading: 'rows here' }] : []),
    { heading: 'tags' },
  ] as const;
  for (const line of renderRows(columns, rows)) terminal.line(line);
}

/** How much of an asset of a space is on this node. */
function rowsHere({ space }: AssetOutput): string {
  if (!space || space.missingSegmentCount === 0) return space ? 'all' : '';
  const { segmentCount, missingSegmentCount } = space;
  if (missingSegmentCount === segmentCount) return 'none';
  return `${formatCount(segmentCount - missingSegmentCount)} of ${formatCount(segmentCount)} segments`;
}

function printAsset(terminal: Terminal, asset: AssetOutput): void {
  const facts = [
    ['name', asset.name],
    ['id', asset.id],
    ['description', asset.description ?? ''],
    ['type', asset.assetType],
    ['format', asset.storageFormat],
    ['tags', asset.tags.join(', ')],
    ['version', String(asset.version)],
    ['rows', formatCount(asset.rowCount)],
    ['bytes', formatBytes(asset.byteCount)],
    ...(asset.space
      ? [
          ['space', asset.space.name],
          ['rows here', rowsHere(asset)],
        ]
      : []),
    ['created', asset.createdAt],
    ['updated', asset.updatedAt],
    ['sources', asset.lineage.sources.join(', ')],
  ];
  for (const line of renderRows([{ heading: '' }, { heading: '' }], facts).slice(1)) terminal.line(line);
  terminal.line();
  const fields = asset.schema.fields.map(({ name, type, nullable }) => [
    name,
    type.name,
    nullable ? 'null' : 'not null',
    asset.maxErrors[name] === undefined ? '' : `± ${asset.maxErrors[name]}`,
  ]);
  const columns = [{ heading: 'column' }, { heading: 'type' }, { heading: '' }, { heading: '' }];
  for (const line of renderRows(columns, fields)) terminal.line(line);
}
