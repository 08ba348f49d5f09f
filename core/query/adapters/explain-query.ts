import type { QueryExplanation } from '../ports.ts';
import { scanFilterText } from '../scan-filter-text.ts';
import { type PlanNode, planText } from './explain-plan.ts';
import type { PreparedStatement, QueriedAsset } from './plan-statement.ts';

/** What a query did, in the caller's names. */
export function explainQuery(
  { assets, plan }: PreparedStatement,
  stages: QueryExplanation['stages'],
  token: string,
): QueryExplanation {
  const scans = assets.map(({ description, plan: scanPlan, counts }) => ({
    asset: description.name,
    storageFormat: description.storageFormat,
    columnsDecoded: scanPlan.columns,
    filters: scanPlan.filters.map(scanFilterText),
    rowGroups: counts.rowGroups,
    rowGroupsSkipped: counts.rowGroupsSkipped,
    bytesRead: counts.bytesRead,
    chunksCached: counts.chunksCached,
    decoder: description.isSent ? 'row store' : 'granary',
  }));
  return { scans, stages, plan: planText(plan, (text) => withoutToken(text, token, assets)) };
}

/** The plan with assets in place of the files that hold their decoded rows. */
export function withoutFiles(plan: readonly PlanNode[], assets: readonly QueriedAsset[]): readonly PlanNode[] {
  return plan.map((node): PlanNode => {
    const { 'Filename(s)': paths, 'Total Files Read': _, ...info } = node.extra_info;
    const children = withoutFiles(node.children, assets);
    const asset = assets.find(({ decoded }) => decoded && String(paths).includes(decoded.paths[0]!));
    if (!asset) return { ...node, children };
    const { name, schema } = asset.description;
    const rename = (text: string) =>
      text.replaceAll(/\bc(\d+)\b/g, (own, index) => schema.fields[Number(index)]?.name ?? own);
    const renamed = Object.entries(info).map(([key, value]): [string, string | string[]] => [
      key,
      typeof value === 'string' ? rename(value) : value.map(rename),
    ]);
    return { name, children, extra_info: { ...Object.fromEntries(renamed), Function: name } };
  });
}

/** Text of the engine with the caller's names in place of internal ones. */
export function withoutToken(text: string, token: string, assets: readonly QueriedAsset[]): string {
  const internal = new RegExp(`${token}_(?:[ft](\\d+)|(\\d+)_(\\d+)|\\w+)`, 'gi');
  return text.replaceAll(internal, (_, table?: string, asset?: string, column?: string) =>
    table === undefined
      ? (assets[Number(asset)]?.description.schema.fields[Number(column)]?.name ?? '')
      : (assets[Number(table)]?.description.name ?? ''),
  );
}
