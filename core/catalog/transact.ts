import type { AuditActor, AuditInput, AuditLog } from '#core/audit/index.ts';
import {
  type AbortOptions,
  type AssetId,
  type Clock,
  type Random,
  throwIfAborted,
  type Mutex,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { type HybridTime, nextHybridTime } from './hybrid-time.ts';
import { appendToJournal, type CatalogEvent, readJournalHead } from './journal.ts';
import { CATALOG_OPERATION_SCHEMA, type CatalogOperation, encodeCatalogOperation } from './operation-envelope.ts';
import type { OperationLog } from './ports.ts';

/** What the catalog works with. */
export interface CatalogDeps {
  readonly store: KeyValueStore;
  readonly log: OperationLog;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked before a change that is made on this node; what comes from a space is not its concern. */
  readonly guard?: CatalogGuard | undefined;
  /** Whether the rows of a segment lie on this node; without it, all that are committed do. */
  readonly hasRows?: ((segmentId: string) => Promise<boolean>) | undefined;
}

/** Says which assets may be changed on this node. */
export interface CatalogGuard {
  /** Errors: `FORBIDDEN`, for an asset of a space in which this device may only read. */
  mayChange(asset: AssetRecord): void | Promise<void>;
}

/** {@link CatalogDeps} with the lock that keeps writers apart; readers take none. */
export interface CatalogCore extends CatalogDeps {
  readonly oneAtATime: Mutex;
  /** Called after each commit, by whoever follows the journal. */
  readonly listeners: Set<() => void>;
}

/** Who changes the catalog, and a signal that stops it before the commit. */
export interface ChangeOptions extends AbortOptions {
  readonly actor: AuditActor;
}

export interface TransactOptions extends ChangeOptions {
  /** Hears which entries of the journal were stored, when there were any. */
  readonly onJournal?: ((entries: { readonly first: number; readonly last: number }) => void) | undefined;
}

/** One change of the catalog in the making: everything that is added here is stored together or not at all. */
export interface Draft {
  readonly commit: Commit;
  readonly time: HybridTime;
  /** What the journal will say, in order. */
  readonly events: CatalogEvent[];
  readonly auditEntries: Omit<AuditInput, 'actor' | 'outcome'>[];
  /** Signs an operation about `asset` that builds on the one before; returns its id. */
  replicate(
    asset: { readonly id: AssetId; readonly operationId: string | null },
    kind: CatalogOperation['kind'],
    record: CatalogOperation['record'],
  ): Promise<string>;
}

/**
 * Runs `work`, which reads the present state and fills the draft, then stores the draft in one synced commit: journal,
 * point-read keys, signed operations and audit entries. Writers wait for each other, so that what `work` has read still
 * holds when its commit is stored. A draft without events is not stored. Errors: those of `work`, of the store and the log.
 */
export function transact<T>(
  core: CatalogCore,
  { actor, signal, onJournal }: TransactOptions,
  work: (draft: Draft) => Promise<T>,
): Promise<T> {
  const { store, log, audit, clock } = core;
  return core.oneAtATime(async () => {
    throwIfAborted(signal);
    const head = await readJournalHead(store);
    const commit = new Commit();
    const time = nextHybridTime(head.time, clock.now());
    const draft: Draft = {
      commit,
      time,
      events: [],
      auditEntries: [],
      async replicate(asset, kind, record) {
        const dependencies = asset.operationId === null ? [] : [asset.operationId];
        const body = encodeCatalogOperation({
          schema: CATALOG_OPERATION_SCHEMA,
          asset: asset.id,
          kind,
          clock: time,
          dependencies,
          record,
        });
        return (await log.append(body, commit)).operationId;
      },
    };
    const result = await work(draft);
    if (draft.events.length === 0) return result;
    throwIfAborted(signal);
    const { sequence: last } = appendToJournal(commit, head, time, draft.events);
    const entries = draft.auditEntries.map((entry) => ({ ...entry, actor, outcome: 'allowed' as const }));
    await audit.recordIn(commit, entries, () => store.write(commit, { sync: true }));
    onJournal?.({ first: head.sequence + 1, last });
    for (const listener of core.listeners) listener();
    return result;
  });
}
