import type { DuckDBConnection } from '@duckdb/node-api';
import { GranaryError } from '#core/kernel/index.ts';
import { engineTypeOf } from './duckdb-types.ts';
import type { AssetDescription } from './query-messages.ts';
import { quoteName } from './quote.ts';

/**
 * The asset under its own name and with its own columns, each an expression over the source. Columns that are not at hand
 * are null; nobody asks for them.
 */
export async function createAssetView(
  connection: DuckDBConnection,
  { viewName, name, schema }: AssetDescription,
  source: string,
  expressionOf: (index: number) => string | undefined,
): Promise<void> {
  if (schema.fields.length === 0) {
    throw new GranaryError('QUERY_FAILED', `The asset "${name}" has no columns yet. Ingest rows first.`, {
      asset: name,
    });
  }
  const columns = schema.fields.map((field, index) => {
    const value = expressionOf(index) ?? `NULL::${engineTypeOf(field.type).sql}`;
    return `${value} AS ${quoteName(field.name)}`;
  });
  await connection.run(
    `CREATE OR REPLACE VIEW main.${quoteName(viewName)} AS SELECT ${columns.join(', ')} FROM ${source}`,
  );
}
