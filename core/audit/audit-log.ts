import {
  type AbortOptions,
  type AssetId,
  type Clock,
  type Random,
  GranaryError,
  throwIfAborted,
  uuidv7,
  createMutex,
  canonicalJson,
  readRecord,
} from '#core/kernel/index.ts';
import { Commit, prefixRange, type KeyValueStore } from '#core/platform/ports.ts';
import { anonymise } from './anonymise.ts';
import { type AuditFault, type ChainLink, type Sha256, chainEntry, checkLink } from './chain.ts';
import { type AuditDetail, type AuditEntry, type AuditInput, type ChainedEntry, FIRST_PREVIOUS } from './entry.ts';
import { sequenceKey } from './sequence-key.ts';

/** Characters kept of any text that a caller supplies: a hostile client must not fill the disk through the trail. */
export const AUDIT_TEXT_MAX = 4096;
/** Entries that one call lists at most, so that an answer stays small. */
export const AUDIT_LIST_MAX = 100_000;
/** Entries that one batch prunes: each batch is one synced write. */
export const AUDIT_PRUNE_BATCH = 1_000;

/** What `listAudit` shows: newest first. */
export interface AuditQuery {
  readonly assetId?: AssetId | undefined;
  /** At most {@link AUDIT_LIST_MAX}; 100 when absent. */
  readonly limit?: number | undefined;
  /** The highest number to show; the newest when absent. */
  readonly from?: number | undefined;
}

/** What `verifyAudit` found: how many entries it read, and the first fault. */
export interface AuditVerdict {
  readonly entryCount: number;
  readonly fault: AuditFault | undefined;
}

/** The audit trail of the node. */
export interface AuditLog {
  /** Stores entries in a synced write of their own: for reads, refusals and failures. */
  record(inputs: readonly AuditInput[]): Promise<void>;
  /**
   * Adds entries to somebody else's commit, then calls `write`, which stores it. The trail is held until `write` has
   * settled; when it fails, the next entry takes the same place.
   */
  recordIn<T>(commit: Commit, inputs: readonly AuditInput[], write: () => Promise<T>): Promise<T>;
  listAudit(query?: AuditQuery): Promise<ChainedEntry[]>;
  /** Entries from number `from` on, oldest first. */
  entriesFrom(from: number, options?: AbortOptions): AsyncIterable<ChainedEntry>;
  /** The newest entry's number and that of the oldest one kept; `last` is 0 before the first entry. */
  extent(): Promise<{ readonly first: number; readonly last: number }>;
  /** Walks the whole chain and names the first entry that is broken. */
  verifyAudit(options?: AbortOptions): Promise<AuditVerdict>;
  /**
   * Removes the entries older than `retentionDays`, oldest first, up to the first younger one; the chain stays
   * verifiable from there. Returns how many went.
   */
  pruneAudit(retentionDays: number, options?: AbortOptions): Promise<number>;
}

const ENTRIES = 'audit/';
/** The newest entry's number and hash: without it, cutting off the end of the trail would go unseen. */
const HEAD = 'audit-head';
/** The newest pruned entry's number and hash: the chain starts after it. */
const ANCHOR = 'audit-anchor';
const START: ChainLink = { sequence: 0, hash: FIRST_PREVIOUS };

const entryKey = (sequence: number) => ENTRIES + sequenceKey(sequence);
const assetPrefix = (assetId: string) => `audit-asset/${assetId}/`;
const NOTHING = new Uint8Array(0);

const cut = (text: string) =>
  (text.length > AUDIT_TEXT_MAX ? `${text.slice(0, AUDIT_TEXT_MAX)}…` : text).toWellFormed();
const cutOrNull = (text: string | null) => (text === null ? null : cut(text));
const cutDetail = (detail: AuditDetail): AuditDetail =>
  Object.fromEntries(
    Object.entries(detail).map(([key, value]) => [key, typeof value === 'string' ? cut(value) : value]),
  );

export function createAuditLog(deps: {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly sha256: Sha256;
}): AuditLog {
  const { store, clock, sha256 } = deps;
  const oneAtATime = createMutex();

  const readLink = async (key: string): Promise<ChainLink> => {
    const bytes = await store.get(key);
    return bytes ? readRecord<ChainLink>(key, bytes) : START;
  };

  const toEntry = ({ actor, assetId, assetName, action, outcome, detail = {} }: AuditInput): AuditEntry =>
    anonymise(
      {
        id: uuidv7(deps),
        userId: cutOrNull(actor.userId),
        assetId,
        assetName: cutOrNull(assetName),
        purpose: actor.purpose,
        action,
        outcome,
        sourceIp: cutOrNull(actor.sourceIp),
        deviceInfo: cutOrNull(actor.deviceInfo),
        detail: cutDetail(detail),
        at: clock.now(),
      },
      actor.purpose,
    );

  const recordIn: AuditLog['recordIn'] = (commit, inputs, write) =>
    oneAtATime(async () => {
      if (inputs.length === 0) return write();
      let tip = await readLink(HEAD);
      for (const input of inputs) {
        const entry = chainEntry(toEntry(input), tip, sha256);
        commit.put(entryKey(entry.sequence), canonicalJson(entry));
        if (entry.assetId !== null) commit.put(assetPrefix(entry.assetId) + sequenceKey(entry.sequence), NOTHING);
        tip = { sequence: entry.sequence, hash: entry.hash };
      }
      commit.put(HEAD, canonicalJson(tip));
      return write();
    });

  const record: AuditLog['record'] = (inputs) => {
    const commit = new Commit();
    return recordIn(commit, inputs, () => store.write(commit, { sync: true }));
  };

  const listAudit: AuditLog['listAudit'] = async ({ assetId, limit = 100, from } = {}) => {
    const prefix = assetId === undefined ? ENTRIES : assetPrefix(assetId);
    const range = {
      ...prefixRange(prefix),
      ...(from === undefined ? {} : { lt: prefix + sequenceKey(from + 1) }),
      reverse: true,
      limit: Math.min(limit, AUDIT_LIST_MAX),
    };
    const entries: ChainedEntry[] = [];
    for await (const [key, value] of store.entries(range)) {
      const own = assetId === undefined ? key : ENTRIES + key.slice(prefix.length);
      const bytes = assetId === undefined ? value : await store.get(own);
      if (!bytes) throw new GranaryError('JOURNAL_CORRUPT', `The audit entry "${own}" is missing.`, { key: own });
      entries.push(readRecord<ChainedEntry>(own, bytes));
    }
    return entries;
  };

  async function* entriesFrom(from: number, options?: AbortOptions) {
    const range = { gte: entryKey(from), lt: prefixRange(ENTRIES).lt };
    for await (const [key, value] of store.entries(range, options)) yield readRecord<ChainedEntry>(key, value);
  }

  const extent: AuditLog['extent'] = async () => {
    const [anchor, head] = [await readLink(ANCHOR), await readLink(HEAD)];
    return { first: anchor.sequence + 1, last: head.sequence };
  };

  const verifyAudit: AuditLog['verifyAudit'] = (options) =>
    // Held against writers, so that the head that is read belongs to the entries that are read.
    oneAtATime(async () => {
      let tip = await readLink(ANCHOR);
      const head = await readLink(HEAD);
      let entryCount = 0;
      for await (const [key, value] of store.entries(prefixRange(ENTRIES), options)) {
        entryCount += 1;
        let fault: AuditFault | undefined;
        try {
          fault = checkLink(readRecord<ChainedEntry>(key, value), tip, sha256);
        } catch {
          fault = { sequence: tip.sequence + 1, kind: 'unreadable' };
        }
        if (fault) return { entryCount, fault };
        const { sequence, hash } = readRecord<ChainedEntry>(key, value);
        tip = { sequence, hash };
      }
      if (tip.sequence !== head.sequence) return { entryCount, fault: { sequence: tip.sequence + 1, kind: 'missing' } };
      if (tip.hash !== head.hash) return { entryCount, fault: { sequence: tip.sequence, kind: 'replaced' } };
      return { entryCount, fault: undefined };
    });

  const pruneAudit: AuditLog['pruneAudit'] = async (retentionDays, options) => {
    const before = clock.now() - retentionDays * 86_400_000;
    let pruned = 0;
    for (;;) {
      throwIfAborted(options?.signal);
      const gone = await oneAtATime(async () => {
        const commit = new Commit();
        let anchor: ChainLink | undefined;
        let count = 0;
        for await (const [key, value] of store.entries(
          { ...prefixRange(ENTRIES), limit: AUDIT_PRUNE_BATCH },
          options,
        )) {
          const entry = readRecord<ChainedEntry>(key, value);
          if (entry.at >= before) break;
          commit.delete(key);
          if (entry.assetId !== null) commit.delete(assetPrefix(entry.assetId) + sequenceKey(entry.sequence));
          anchor = { sequence: entry.sequence, hash: entry.hash };
          count += 1;
        }
        if (anchor) await store.write(commit.put(ANCHOR, canonicalJson(anchor)), { sync: true });
        return count;
      });
      pruned += gone;
      if (gone < AUDIT_PRUNE_BATCH) return pruned;
    }
  };

  return { record, recordIn, listAudit, entriesFrom, extent, verifyAudit, pruneAudit };
}
