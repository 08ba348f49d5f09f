import { type AuditLog, type ChainedEntry } from '#core/audit/index.ts';
import type { SchemaJson } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  type Clock,
  GranaryError,
  isGranaryError,
  type Logger,
  raceAbort,
  type ReportProgress,
  throwIfAborted,
  createMutex,
  canonicalJson,
  readRecord,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, type SqlConnection, type SqlDatabase } from '#core/platform/ports.ts';
import { readJournal, readJournalHead } from '../journal.ts';
import { auditRow, projectView, type ResolvedEntry } from '../project-view.ts';
import { readVersion } from '../read-catalog.ts';
import { VIEW_TABLES, writeAuditRows, writeViewRows } from './view-statements.ts';

/**
 * What one transaction of the view takes in at most: entries, segments' columns and schemas' fields, each counted as one.
 * Some megabytes of JSON; on PGlite, which does one thing at a time, some tenths of a second.
 */
export const VIEW_BATCH_WEIGHT_MAX = 5_000;

/** Under this key the store remembers how the view was left: the view itself may have lost it with the power. */
const SESSION = 'catalog-view';

interface Session {
  readonly bootId: string;
  /** Closed in order; false while it is open. */
  readonly clean: boolean;
}

export interface SqlCatalogViewDeps {
  readonly store: KeyValueStore;
  readonly audit: AuditLog;
  /** Migrated. */
  readonly database: SqlDatabase;
  /** Names this boot of the machine: after another one, what PGlite had not been synced may be missing. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ViewOptions extends AbortOptions {
  readonly report?: ReportProgress;
}

/** The catalog as tables of SQL. It follows the journal and the audit trail, and can be thrown away at any time. */
export interface CatalogView {
  /** Tells that something was committed; the view follows in the background. Failures are logged and tried again. */
  notify(): void;
  /** Resolves when everything that was committed before the call is in the view. Errors: those of the database. */
  whenCaughtUp(options?: ViewOptions): Promise<void>;
  /** Empties the view and fills it anew. On PostgreSQL readers see the old rows until it is done. */
  rebuildView(options?: ViewOptions): Promise<void>;
  /**
   * Stops following and notes that the view was left in order. `settle` is awaited before the note: it closes the database,
   * so that what the note vouches for has reached the disk.
   */
  close(settle?: () => Promise<void>): Promise<void>;
}

/** Why a view cannot be trusted and is filled anew. */
type RebuildReason = 'empty' | 'foreign' | 'power' | 'ahead';

/**
 * Opens the view and starts to catch up in the background. The view is emptied first when it has never been filled, when
 * it was filled from another store, when the machine was started anew after the node was not closed in order (PGlite
 * only), or when it knows of entries that the journal does not have. Errors: those of the store and the database.
 */
export async function openSqlCatalogView(deps: SqlCatalogViewDeps): Promise<CatalogView> {
  const { store, database, bootId, clock, logger } = deps;
  const oneAtATime = createMutex();
  const closing = new AbortController();
  let scheduled = false;

  const { reason, position: start } = await inspect(deps);
  await store.write(new Commit().put(SESSION, canonicalJson({ bootId, clean: false })), { sync: true });
  if (reason) {
    if (reason !== 'empty') logger.warn('The catalog view is rebuilt.', { reason });
    await database.transaction((connection) => emptyTables(connection, database));
  }

  // Known while nothing fails: asking the database again and again would cost a scan of the trail.
  let position: Position | undefined = reason ? undefined : start;
  const catchUp = async (options: ViewOptions) => {
    const from = position ?? (await readPosition(database)) ?? NOWHERE;
    position = undefined;
    position = await follow(deps, from, (work) => database.transaction(work), withClosing(options, closing.signal));
  };

  const notify = () => {
    if (scheduled || closing.signal.aborted) return;
    scheduled = true;
    void oneAtATime(async () => {
      // A commit from here on may be too late for this run, and asks for another.
      scheduled = false;
      await catchUp({});
    }).catch((error: unknown) => {
      if (isGranaryError(error, 'CANCELLED')) return;
      logger.warn('The catalog view could not catch up; it is tried again after the next commit.', {
        error: error instanceof Error ? error.message : String(error),
      });
    });
  };
  notify();

  return {
    notify,
    whenCaughtUp: (options = {}) =>
      raceAbort(
        oneAtATime(() => catchUp(options)),
        options.signal,
      ),
    rebuildView: (options = {}) =>
      oneAtATime(async () => {
        position = undefined;
        if (database.engine === 'pglite') {
          await database.transaction((connection) => emptyTables(connection, database));
          return catchUp(options);
        }
        return database.transaction(async (connection) => {
          await emptyTables(connection, database);
          await follow(deps, NOWHERE, (work) => work(connection), withClosing(options, closing.signal));
        });
      }),
    async close(settle) {
      if (closing.signal.aborted) return;
      closing.abort();
      await oneAtATime(async () => {
        const now = clock.now();
        await database.query(
          'UPDATE granary.catalog_progress SET clean = true, updated_at = to_timestamp($1::double precision / 1000)',
          [now],
        );
        await settle?.();
        await store.write(new Commit().put(SESSION, canonicalJson({ bootId, clean: true })), { sync: true });
      });
    },
  };
}

/** How far the view has come, and whether that can be believed. */
async function inspect(deps: SqlCatalogViewDeps): Promise<{ reason?: RebuildReason; position?: Position }> {
  const { store, audit, database, bootId } = deps;
  const position = await readPosition(database);
  if (!position) return { reason: 'empty' };
  if (position.journal > (await readJournalHead(store)).sequence) return { reason: 'ahead' };
  if (position.audit > (await audit.extent()).last) return { reason: 'ahead' };
  // A view that this store knows nothing of was left by another one.
  if (!(await readSession(store))) return { reason: 'foreign' };
  const lostPower = database.engine === 'pglite' && (await mayHaveLostPower(store, bootId));
  return lostPower ? { reason: 'power' } : { position };
}

/**
 * Whether the machine went down while the view was open, so that what PGlite had not synced may be missing. Asked before
 * PGlite is opened it tells that its whole folder should be made anew: not only the tables of the view can have suffered.
 */
export async function mayHaveLostPower(store: KeyValueStore, bootId: string): Promise<boolean> {
  const session = await readSession(store);
  return session !== undefined && !session.clean && session.bootId !== bootId;
}

async function readSession(store: KeyValueStore): Promise<Session | undefined> {
  const bytes = await store.get(SESSION);
  return bytes && readRecord<Session>(SESSION, bytes);
}

function withClosing(options: ViewOptions, closing: AbortSignal): ViewOptions {
  return { ...options, signal: options.signal ? AbortSignal.any([options.signal, closing]) : closing };
}

/** PostgreSQL's TRUNCATE would lock readers out until the end of a rebuild; PGlite has no other readers, nor a vacuum. */
async function emptyTables(connection: SqlConnection, { engine }: SqlDatabase): Promise<void> {
  if (engine === 'pglite') await connection.query(`TRUNCATE ${VIEW_TABLES.join(', ')}`);
  else for (const table of VIEW_TABLES) await connection.query(`DELETE FROM ${table}`);
}

/** The newest entries of journal and audit trail that the view has, and the oldest of the trail that it may have. */
interface Position {
  readonly journal: number;
  readonly audit: number;
  readonly auditFirst: number;
}

const NOWHERE: Position = { journal: 0, audit: 0, auditFirst: 0 };

/** In the journal by the view's own word, in the trail by its newest row; undefined for a view that was never filled. */
async function readPosition(connection: SqlConnection): Promise<Position | undefined> {
  const [progress] = await connection.query<{ seq: bigint }>('SELECT seq FROM granary.catalog_progress');
  if (!progress) return undefined;
  const [trail] = await connection.query<{ seq: bigint | null }>('SELECT max(seq) AS seq FROM granary.audit_logs');
  return { journal: Number(progress.seq), audit: Number(trail?.seq ?? 0), auditFirst: 0 };
}

type InTransaction = (work: (connection: SqlConnection) => Promise<void>) => Promise<void>;

/** Takes in, batch by batch, what was committed when it was called; returns how far it came. */
async function follow(
  deps: SqlCatalogViewDeps,
  from: Position,
  inTransaction: InTransaction,
  options: ViewOptions,
): Promise<Position> {
  throwIfAborted(options.signal);
  const journalEnd = (await readJournalHead(deps.store)).sequence;
  const trail = await deps.audit.extent();
  let { journal } = from;
  // Also without entries: a view that was emptied says so.
  if (journal === 0 && journalEnd === 0) await inTransaction((connection) => writePosition(deps, connection, 0));
  while (journal < journalEnd) {
    const batch = await readJournalBatch(deps.store, journal + 1, journalEnd, options);
    await inTransaction(async (connection) => {
      await writeViewRows(connection, projectView(batch.entries));
      await writePosition(deps, connection, batch.last);
    });
    journal = batch.last;
    options.report?.({ stage: 'catching up', subject: 'journal', done: journal, total: journalEnd, unit: 'rows' });
  }
  if (from.auditFirst < trail.first) {
    await inTransaction(async (connection) => {
      await connection.query('DELETE FROM granary.audit_logs WHERE seq < $1', [trail.first]);
    });
  }
  let audit = Math.max(from.audit, trail.first - 1);
  while (audit < trail.last) {
    const entries = await readAuditBatch(deps.audit, audit + 1, options);
    // Pruned since: the rest is found at the next run.
    if (entries.length === 0) break;
    await inTransaction((connection) => writeAuditRows(connection, entries.map(auditRow)));
    audit = entries.at(-1)!.sequence;
    options.report?.({ stage: 'catching up', subject: 'audit trail', done: audit, total: trail.last, unit: 'rows' });
  }
  return { journal, audit, auditFirst: trail.first };
}

async function writePosition({ bootId, clock }: SqlCatalogViewDeps, connection: SqlConnection, sequence: number) {
  await connection.query(
    'INSERT INTO granary.catalog_progress (seq, boot_id, clean, updated_at) ' +
      'VALUES ($1, $2, false, to_timestamp($3::double precision / 1000)) ON CONFLICT (only_row) DO UPDATE ' +
      'SET seq = excluded.seq, boot_id = excluded.boot_id, clean = false, updated_at = excluded.updated_at',
    [sequence, bootId, clock.now()],
  );
}

async function readJournalBatch(store: KeyValueStore, from: number, until: number, options: AbortOptions) {
  const entries: ResolvedEntry[] = [];
  const schemas = new Map<string, SchemaJson>();
  let weight = 0;
  let last = from - 1;
  for await (const entry of readJournal(store, from, options)) {
    if (entry.sequence !== last + 1) break;
    last = entry.sequence;
    weight += 1;
    if (entry.kind !== 'version-committed') entries.push(entry);
    else {
      const record = await requireVersion(store, entry.assetId, entry.version);
      const key = `${entry.assetId}/${record.schemaVersion}`;
      const schema =
        record.schema ?? schemas.get(key) ?? (await requireVersion(store, entry.assetId, record.schemaVersion)).schema;
      if (!schema) throw missing(`the schema of version ${entry.version} of ${entry.assetId}`);
      schemas.set(key, schema);
      weight += record.added.reduce((sum, { columns }) => sum + 1 + columns.length, record.removed.length);
      weight += schema.fields.length;
      entries.push({ ...entry, record, schema });
    }
    if (last >= until || weight >= VIEW_BATCH_WEIGHT_MAX) break;
  }
  if (last < from) throw missing(`entry ${from} of the journal`);
  return { entries, last };
}

async function requireVersion(store: KeyValueStore, assetId: string, version: number) {
  const record = await readVersion(store, assetId, version);
  if (!record) throw missing(`version ${version} of ${assetId}`);
  return record;
}

const missing = (what: string) =>
  new GranaryError('JOURNAL_CORRUPT', `The node's store has lost ${what}. Restore the home from a backup.`);

async function readAuditBatch(audit: AuditLog, from: number, options: AbortOptions): Promise<ChainedEntry[]> {
  const entries: ChainedEntry[] = [];
  for await (const entry of audit.entriesFrom(from, options)) {
    entries.push(entry);
    if (entries.length >= VIEW_BATCH_WEIGHT_MAX) break;
  }
  return entries;
}
