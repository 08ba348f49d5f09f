import {
  type AbortOptions,
  type AssetId,
  type Uuid,
  throwIfAborted,
  uuidv7,
  canonicalJson,
  readRecord,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import {
  QUARANTINE_OPEN,
  quarantineKey,
  quarantineOpenKey,
  quarantinePrefix,
  quarantineRunKey,
  quarantineRunPrefix,
} from './keys.ts';
import type { CatalogCore } from './transact.ts';

/** A run buffers no more rows, and no more characters of them, before it writes: its memory stays small. */
export const QUARANTINE_BUFFER_ROWS = 1_000;
export const QUARANTINE_BUFFER_CHARACTERS = 1 << 20;

/** A row that did not fit, with its reason and its place. The reader that set it aside says what the parts mean. */
export interface QuarantineRow {
  readonly source: string;
  readonly record: number;
  readonly line?: number;
  readonly byteOffset?: number;
  readonly reason: string;
  readonly raw: string;
}

/** A row with the version whose commit set it aside. */
export interface QuarantinedAt extends QuarantineRow {
  readonly version: number;
}

/**
 * Rows that are being set aside. They are written in batches, and show once a commit has named the run; until then they
 * belong to nothing, and go at the next start.
 */
export interface QuarantineRun {
  readonly id: Uuid;
  readonly rowCount: number;
  /** Takes a row in; resolves when the next may come. Errors: `DISK_FULL`, `IO_FAILED`. */
  add(row: QuarantineRow): Promise<void>;
  /** Writes what is still buffered; a commit does this by itself. */
  flush(): Promise<void>;
  /** Removes the rows again, when there will be no commit. */
  discard(): Promise<void>;
}

/** The rows of an asset that were set aside. */
export interface QuarantineList {
  /** In the order of the versions, then as they were read. */
  readonly rows: readonly QuarantinedAt[];
  readonly totalCount: number;
}

/** A run as the version that committed it remembers it. */
interface CommittedRun {
  readonly run: Uuid;
  readonly rowCount: number;
}

export function openQuarantine(core: Pick<CatalogCore, 'store' | 'clock' | 'random'>): QuarantineRun {
  const { store } = core;
  const id = uuidv7(core);
  let rowCount = 0;
  let written = 0;
  let characters = 0;
  let buffer: QuarantineRow[] = [];

  const flush = async () => {
    if (buffer.length === 0) return;
    const commit = new Commit().put(quarantineOpenKey(id), new Uint8Array(0));
    for (const [i, row] of buffer.entries()) commit.put(quarantineKey(id, written + i), canonicalJson(row));
    await store.write(commit, { sync: true });
    written += buffer.length;
    buffer = [];
    characters = 0;
  };

  return {
    id,
    get rowCount() {
      return rowCount;
    },
    async add(row) {
      const { source, record, line, byteOffset, reason, raw } = row;
      buffer.push({
        source,
        record,
        ...(line === undefined ? {} : { line }),
        ...(byteOffset === undefined ? {} : { byteOffset }),
        reason,
        raw,
      });
      rowCount += 1;
      characters += raw.length + reason.length + source.length;
      if (buffer.length >= QUARANTINE_BUFFER_ROWS || characters >= QUARANTINE_BUFFER_CHARACTERS) await flush();
    },
    flush,
    async discard() {
      buffer = [];
      await removeRun(store, id);
    },
  };
}

/** Makes a flushed run part of a version's commit. */
export function commitQuarantine(commit: Commit, run: QuarantineRun, assetId: AssetId, version: number): void {
  if (run.rowCount === 0) return;
  const committed: CommittedRun = { run: run.id, rowCount: run.rowCount };
  commit.delete(quarantineOpenKey(run.id)).put(quarantineRunKey(assetId, version), canonicalJson(committed));
}

async function removeRun(store: KeyValueStore, runId: string, { signal }: AbortOptions = {}): Promise<void> {
  let commit = new Commit();
  for await (const [key] of store.entries(prefixRange(quarantinePrefix(runId)), { signal })) {
    commit.delete(key);
    if (commit.writes.length < QUARANTINE_BUFFER_ROWS) continue;
    await store.write(commit, { sync: false });
    commit = new Commit();
  }
  await store.write(commit.delete(quarantineOpenKey(runId)), { sync: true });
}

/** Removes the rows of runs that no commit has named. Called when no ingestion runs. Returns how many runs went. */
export async function discardOpenQuarantine(store: KeyValueStore, options: AbortOptions = {}): Promise<number> {
  const open: string[] = [];
  for await (const [key] of store.entries(prefixRange(QUARANTINE_OPEN), options)) {
    open.push(key.slice(QUARANTINE_OPEN.length));
  }
  for (const runId of open) {
    throwIfAborted(options.signal);
    await removeRun(store, runId, options);
  }
  return open.length;
}

/** Reads at most `limit` rows after the first `offset`. */
export async function listQuarantined(
  store: KeyValueStore,
  assetId: AssetId,
  { limit, offset = 0 }: { readonly limit: number; readonly offset?: number },
  options: AbortOptions = {},
): Promise<QuarantineList> {
  const rows: QuarantinedAt[] = [];
  let totalCount = 0;
  const prefix = quarantineRunPrefix(assetId);
  for await (const [key, bytes] of store.entries(prefixRange(prefix), options)) {
    const { run, rowCount } = readRecord<CommittedRun>(key, bytes);
    const first = Math.max(0, offset - totalCount);
    totalCount += rowCount;
    if (rows.length >= limit || first >= rowCount) continue;
    const version = Number(key.slice(prefix.length));
    const range = { gte: quarantineKey(run, first), lt: prefixRange(quarantinePrefix(run)).lt };
    for await (const [rowKey, row] of store.entries({ ...range, limit: limit - rows.length }, options)) {
      rows.push({ ...readRecord<QuarantineRow>(rowKey, row), version });
    }
  }
  return { rows, totalCount };
}
