import type { AuditLog } from '#core/audit/index.ts';
import { asGranaryError, type OperationContext } from '#core/kernel/index.ts';
import type { RecordBatch } from 'apache-arrow';
import { type AssetAccess, createAssetResolver, type ResolverDeps } from './asset-resolver.ts';
import { formatRows } from './format-rows.ts';
import type { QueryInput, QueryOutput } from './operations.ts';
import type { AsOf, QueryEngine } from './ports.ts';

export interface QueryDeps extends ResolverDeps {
  readonly engine: QueryEngine;
  readonly auditLog: AuditLog;
}

/**
 * Runs one statement and writes its rows in the format asked for. The read stands in the audit trail before the first row
 * leaves. Errors: those of {@link QueryEngine}.
 */
export async function runQuery(
  deps: QueryDeps,
  input: QueryInput,
  { caller, signal, report, write }: OperationContext,
): Promise<QueryOutput> {
  const { engine, auditLog } = deps;
  const access: AssetAccess[] = [];
  const resolver = createAssetResolver(deps, (asset) => access.push(asset));
  const record = (outcome: 'allowed' | 'refused' | 'failed', detail: Readonly<Record<string, string>>) =>
    auditLog.record(
      access.map(({ id, name, version }) => ({
        actor: caller,
        assetId: id,
        assetName: name,
        action: 'READ',
        outcome,
        detail: { version, ...detail },
      })),
    );
  try {
    await using result = await engine.run({ sql: input.sql, asOf: asOfInput(input) }, resolver, { signal, report });
    await record('allowed', { operation: 'query' });
    let rowCount = 0;
    async function* counted(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
      for await (const batch of batches) {
        rowCount += batch.numRows;
        yield batch;
      }
    }
    const batches = counted(result.batches);
    if (input.explain) for await (const _ of batches);
    else for await (const chunk of formatRows(input.format, result.schema, batches, input.width)) await write(chunk);
    return { rowCount, explanation: input.explain ? result.explanation() : null };
  } catch (error) {
    const { code } = asGranaryError(error);
    if (access.length > 0) await record(code === 'SQL_FORBIDDEN' ? 'refused' : 'failed', { operation: 'query', code });
    throw error;
  }
}

function asOfInput({ asOf }: QueryInput): AsOf | undefined {
  if (asOf === undefined) return undefined;
  return 'version' in asOf ? asOf : { time: Date.parse(asOf.time) };
}
