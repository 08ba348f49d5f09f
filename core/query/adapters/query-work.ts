import { randomBytes } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import type { DuckDBConnection } from '@duckdb/node-api';
import { RecordBatchReader } from 'apache-arrow';
import type { ScanRequest } from '#core/catalog/index.ts';
import { GranaryError } from '#core/kernel/index.ts';
import { enumColumns } from '../enum-columns.ts';
import { planScan, type ScanOccurrence, type ScanPlan } from '../plan-scan.ts';
import type { QueryExplanation } from '../ports.ts';
import { type PlannedScan, readEnginePlan, toScanFilter } from '../read-engine-plan.ts';
import { readLiteral } from '../read-literal.ts';
import { scanFilterText } from '../scan-filter-text.ts';
import { type ColumnarScan, openColumnarScan, type ScanContext } from './columnar-scan.ts';
import { engineError } from './engine-error.ts';
import type { EngineInstance } from './engine-instance.ts';
import { engineTypeOf } from './duckdb-types.ts';
import { createEnumSource, ENUM_ENTRIES_MAX, type EnumSource } from './enum-source.ts';
import { analysePlan, explainPlan, isOrderFree, type PlanNode, planText } from './explain-plan.ts';
import { type Inbox, openInbox } from './inbox.ts';
import { type ParsedStatement, parseSql } from './parse-sql.ts';
import type { AssetDescription, FromWork, ToWork } from './query-messages.ts';
import { registerScanFunction, type ScanFunction } from './scan-function.ts';
import { sendResult } from './send-result.ts';
import { createSentTable } from './sent-table.ts';

export interface QueryWorkDeps extends ScanContext {
  readonly openInstance: () => Promise<EngineInstance>;
  readonly threadCount: number;
  readonly cacheByteCountMax: number;
}

export interface QueryOrder {
  readonly sql: string;
  readonly cancelled: Int32Array;
  readonly port: MessagePort;
}

/** An asset of the statement, registered with the engine. */
interface QueriedAsset {
  readonly description: AssetDescription;
  readonly fn: ScanFunction;
  plan: ScanPlan;
  scan: ColumnarScan | undefined;
}

const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Runs one query from its text to its last row. What goes wrong goes to the port. */
export async function runQueryWork(deps: QueryWorkDeps, { sql, cancelled, port }: QueryOrder): Promise<void> {
  const token = `g${randomBytes(12).toString('hex')}`;
  let instance: EngineInstance | undefined;
  let scanError: unknown;
  const inbox = openInbox(port, () => instance?.connection.interrupt());
  const isCancelled = () => Atomics.load(cancelled, 0) !== 0 || inbox.cancelled;
  const post = (message: FromWork, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const stages: { stage: string; milliseconds: number }[] = [];
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    if (isCancelled()) throw new GranaryError('CANCELLED', 'The query was cancelled.');
    const start = performance.now();
    try {
      return await work();
    } finally {
      stages.push({ stage, milliseconds: performance.now() - start });
    }
  };
  try {
    instance = await deps.openInstance();
    const { connection } = instance;
    const statement = await timed('parse', () => parseSql(connection, sql));
    post({ kind: 'names', names: statement.assetNames, listTables: statement.kind === 'show tables' });
    const answer = await timed('resolve', () => inbox.next());
    const onError = (error: unknown) => {
      scanError ??= error;
    };
    const prepared = await timed('plan', () =>
      planStatement(deps, connection, statement, answer, { token, isCancelled, onError }),
    );
    if (prepared.loads.length > 0) {
      await timed('load', async () => {
        post({
          kind: 'load',
          loads: prepared.loads.map(({ number, asset: { plan } }) => ({ asset: number, request: requestOf(plan) })),
        });
        for (const { asset, number } of prepared.loads)
          await loadSentAsset(connection, asset, number, token, inbox, post);
      });
    }
    const { handle } = instance;
    await timed('execute', async () => {
      const isComplete = await sendResult(handle, await prepared.select(), port, inbox);
      if (!isComplete) throw scanError ?? (await reasonOf(connection, statement.body));
    });
    const decode = prepared.assets.reduce((sum, { scan }) => sum + (scan?.counts.decodeMilliseconds ?? 0), 0);
    stages.push({ stage: 'decode threads', milliseconds: decode });
    post({ kind: 'end', explanation: explain(prepared, stages, token) });
  } catch (error) {
    const failure = isCancelled() ? new GranaryError('CANCELLED', 'The query was cancelled.') : (scanError ?? error);
    const { code, message, details } = engineError(failure, 'run');
    post({ kind: 'error', error: { code, message: message.replaceAll(token, 'scan'), details } });
  } finally {
    inbox.close();
    instance?.close();
  }
}

/** Runs a statement that failed once more, its rows thrown away, because only so the engine tells what is wrong. */
async function reasonOf(connection: DuckDBConnection, select: string): Promise<GranaryError> {
  try {
    await analysePlan(connection, select);
  } catch (error) {
    return engineError(error, 'run');
  }
  return new GranaryError('QUERY_FAILED', 'The engine stopped the query and gave no reason.');
}

interface PreparedStatement {
  /** The SELECT that gives the result, once the rows are at hand. */
  readonly select: () => Promise<string>;
  readonly assets: readonly QueriedAsset[];
  /** Assets whose rows must be sent, with their numbers. */
  readonly loads: readonly { readonly asset: QueriedAsset; readonly number: number }[];
  readonly plan: readonly PlanNode[];
}

interface WorkState {
  readonly token: string;
  readonly isCancelled: () => boolean;
  readonly onError: (error: unknown) => void;
}

async function planStatement(
  deps: QueryWorkDeps,
  connection: DuckDBConnection,
  statement: ParsedStatement,
  answer: ToWork,
  state: WorkState,
): Promise<PreparedStatement> {
  if (answer.kind === 'tables') {
    const select = selectTexts('name', answer.names);
    return { select: async () => select, assets: [], loads: [], plan: [] };
  }
  if (answer.kind !== 'assets') throw new GranaryError('INTERNAL', `A query got a message "${answer.kind}" too early.`);
  const { token, isCancelled } = state;
  const assets: QueriedAsset[] = [];
  for (const [number, { schema: bytes, ...rest }] of answer.assets.entries()) {
    const description = { ...rest, schema: RecordBatchReader.from(bytes).open().schema };
    const fn = registerScanFunction(connection, { ...state, number, asset: description, enums: new Map() });
    const plan = planScan(description.schema, []);
    assets.push({ description, fn, plan, scan: undefined });
    await createView(connection, description, fn, `${fn.name}()`, columnNames(description));
  }
  const { body, explain } = statement;
  const plan = await explainPlan(connection, body);
  const rename = (text: string) => withoutToken(text, token, assets);
  if (explain === 'explain') {
    return { select: async () => selectTexts('plan', planText(plan, rename).split('\n')), assets, loads: [], plan };
  }
  const byFunction = new Map(assets.map((asset) => [asset.fn.name, asset]));
  const isColumn = (name: string) => name.startsWith(`${token}_`) && !name.endsWith('_none');
  const scans = readEnginePlan(plan, (name) => byFunction.has(name), isColumn);
  const orderFree = isOrderFree(plan, (node) => byFunction.has(String(node.extra_info.Function ?? '').toLowerCase()));
  const loads: { asset: QueriedAsset; number: number }[] = [];
  for (const [number, asset] of assets.entries()) {
    const { description, fn } = asset;
    const own = scans.filter((scan) => scan.functionName === fn.name);
    asset.plan = planScan(
      description.schema,
      own.map((scan) => occurrence(description, fn, scan)),
    );
    if (own.length === 0) continue;
    if (description.isSent) {
      loads.push({ asset, number });
      continue;
    }
    asset.scan = openColumnarScan(deps, description, asset.plan, isCancelled);
    const indexes = description.schema.fields.flatMap(({ name }, i) => (asset.plan.columns.includes(name) ? [i] : []));
    asset.scan.prefetch(indexes);
    const threadCount = orderFree ? deps.threadCount : 1;
    fn.open(asset.scan, threadCount);
    const enums = orderFree && assets.length === 1 ? findEnums(statement.tree, asset, asset.scan, deps) : new Map();
    if (enums.size > 0) {
      const typed = registerScanFunction(connection, { ...state, number, asset: description, enums });
      typed.open(asset.scan, threadCount);
      await createView(connection, description, typed, `${typed.name}()`, columnNames(description));
    }
  }
  const select = async () =>
    explain === 'none' ? body : selectTexts('plan', planText(await analysePlan(connection, body), rename).split('\n'));
  return { select, assets, loads, plan };
}

/**
 * Columns that the engine may see as ENUM. Their row groups are decoded now, to merge their dictionaries: all of them are
 * needed anyway, and they must fit into the cache to be there when the scan comes by.
 */
function findEnums(
  tree: unknown,
  { description: { schema }, plan }: QueriedAsset,
  scan: ColumnarScan,
  { cacheByteCountMax }: QueryWorkDeps,
): ReadonlyMap<number, EnumSource> {
  const enums = new Map<number, EnumSource>();
  const allowed = enumColumns(tree, plan.columns);
  for (const [index, { name }] of schema.fields.entries()) {
    if (!plan.columns.includes(name) || !allowed.has(name.toLowerCase())) continue;
    if (!scan.isDictionary(index, ENUM_ENTRIES_MAX) || scan.rowCount * CODE_BYTES > cacheByteCountMax / 2) continue;
    const columns = Array.from({ length: scan.rowGroupCount }, (_, group) => scan.columns(group, [index])[0]!);
    const source = createEnumSource(columns);
    if (source) enums.set(index, source);
  }
  return enums;
}

/** A decoded row of a dictionary column. */
const CODE_BYTES = 4;

/** A SELECT of one column with the given texts, in order. */
function selectTexts(column: string, texts: readonly string[]): string {
  const rows = texts.map((text) => `('${text.replaceAll("'", "''")}')`);
  const select = `SELECT ${column} FROM (VALUES ${rows.length > 0 ? rows.join(', ') : '(NULL)'}) AS texts(${column})`;
  return rows.length > 0 ? select : `${select} WHERE false`;
}

const columnNames = ({ schema }: AssetDescription): readonly string[] => schema.fields.map((field) => field.name);

/** The asset under its own name and with its own columns. Columns that are not at hand are null; nobody asks for them. */
async function createView(
  connection: DuckDBConnection,
  { viewName, name, schema }: AssetDescription,
  fn: ScanFunction,
  source: string,
  available: readonly string[],
): Promise<void> {
  if (schema.fields.length === 0) {
    throw new GranaryError('QUERY_FAILED', `The asset "${name}" has no columns yet. Ingest rows first.`, {
      asset: name,
    });
  }
  const columns = schema.fields.map((field, index) => {
    const value = available.includes(field.name) ? fn.columnName(index) : `NULL::${engineTypeOf(field.type).sql}`;
    return `${value} AS ${quoteName(field.name)}`;
  });
  await connection.run(
    `CREATE OR REPLACE VIEW main.${quoteName(viewName)} AS SELECT ${columns.join(', ')} FROM ${source}`,
  );
}

/** One scan of the engine's plan in the terms of the asset. */
function occurrence({ schema }: AssetDescription, fn: ScanFunction, scan: PlannedScan): ScanOccurrence {
  const fields = new Map(schema.fields.map((field, index) => [fn.columnName(index), field]));
  const columns = scan.columns.flatMap((column) => fields.get(column)?.name ?? []);
  const filters = scan.filters.flatMap((filter) => {
    const field = fields.get(filter.column);
    if (!field) return [];
    return toScanFilter(filter, field.name, (literal, side) => readLiteral(field.type, literal, side)) ?? [];
  });
  return { columns, filters };
}

/** Stores the rows that the node's side sends, and turns the view to them. */
async function loadSentAsset(
  connection: DuckDBConnection,
  { description, fn, plan }: QueriedAsset,
  number: number,
  token: string,
  inbox: Inbox,
  post: (message: FromWork) => void,
): Promise<void> {
  const { fields } = description.schema;
  const table = await createSentTable(connection, `${token}_t${number}`, fields, (index) =>
    plan.columns.includes(fields[index]!.name) ? fn.columnName(index) : undefined,
  );
  try {
    for (;;) {
      const message = await inbox.next();
      if (message.kind === 'rows end') break;
      if (message.kind !== 'rows' || message.asset !== number) {
        throw new GranaryError('INTERNAL', `A query got a message "${message.kind}" instead of rows.`);
      }
      table.append(message.bytes);
      post({ kind: 'stored' });
    }
  } finally {
    table.finish();
  }
  await createView(connection, description, fn, table.name, plan.columns);
}

function explain(
  { assets, plan }: PreparedStatement,
  stages: QueryExplanation['stages'],
  token: string,
): QueryExplanation {
  const scans = assets.map(({ description, plan: scanPlan, scan }) => ({
    asset: description.name,
    storageFormat: description.storageFormat,
    columnsDecoded: scanPlan.columns,
    filters: scanPlan.filters.map(scanFilterText),
    rowGroups: scan?.counts.rowGroups ?? 0,
    rowGroupsSkipped: scan?.counts.rowGroupsSkipped ?? 0,
    bytesRead: scan?.counts.bytesRead ?? 0,
    chunksCached: scan?.counts.chunksCached ?? 0,
    decoder: description.isSent ? 'row store' : 'granary',
  }));
  return { scans, stages, plan: planText(plan, (text) => withoutToken(text, token, assets)) };
}

const requestOf = ({ columns, filters }: ScanPlan): ScanRequest => ({ columns, filters });

/** Text of the engine with the caller's names in place of internal ones. */
function withoutToken(text: string, token: string, assets: readonly QueriedAsset[]): string {
  const internal = new RegExp(`${token}_(?:[eft](\\d+)|(\\d+)_(\\d+)|\\w+)`, 'gi');
  return text.replaceAll(internal, (_, table?: string, asset?: string, column?: string) =>
    table === undefined
      ? (assets[Number(asset)]?.description.schema.fields[Number(column)]?.name ?? '')
      : (assets[Number(table)]?.description.name ?? ''),
  );
}
