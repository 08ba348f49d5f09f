import { canonicalJson, readRecord } from '#core/kernel/index.ts';
import type { AbortOptions, AssetId } from '#core/kernel/index.ts';
import { type Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { AssetRecord } from './catalog-asset.ts';
import type { HybridTime } from './hybrid-time.ts';
import type { IngestionJob } from './ingestion-job.ts';
import { JOURNAL, JOURNAL_HEAD, journalKey } from './keys.ts';
import type { LineageEdge } from './lineage-edge.ts';

/** Something that happened to the catalog. A version's own content stands once, in its manifest. */
export type CatalogEvent = (
  | { readonly kind: 'asset-created' | 'asset-changed'; readonly asset: AssetRecord }
  | { readonly kind: 'asset-removed'; readonly assetId: AssetId; readonly version: number; readonly at: number }
  | { readonly kind: 'version-committed'; readonly assetId: AssetId; readonly version: number }
  | { readonly kind: 'lineage-recorded'; readonly edge: LineageEdge }
  | { readonly kind: 'job-recorded'; readonly job: IngestionJob }
) & {
  /** Present when it came from a space: this node has not signed it, and does not tell others of it again. */
  readonly replica?: true;
};

export type JournalEntry = CatalogEvent & {
  /** 1 for the first; no number is left out. */
  readonly sequence: number;
  readonly time: HybridTime;
};

/** The asset that an event is about; undefined for a job, which changes none. */
export function assetOf(event: CatalogEvent): AssetId | undefined {
  switch (event.kind) {
    case 'asset-created':
    case 'asset-changed':
      return event.asset.id;
    case 'asset-removed':
    case 'version-committed':
      return event.assetId;
    case 'lineage-recorded':
      return event.edge.to.assetId;
    case 'job-recorded':
      return undefined;
  }
}

/** The newest entry's number and time. */
export interface JournalHead {
  readonly sequence: number;
  readonly time: HybridTime;
}

const START: JournalHead = { sequence: 0, time: { wall: 0, counter: 0 } };

/** Errors: `JOURNAL_CORRUPT`. */
export async function readJournalHead(store: KeyValueStore): Promise<JournalHead> {
  const bytes = await store.get(JOURNAL_HEAD);
  return bytes ? readRecord<JournalHead>(JOURNAL_HEAD, bytes) : START;
}

/** The entries from number `from` on, in order. Errors: `JOURNAL_CORRUPT`. */
export async function* readJournal(
  store: KeyValueStore,
  from: number,
  options?: AbortOptions,
): AsyncIterable<JournalEntry> {
  const range = { gte: journalKey(from), lt: prefixRange(JOURNAL).lt };
  for await (const [key, value] of store.entries(range, options)) yield readRecord<JournalEntry>(key, value);
}

/** Adds events to a commit, after those of `head`, all at one time; returns the new head. */
export function appendToJournal(
  commit: Commit,
  head: JournalHead,
  time: HybridTime,
  events: readonly CatalogEvent[],
): JournalHead {
  let { sequence } = head;
  for (const event of events) {
    sequence += 1;
    commit.put(journalKey(sequence), canonicalJson({ ...event, sequence, time }));
  }
  const next = { sequence, time };
  commit.put(JOURNAL_HEAD, canonicalJson(next));
  return next;
}
