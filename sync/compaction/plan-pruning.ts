/** Which bodies of operations may be dropped, given the snapshots that count. Headers stay, and so do control logs. */

/** A snapshot that counts, and whose pieces are here and were checked. */
export interface HeldSnapshot {
  /** Hexadecimal digits, as all ids here. */
  readonly id: string;
  readonly asset: string;
  /** By `<author>/<log id>`, the seq of the last operation about the asset that it covers. */
  readonly covered: ReadonlyMap<string, number>;
}

/** An operation of a data log whose body is here and whose signature was checked. */
export interface HeldBody {
  /** `<author>/<log id>`. */
  readonly log: string;
  readonly seq: number;
  /** What it is about; undefined when that is no asset: what its author had seen of the members, for one. */
  readonly asset: string | undefined;
}

/**
 * The seqs by log, rising. Of the snapshots of an asset the one that covers the most operations is kept, and of these the
 * one with the least id; its own operations come after all that it covers, so they stay.
 */
export function planPruning(
  snapshots: readonly HeldSnapshot[],
  bodies: readonly HeldBody[],
): ReadonlyMap<string, readonly number[]> {
  const byAsset = new Map<string, HeldBody[]>();
  for (const body of bodies) {
    if (body.asset === undefined) continue;
    const ofAsset = byAsset.get(body.asset) ?? [];
    ofAsset.push(body);
    byAsset.set(body.asset, ofAsset);
  }
  const plan = new Map<string, number[]>();
  for (const [asset, ofAsset] of byAsset) {
    const candidates = snapshots
      .filter((snapshot) => snapshot.asset === asset)
      .map((snapshot) => ({ id: snapshot.id, covered: ofAsset.filter((body) => covers(snapshot, body)) }))
      .sort((left, right) => right.covered.length - left.covered.length || (left.id < right.id ? -1 : 1));
    for (const { log, seq } of candidates[0]?.covered ?? []) plan.set(log, [...(plan.get(log) ?? []), seq]);
  }
  for (const seqs of plan.values()) seqs.sort((left, right) => left - right);
  return plan;
}

const covers = ({ covered }: HeldSnapshot, { log, seq }: HeldBody): boolean => seq <= (covered.get(log) ?? -1);
