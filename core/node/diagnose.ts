import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AuditLog } from '#core/audit/index.ts';
import type { Catalog } from '#core/catalog/index.ts';
import { type AbortOptions, asGranaryError, type OperationContext, type ReportProgress } from '#core/kernel/index.ts';
import type { SqlDatabase } from '#core/platform/ports.ts';
import type { LocalLog } from '#sync/log/index.ts';
import type { NodeConfig } from './config.ts';
import type { Diagnosis } from './operations.ts';
import { VERSION } from './version.ts';

/** Below this, the next ingestion may well fail. */
const FREE_BYTES_LOW = 2 ** 30;

export interface DiagnoseDeps {
  readonly home: string;
  readonly config: NodeConfig;
  readonly catalog: Catalog;
  readonly auditLog: AuditLog;
  readonly log: LocalLog;
  readonly fingerprint: string;
  readonly database: SqlDatabase;
  /** Looks at the spaces of the node; nothing on a node that is in none. */
  readonly diagnoseSync: (options: AbortOptions) => Promise<readonly Check[]>;
  readonly rebuildCatalog: (options: AbortOptions & { readonly report: ReportProgress }) => Promise<void>;
}

export type Check = Diagnosis['checks'][number];

/** Looks at everything the node stands on; what is broken is said and does not stop the other checks. */
export async function diagnose(
  deps: DiagnoseDeps,
  { rebuildCatalog }: { readonly rebuildCatalog: boolean },
  { signal, report }: OperationContext,
): Promise<Diagnosis> {
  const checks: Check[] = [
    ok('granary', VERSION),
    ok('node.js', process.versions.node),
    ok('home', deps.home),
    ok('device key', deps.fingerprint),
    ...packageVersions(),
    await check('free disk', () => freeDisk(deps.home)),
    await check('journal', () => describeJournal(deps, signal)),
    ...(await remoteSegments(deps, signal)),
    await check('operation log', () => describeLog(deps, signal)),
    await check('audit trail', () => describeAudit(deps, signal)),
  ];
  checks.push(...(await deps.diagnoseSync({ signal })));
  if (rebuildCatalog) {
    checks.push(
      await check('catalog view', async () => {
        await deps.rebuildCatalog({ signal, report });
        return ok('catalog view', 'built anew from the journal');
      }),
    );
  }
  checks.push(await check('catalog database', () => describeDatabase(deps)));
  return { checks };
}

export const ok = (subject: string, text: string): Check => ({ subject, state: 'ok', text });
export const broken = (subject: string, text: string): Check => ({ subject, state: 'broken', text });

export async function check(subject: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    const { code, message } = asGranaryError(error);
    if (code === 'CANCELLED') throw error;
    return broken(subject, `${code} ${message}`);
  }
}

function packageVersions(): Check[] {
  const require = createRequire(import.meta.url);
  return ['@duckdb/node-api', '@electric-sql/pglite', 'classic-level', 'parquet-wasm'].map((name) => {
    try {
      const path = require.resolve(name);
      const folder = path.slice(0, path.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length);
      return ok(name, (require(`${folder}/package.json`) as { version: string }).version);
    } catch {
      return { subject: name, state: 'missing', text: 'not installed; run npm start once' };
    }
  });
}

async function freeDisk(home: string): Promise<Check> {
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  const text = `${(free / 1e9).toFixed(1)} GB`;
  return free < FREE_BYTES_LOW
    ? { subject: 'free disk', state: 'missing', text: `only ${text}` }
    : ok('free disk', text);
}

async function describeJournal({ catalog }: DiagnoseDeps, signal: AbortSignal): Promise<Check> {
  const { totalCount } = await catalog.listAssets({ limit: 0 }, { signal });
  return ok('journal', `${totalCount} assets`);
}

/** Tells of assets of spaces how much of them is here; nothing on a node without any. */
async function remoteSegments({ catalog }: DiagnoseDeps, signal: AbortSignal): Promise<Check[]> {
  const subject = 'assets of spaces';
  let assetCount = 0;
  const described = await check(subject, async () => {
    let [segmentCount, remoteCount] = [0, 0];
    for (const { id, version, origin } of (await catalog.listAssets({}, { signal })).assets) {
      if (!origin) continue;
      assetCount += 1;
      for (const { remote } of await catalog.getManifest(id, version, { signal })) {
        segmentCount += 1;
        if (remote) remoteCount += 1;
      }
    }
    return ok(subject, `${assetCount}; ${remoteCount} of ${segmentCount} segments not fetched`);
  });
  return assetCount === 0 && described.state === 'ok' ? [] : [described];
}

async function describeLog({ log }: DiagnoseDeps, signal: AbortSignal): Promise<Check> {
  const { operationCount, fault } = await log.verifyAll({ signal });
  if (fault) return broken('operation log', `operation ${fault.seq}: ${fault.message}`);
  return ok('operation log', `${operationCount} operations, chain and signatures hold`);
}

async function describeAudit({ auditLog }: DiagnoseDeps, signal: AbortSignal): Promise<Check> {
  const { entryCount, fault } = await auditLog.verifyAudit({ signal });
  if (fault) return broken('audit trail', `entry ${fault.sequence} is ${fault.kind}`);
  return ok('audit trail', `${entryCount} entries, chain holds`);
}

async function describeDatabase({ database }: DiagnoseDeps): Promise<Check> {
  const [row] = await database.query<{ version: string }>('SELECT version() AS version');
  return ok('catalog database', `${database.engine}: ${row?.version.split(' on ')[0] ?? 'unknown'}`);
}
