import { equalBytes, toHex } from '#core/kernel/index.ts';
import { AGREEMENT_PENDING_MAX, ARRIVALS_READ_MAX, LISTED_LOGS_MAX } from './limits.ts';
import { itemCount } from './log-tip.ts';
import type { OperationStore } from './ports.ts';
import type { TipTree, TreeEntry } from './tip-tree.ts';

/** A log and the seq up to which it is as it was at an agreement; -1 for a log that was not there. */
export interface LogBefore {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seqBefore: number;
}

/**
 * A moment at which this node and a peer had the same operations of a space. Both remember it, each by the arrivals of
 * its own store, so that the next time each knows without asking what the other has not had from it.
 */
export interface Agreement {
  /** The root both had, 32 bytes. */
  readonly root: Uint8Array;
  /** Of this node's store; in another incarnation the arrivals mean nothing. */
  readonly incarnation: Uint8Array;
  /** The last arrival at this node's store that is in the root, but for `pending`. */
  readonly arrival: number;
  /** Logs that grew at this node while the two were agreeing; at most `AGREEMENT_PENDING_MAX`. */
  readonly pending: readonly LogBefore[];
}

/** The agreement on what `agreed` holds, while the store has gone on to `live`; undefined when it has gone on too far. */
export function makeAgreement(
  store: OperationStore,
  agreed: TipTree,
  live: { readonly tree: TipTree; readonly arrival: number },
): Agreement | undefined {
  const pending: LogBefore[] = [];
  for (const { tip, before } of live.tree.changesFrom(agreed)) {
    if (pending.length === AGREEMENT_PENDING_MAX) return undefined;
    const seqBefore = Math.min(before?.seq ?? -1, tip.seq);
    pending.push({ author: tip.author, logId: tip.logId, seqBefore });
  }
  return { root: agreed.root, incarnation: store.incarnation, arrival: live.arrival, pending };
}

/** A log that changed since an agreement. */
export interface ChangedLog {
  readonly entry: TreeEntry;
  readonly seqBefore: number;
}

/**
 * The logs of `tree` that changed since the agreement; undefined when they cannot be told, or are so many that
 * comparing hashes is cheaper.
 */
export async function changedSince(
  store: OperationStore,
  agreement: Agreement,
  tree: TipTree,
): Promise<readonly ChangedLog[] | undefined> {
  if (!equalBytes(agreement.incarnation, store.incarnation)) return undefined;
  const logs = new Map<string, LogBefore>();
  const note = (log: LogBefore) => {
    const name = toHex(log.author) + toHex(log.logId);
    if ((logs.get(name)?.seqBefore ?? Infinity) > log.seqBefore) logs.set(name, log);
  };
  for (const log of agreement.pending) note(log);
  let read = 0;
  for await (const { author, logId, seq } of store.arrivalsAfter(agreement.arrival)) {
    read += 1;
    if (read > ARRIVALS_READ_MAX) return undefined;
    note({ author, logId, seqBefore: seq - 1 });
  }
  if (logs.size > LISTED_LOGS_MAX) return undefined;
  return [...logs.values()].flatMap(({ author, logId, seqBefore }) => {
    const entry = tree.get(author, logId);
    return entry && itemCount(entry.tip) > seqBefore + 1 ? [{ entry, seqBefore }] : [];
  });
}
