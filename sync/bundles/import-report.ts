import { isGranaryError, toHex } from '#core/kernel/index.ts';
import { type Blake3, peekOperation } from '#sync/log/index.ts';
import type { AppendOutcome, LogTip, MissingReason } from '#sync/reconcile/index.ts';
import type { SealedName } from '#sync/segments/index.ts';
import type { BundleListing } from './list-bundle.ts';
import type { BundleTarget } from './ports.ts';
import type { SegmentReceipt } from './receive-segment.ts';

/** Operations that the sender has and this node has not. */
export interface MissingOperations {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seqStart: number;
  readonly seqEnd: number;
  /** `left-out`: the bundle does not hold them, as it goes on from another one that was not taken in here. */
  readonly reason: MissingReason | 'left-out';
}

export interface MissingSegment {
  readonly name: SealedName;
  readonly reason: 'left-out' | 'damaged' | 'unwanted';
}

/** What an import did, and what is still not here of what the sender has. */
export interface ImportReport {
  /** What the bundle says it holds. */
  readonly bundle: BundleListing;
  readonly storedCount: number;
  readonly knownCount: number;
  /** Operations that were not taken in, by reason. */
  readonly refused: ReadonlyMap<MissingReason, number>;
  readonly forkProofs: { readonly stored: number; readonly known: number; readonly refused: number };
  readonly segments: readonly SegmentReceipt[];
  readonly missingOperations: readonly MissingOperations[];
  readonly missingSegments: readonly MissingSegment[];
}

/** Counts what becomes of operations, and remembers why a log could not go on. */
export class OperationTally {
  storedCount = 0;
  knownCount = 0;
  readonly refused = new Map<MissingReason, number>();
  readonly #blake3: Blake3;
  readonly #reasons = new Map<string, MissingReason>();

  constructor(blake3: Blake3) {
    this.#blake3 = blake3;
  }

  count(bytes: Uint8Array, result: AppendOutcome): void {
    if (result.outcome === 'stored') this.storedCount += 1;
    else if (result.outcome === 'known') this.knownCount += 1;
    else this.#refuse(bytes, result.outcome === 'refused' ? result.reason : 'fork');
  }

  #refuse(bytes: Uint8Array, reason: MissingReason): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    const name = this.#logOf(bytes);
    // The first reason is the cause; that what follows has a gap is the consequence.
    if (name && !this.#reasons.has(name)) this.#reasons.set(name, reason);
  }

  /** Why operations of this log were refused; undefined when none were. */
  reasonFor({ author, logId }: Pick<LogTip, 'author' | 'logId'>): MissingReason | undefined {
    return this.#reasons.get(toHex(author) + toHex(logId));
  }

  #logOf(bytes: Uint8Array): string | undefined {
    try {
      const { publicKey, extensions } = peekOperation({ blake3: this.#blake3 }, bytes).header;
      return extensions && toHex(publicKey) + toHex(extensions.logId);
    } catch (error) {
      if (isGranaryError(error)) return undefined;
      throw error;
    }
  }
}

/** Compares the sender's frontier with what is here now. */
export async function findMissing(
  store: BundleTarget['store'],
  { frontier, logs }: BundleListing,
  tally: OperationTally,
): Promise<MissingOperations[]> {
  const starts = new Map(logs.map(({ author, logId, seqStart }) => [toHex(author) + toHex(logId), seqStart]));
  const missing: MissingOperations[] = [];
  for (const tip of frontier) {
    const { author, logId } = tip;
    const here = await store.tip(author, logId);
    const refused = tally.reasonFor(tip);
    if ((here?.seq ?? -1) >= tip.seq) {
      const differs = here?.seq === tip.seq && toHex(here.operationId) !== toHex(tip.operationId);
      if (differs) missing.push({ author, logId, seqStart: tip.seq, seqEnd: tip.seq, reason: refused ?? 'fork' });
      continue;
    }
    const seqStart = here ? here.seq + 1 : 0;
    const isLeftOut = (starts.get(toHex(author) + toHex(logId)) ?? Infinity) > seqStart;
    const isForked = here?.forkSeq !== undefined && here.forkSeq <= seqStart;
    const why = refused === undefined || (refused === 'gap' && isLeftOut) ? 'left-out' : refused;
    const reason = isForked ? 'fork' : why;
    missing.push({ author, logId, seqStart, seqEnd: tip.seq, reason });
  }
  return missing;
}
