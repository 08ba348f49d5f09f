import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ListSpacesOutput } from '#sync/spaces/index.ts';
import { startHttpServer } from '#core/api/adapters/http-server.ts';
import { type Client, createLocalClient } from '#core/api/index.ts';
import type { AssetOutput } from '#core/catalog/index.ts';
import type { IngestOutput } from '#core/ingestion/index.ts';
import { GranaryError, isGranaryError, toHex } from '#core/kernel/index.ts';
import { createNodeFileSystem, systemClock, systemRandom } from '#core/platform/index.ts';
import { createNode, type LakeNode } from '../create-node.ts';
import { readHolder, writeHolder } from '../holder.ts';
import type { InspectOutput } from '../operations.ts';
import { VERSION } from '../version.ts';
import type { Command, Invocation } from './command.ts';
import { printIngestion } from './ingest.ts';
import { printInspection } from './inspect.ts';
import { each, localFile } from './local-file.ts';
import { describeHolder } from './open-client.ts';
import { flagOption, integerOption } from './options.ts';
import { printable, renderJson } from './render-rows.ts';

const SAMPLE = {
  path: fileURLToPath(new URL('../../../samples/seattle-weather-hourly-normals.csv', import.meta.url)),
  asset: 'seattle-weather',
  description: 'Hourly normals of pressure, temperature and wind in Seattle (NOAA, public domain).',
  sql:
    'SELECT month(date) AS month, round(avg(temperature), 1) AS celsius, round(avg(wind), 1) AS wind, ' +
    'count(*) AS hours FROM "seattle-weather" GROUP BY month ORDER BY month',
} as const;

const TOKEN_BYTES = 32;

export const startCommand: Command = {
  name: 'start',
  usage: 'granary start [--once] [--port N] [--relay]',
  summary: 'Open the node and serve its API until Ctrl-C.',
  options: { once: { type: 'boolean' }, port: { type: 'string' }, relay: { type: 'boolean' } },
  positionals: [0, 0],
  async run(invocation) {
    const { home, options, terminal, json } = invocation;
    const once = flagOption(options, 'once');
    const port = integerOption(options, 'port', 0, 65_535);
    await using node = await openNode(invocation, once, flagOption(options, 'relay'));
    const { isRelay } = node.config.sync;
    const client = createLocalClient(node.registry, { ...node.owner, deviceInfo: `granary/${VERSION}` });
    if (!json) terminal.line(`Granary ${VERSION}, home ${home}`);
    if (isRelay && !json) terminal.line('This node is a relay: it stores and forwards, and has no tables of its own.');
    if (node.isNew && !isRelay) await ingestSample(client, invocation);
    if (!isRelay) await querySample(client, invocation);
    if (!once) await serve(node, invocation, port);
  },
};

async function openNode({ home, onThreadLeftBehind }: Invocation, once: boolean, isRelay: boolean): Promise<LakeNode> {
  const command = `granary start${once ? ' --once' : ''}${isRelay ? ' --relay' : ''}`;
  try {
    return await createNode({ home, command, isRelay, onThreadLeftBehind });
  } catch (error) {
    if (!isGranaryError(error, 'HOME_LOCKED')) throw error;
    const holder = await readHolder(createNodeFileSystem(), home);
    throw new GranaryError('HOME_LOCKED', describeHolder(home, holder), { home }, { cause: error });
  }
}

/** What a new user sees first: a real table stored, and how small it became. */
async function ingestSample(client: Client, { terminal, report, signal, json }: Invocation): Promise<void> {
  const { size } = await stat(SAMPLE.path);
  const file = localFile(SAMPLE.path, basename(SAMPLE.path), size);
  const input = { asset: SAMPLE.asset, assetType: 'TIME_SERIES', tags: ['sample'], description: SAMPLE.description };
  const stored = (await client.call('ingestFiles', input, { files: each([file]), report, signal })) as IngestOutput;
  const inspection = (await client.call('inspectAsset', { name: SAMPLE.asset }, { report, signal })) as InspectOutput;
  if (json) {
    terminal.line(renderJson({ ingestion: stored, inspection }));
    return;
  }
  printIngestion(terminal, stored);
  terminal.line();
  printInspection(terminal, inspection);
}

/** Runs a query over the sample while it is there. */
async function querySample(client: Client, { terminal, report, signal, json }: Invocation): Promise<void> {
  try {
    const { tags } = (await client.call('getAsset', { name: SAMPLE.asset }, { signal })) as AssetOutput;
    if (!tags.includes('sample')) return;
  } catch (error) {
    if (isGranaryError(error, 'ASSET_NOT_FOUND')) return;
    throw error;
  }
  if (!json) {
    terminal.line();
    terminal.line(`granary query ${JSON.stringify(SAMPLE.sql)}`);
    terminal.line();
  }
  await client.call(
    'query',
    { sql: SAMPLE.sql, format: json ? 'json' : 'table', width: terminal.width },
    { report, signal, write: (chunk) => terminal.write(chunk) },
  );
}

/** Serves the API until the signal fires; commands find the address and the token in the home. */
async function serve(node: LakeNode, { home, terminal, signal, json }: Invocation, port?: number): Promise<void> {
  const token = toHex(systemRandom.bytes(TOKEN_BYTES));
  const { host, port: configuredPort } = node.config.api;
  await node.startSync();
  await using server = await startHttpServer({
    registry: node.registry,
    owner: node.owner,
    host,
    port: port ?? configuredPort,
    token,
    monotonic: systemClock.monotonic,
  });
  const api = { host, port: server.port, token };
  await writeHolder(createNodeFileSystem(), home, { ...node.holder, api });
  if (json) terminal.line(JSON.stringify({ listening: { host, port: server.port } }));
  else {
    terminal.line();
    terminal.line(`Serving http://${host}:${server.port}/v1/operations (token in ${home}/holder.json). Ctrl-C stops.`);
    for (const line of await describeSync(node, signal)) terminal.line(line);
  }
  // A relay shows and queries nothing.
  if (!node.config.sync.isRelay) node.prepare();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  if (!json) terminal.line('Stopping …');
}

/** The spaces that this node keeps up to date, and where others reach it; nothing for a node that is in none. */
async function describeSync(node: LakeNode, signal: AbortSignal): Promise<string[]> {
  const client = createLocalClient(node.registry, { ...node.owner, deviceInfo: `granary/${VERSION}` });
  const { spaces } = (await client.call('listSpaces', {}, { signal })) as ListSpacesOutput;
  if (spaces.length === 0) return [];
  const { addresses } = (await client.call('syncMetrics', {}, { signal })) as { readonly addresses: readonly string[] };
  return [
    `Keeps up to date: ${spaces.map(({ name }) => printable(name)).join(', ')}`,
    ...addresses.map((address, i) => `${i === 0 ? 'Reached at:' : '           '} ${printable(address)}`),
  ];
}
