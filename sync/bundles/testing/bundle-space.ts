import { toHex } from '#core/kernel/index.ts';
import {
  checkForkProof,
  type IngestOutcome,
  isForkProof,
  type LogHead,
  type LogName,
  type LogStore,
  peekOperation,
  type RefusalReason,
} from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { type AppendOutcome, type LogTip, type MissingReason, NO_OPERATION } from '#sync/reconcile/index.ts';
import type { SealedFolder } from '#sync/segments/index.ts';
import type { BundleSource, BundleTarget } from '../ports.ts';

/** A space whose logs are all those of a store: to be exported and to be imported into. */
export interface BundleSpace extends BundleSource, BundleTarget {
  readonly store: BundleSource['store'] & BundleTarget['store'];
}

/** What is refused behind a frozen place is refused because of the fork; a chain that breaks is a gap. */
const REASONS: Partial<Record<RefusalReason, MissingReason>> = {
  quota: 'quota',
  frozen: 'fork',
  backlink: 'gap',
  body: 'pruned',
};

const tipOf = ({ author, logId, tip, frozenFrom }: LogHead): LogTip => ({
  author,
  logId,
  seq: tip?.seq ?? -1,
  operationId: tip?.operationId ?? NO_OPERATION,
  forkSeq: frozenFrom,
});

export function bundleSpace(
  logs: LogStore,
  spaceId: Uint8Array,
  {
    controlLogs = [],
    folder,
    covered = -1,
  }: {
    readonly controlLogs?: readonly Uint8Array[];
    readonly folder?: SealedFolder;
    /** Bodies may be missing up to this seq. */
    readonly covered?: number;
  } = {},
): BundleSpace {
  const control = new Set(controlLogs.map(toHex));
  return {
    spaceId,
    folder,
    store: {
      async *tips() {
        for await (const head of logs.tips()) yield tipOf(head);
      },
      tip: async (author, logId) => {
        const head = await logs.tip(author, logId);
        return head && tipOf(head);
      },
      operationsFrom: (author, logId, seqStart) => logs.operationsFrom(author, logId, seqStart),
      byteCount: (author, logId, seqStart, seqEnd) => logs.byteCount(author, logId, seqStart, seqEnd),
      forkProof: (author, logId) => logs.forkProof(author, logId),
      rank: (_author, logId) => (control.has(toHex(logId)) ? 0 : 1),
    },
    async append(operations) {
      if (operations.some(isForkProof)) return Promise.all(operations.map((proof) => appendProof(logs, proof)));
      const outcomes = await logs.ingest(operations, { mayLackBody: ({ header }) => header.seq <= covered });
      return Promise.all(outcomes.map((outcome, i) => outcomeOf(logs, operations[i]!, outcome)));
    },
    wantsSegment: () => true,
  };
}

async function appendProof(logs: LogStore, bytes: Uint8Array): Promise<AppendOutcome> {
  const result = await logs.ingestForkProof(bytes);
  if (result.kind === 'refused') return { outcome: 'refused', reason: 'invalid' };
  const { author, logId } = checkForkProof({ blake3, ed25519 }, bytes).name;
  return { outcome: result.kind === 'fork' ? 'stored' : 'known', tip: tipOf((await logs.tip(author, logId))!) };
}

async function outcomeOf(logs: LogStore, bytes: Uint8Array, outcome: IngestOutcome): Promise<AppendOutcome> {
  if (outcome.kind === 'gap') return { outcome: 'refused', reason: 'gap' };
  if (outcome.kind === 'refused') return { outcome: 'refused', reason: REASONS[outcome.reason] ?? 'invalid' };
  const { author, logId } = nameOf(bytes);
  return { outcome: outcome.kind, tip: tipOf((await logs.tip(author, logId))!) };
}

function nameOf(bytes: Uint8Array): LogName {
  const { header } = peekOperation({ blake3 }, bytes);
  return { author: header.publicKey, logId: header.extensions!.logId };
}
