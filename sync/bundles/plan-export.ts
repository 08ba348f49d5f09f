import { toHex } from '#core/kernel/index.ts';
import type { LogTip } from '#sync/reconcile/index.ts';
import type { BundleListing } from './list-bundle.ts';
import type { BundleSource, SegmentSource } from './ports.ts';
import { compareLogs } from './sections.ts';

/** What of one log goes into a bundle. */
export interface PlannedLog {
  /** Place in the frontier. */
  readonly log: number;
  readonly tip: LogTip;
  readonly seqStart: number;
  /** Id of the operation at `seqStart` that the base has; when it is the same here, it is left out. */
  readonly baseId: Uint8Array | undefined;
}

export interface ExportPlan {
  /** By author and log. */
  readonly frontier: readonly LogTip[];
  /** In the order in which the store ranks them. */
  readonly logs: readonly PlannedLog[];
  /** The smallest first. */
  readonly segments: SegmentSource['segments'];
  /** Segments that whoever has taken in the base has. */
  readonly leftOut: SegmentSource['segments'];
}

/** What a bundle of these tips and segments holds, beyond what the frontier of `since` has. */
export function planExport(
  tips: readonly LogTip[],
  segments: SegmentSource['segments'],
  rank: BundleSource['store']['rank'],
  since: BundleListing | undefined,
): ExportPlan {
  const nameOf = ({ author, logId }: LogTip) => toHex(author) + toHex(logId);
  const base = new Map(since?.frontier.map((tip) => [nameOf(tip), tip]));
  const frontier = tips.toSorted(compareLogs);
  const logs: PlannedLog[] = [];
  for (const [log, tip] of frontier.entries()) {
    const known = base.get(nameOf(tip));
    if (tip.seq < (known?.seq ?? 0)) continue;
    if (known?.seq === tip.seq && toHex(known.operationId) === toHex(tip.operationId)) continue;
    const isBegun = known !== undefined && known.seq >= 0;
    logs.push({ log, tip, seqStart: isBegun ? known.seq : 0, baseId: isBegun ? known.operationId : undefined });
  }
  const has = new Set<string>(since?.segments.map(({ name }) => name));
  const rankOf = ({ tip }: PlannedLog) => rank(tip.author, tip.logId);
  const bySize = segments.toSorted((left, right) => left.byteCount - right.byteCount);
  return {
    frontier,
    logs: logs.toSorted((left, right) => rankOf(left) - rankOf(right)),
    segments: bySize.filter(({ name }) => !has.has(name)),
    leftOut: bySize.filter(({ name }) => has.has(name)),
  };
}
