import type { MessagePort } from 'node:worker_threads';
import type { DuckDBConnection } from '@duckdb/node-api';
import { GranaryError } from '#core/kernel/index.ts';
import { engineError } from './engine-error.ts';
import type { EngineLease, EnginePool } from './engine-pool.ts';
import { analysePlan } from './explain-plan.ts';
import { explainQuery } from './explain-query.ts';
import { openInbox } from './inbox.ts';
import { loadSentAsset } from './load-sent-asset.ts';
import { openScan, type OpenScanDeps } from './open-scan.ts';
import { parseSql } from './parse-sql.ts';
import { planStatement, type QueriedAsset } from './plan-statement.ts';
import type { FromWork } from './query-messages.ts';
import { sendResult } from './send-result.ts';

export interface QueryWorkDeps extends OpenScanDeps {
  readonly engines: EnginePool;
}

export interface QueryOrder {
  readonly sql: string;
  readonly cancelled: Int32Array;
  readonly port: MessagePort;
}

/** Runs one query from its text to its last row. What goes wrong goes to the port. */
export async function runQueryWork(deps: QueryWorkDeps, { sql, cancelled, port }: QueryOrder): Promise<void> {
  let engine: EngineLease | undefined;
  let endedWell = false;
  let scanError: unknown;
  let assets: readonly QueriedAsset[] = [];
  const inbox = openInbox(port, () => engine?.connection.interrupt());
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
    engine = await deps.engines.take();
    const { connection, handle, token } = engine;
    const statement = await timed('parse', () => parseSql(connection, sql));
    post({ kind: 'names', names: statement.assetNames, listTables: statement.kind === 'show tables' });
    const answer = await timed('resolve', () => inbox.next());
    const onError = (error: unknown) => {
      scanError ??= error;
    };
    const prepared = await timed('plan', () => planStatement(engine!, statement, answer, { isCancelled, onError }));
    ({ assets } = prepared);
    const { columnar } = prepared;
    if (columnar.length > 0) {
      await timed('decode', async () => {
        for (const asset of columnar) await openScan(deps, connection, asset, prepared, isCancelled);
      });
    }
    if (prepared.loads.length > 0) {
      await timed('load', async () => {
        post({
          kind: 'load',
          loads: prepared.loads.map(({ number, asset: { plan } }) => ({
            asset: number,
            request: { columns: plan.columns, filters: plan.filters },
          })),
        });
        for (const { asset, number } of prepared.loads)
          await loadSentAsset(connection, asset, number, token, inbox, post);
      });
    }
    await timed('execute', async () => {
      const isComplete = await sendResult(handle, await prepared.select(), port, inbox);
      if (!isComplete) throw scanError ?? (await reasonOf(connection, statement.body));
    });
    const decode = assets.reduce((sum, { counts }) => sum + counts.decodeMilliseconds, 0);
    stages.push({ stage: 'decode threads', milliseconds: decode });
    endedWell = true;
    post({ kind: 'end', explanation: explainQuery(prepared, stages, token) });
  } catch (error) {
    const failure = isCancelled() ? new GranaryError('CANCELLED', 'The query was cancelled.') : (scanError ?? error);
    const { code, message, details } = engineError(failure, 'run');
    post({
      kind: 'error',
      error: { code, message: engine ? message.replaceAll(engine.token, 'scan') : message, details },
    });
  } finally {
    inbox.close();
    await engine?.end(endedWell);
    for (const { decoded } of assets) decoded?.release();
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
