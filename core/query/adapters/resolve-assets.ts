import { GranaryError } from '#core/kernel/index.ts';
import { isSystemRelation } from '../check-statement.ts';
import { nearestNames } from '../nearest-names.ts';
import type { AsOf, AssetResolver, QueryableAsset } from '../ports.ts';

/** An asset and the name the statement calls it by. */
export interface ResolvedAsset {
  readonly viewName: string;
  readonly asset: QueryableAsset;
}

/** What the engine would take for a file. */
const FILE_NAME = /[/\\]|:\/\/|\.(?:csv|tsv|txt|json|ndjson|jsonl|parquet|db|duckdb|gz|zst)$/i;

/**
 * Finds the assets of a statement. The engine knows no difference between names that differ in case alone, so one
 * statement may name only one of them. Errors: `ASSET_NOT_FOUND` with names like it, `SQL_FORBIDDEN` for names of files
 * and of the engine's own tables, `SQL_INVALID`.
 */
export async function resolveAssets(
  names: readonly string[],
  resolver: AssetResolver,
  asOf: AsOf | undefined,
): Promise<readonly ResolvedAsset[]> {
  const resolved = new Map<string, ResolvedAsset>();
  for (const viewName of names) {
    const asset = await resolver.resolve(viewName, asOf);
    if (!asset) throw await notFound(viewName, resolver);
    const key = viewName.toLowerCase();
    const other = resolved.get(key);
    if (other && other.asset.id !== asset.id) {
      const message = `The assets "${other.viewName}" and "${viewName}" differ in case alone; one statement can name only one of them.`;
      throw new GranaryError('SQL_INVALID', message, { name: viewName });
    }
    if (!other) resolved.set(key, { viewName, asset });
  }
  return [...resolved.values()];
}

async function notFound(name: string, resolver: AssetResolver): Promise<GranaryError> {
  if (isSystemRelation(name)) {
    return new GranaryError('SQL_FORBIDDEN', `A query may not read "${name}", which is the engine's own.`, { name });
  }
  if (FILE_NAME.test(name)) {
    return new GranaryError('SQL_FORBIDDEN', `No asset is called "${name}", and a query may not read files.`, { name });
  }
  const near = nearestNames(name, await resolver.names());
  const hint =
    near.length > 0 ? ` Did you mean ${near.map((other) => `"${other}"`).join(' or ')}?` : ' List the assets.';
  return new GranaryError('ASSET_NOT_FOUND', `No asset is called "${name}".${hint}`, { name });
}
