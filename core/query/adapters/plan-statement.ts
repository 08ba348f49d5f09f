import { RecordBatchReader } from 'apache-arrow';
import { GranaryError } from '#core/kernel/index.ts';
import { planScan, type ScanOccurrence, type ScanPlan } from '../plan-scan.ts';
import { type PlannedScan, readEnginePlan, toScanFilter } from '../read-engine-plan.ts';
import { readLiteral } from '../read-literal.ts';
import { createAssetView } from './create-asset-view.ts';
import type { DecodedFiles } from './decoded/decode-to-files.ts';
import type { EngineLease } from './engine-pool.ts';
import { analysePlan, explainPlan, type PlanNode, planText } from './explain-plan.ts';
import { withoutFiles, withoutToken } from './explain-query.ts';
import type { ParsedStatement } from './parse-sql.ts';
import type { AssetDescription, ToWork } from './query-messages.ts';
import { quoteText } from './quote.ts';
import type { BoundScan, ScanFunction } from './scan-function.ts';
import { noCounts, type ScanCounts } from './wanted-row-groups.ts';

/** An asset of the statement, registered with the engine. */
export interface QueriedAsset {
  readonly description: AssetDescription;
  readonly fn: ScanFunction;
  plan: ScanPlan;
  readonly counts: ScanCounts;
  /** Its decoded rows, when the engine scans them itself. */
  decoded: DecodedFiles | undefined;
}

export interface PreparedStatement {
  /** The SELECT that gives the result, once the rows are at hand. */
  readonly select: () => Promise<string>;
  readonly assets: readonly QueriedAsset[];
  /** Assets whose rows must be sent, with their numbers. */
  readonly loads: readonly { readonly asset: QueriedAsset; readonly number: number }[];
  /** Assets whose segments are read here. */
  readonly columnar: readonly QueriedAsset[];
  readonly plan: readonly PlanNode[];
}

/**
 * Brings the assets of a statement into the engine under their names, asks it for its plan, and finds in the plan what is
 * to be read of each. Errors: `SQL_INVALID`, `QUERY_FAILED`.
 */
export async function planStatement(
  { connection, token, scanFunction }: EngineLease,
  statement: ParsedStatement,
  answer: ToWork,
  state: Omit<BoundScan, 'asset'>,
): Promise<PreparedStatement> {
  if (answer.kind === 'tables') {
    const select = selectTexts('name', answer.names);
    return { select: async () => select, assets: [], loads: [], columnar: [], plan: [] };
  }
  if (answer.kind !== 'assets') throw new GranaryError('INTERNAL', `A query got a message "${answer.kind}" too early.`);
  const assets: QueriedAsset[] = [];
  for (const [number, { schema: bytes, ...rest }] of answer.assets.entries()) {
    const description = { ...rest, schema: RecordBatchReader.from(bytes).open().schema };
    const fn = scanFunction(number);
    fn.bind({ ...state, asset: description });
    const plan = planScan(description.schema, []);
    assets.push({ description, fn, plan, counts: noCounts(), decoded: undefined });
    await createAssetView(connection, description, `${fn.name}()`, fn.columnName);
  }
  const { body, explain } = statement;
  const plan = await explainPlan(connection, body);
  const rename = (text: string) => withoutToken(text, token, assets);
  if (explain === 'explain') {
    return {
      select: async () => selectTexts('plan', planText(plan, rename).split('\n')),
      assets,
      loads: [],
      columnar: [],
      plan,
    };
  }
  const byFunction = new Map(assets.map((asset) => [asset.fn.name, asset]));
  const isColumn = (name: string) => name.startsWith(`${token}_`) && !name.endsWith('_none');
  const scans = readEnginePlan(plan, (name) => byFunction.has(name), isColumn);
  const loads: { asset: QueriedAsset; number: number }[] = [];
  const columnar: QueriedAsset[] = [];
  for (const [number, asset] of assets.entries()) {
    const { description, fn } = asset;
    const own = scans.filter((scan) => scan.functionName === fn.name);
    asset.plan = planScan(
      description.schema,
      own.map((scan) => occurrence(description, fn, scan)),
    );
    if (own.length === 0) continue;
    if (description.isSent) loads.push({ asset, number });
    else columnar.push(asset);
  }
  const select = async () =>
    explain === 'none'
      ? body
      : selectTexts('plan', planText(withoutFiles(await analysePlan(connection, body), assets), rename).split('\n'));
  return { select, assets, loads, columnar, plan };
}

/** A SELECT of one column with the given texts, in order. */
function selectTexts(column: string, texts: readonly string[]): string {
  const rows = texts.map((text) => `(${quoteText(text)})`);
  const select = `SELECT ${column} FROM (VALUES ${rows.length > 0 ? rows.join(', ') : '(NULL)'}) AS texts(${column})`;
  return rows.length > 0 ? select : `${select} WHERE false`;
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
