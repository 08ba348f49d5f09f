import type { AssetReplicaState } from '#core/catalog/index.ts';
import type { AssetId } from '#core/kernel/index.ts';

/** What one commit of the catalog takes in. */
export interface StateBatch {
  readonly states: readonly AssetReplicaState[];
  /** Where the next one goes on: with an asset that comes in parts, the last of `states`, or that found no room. */
  readonly rest: AssetId | undefined;
  /**
   * Adds as many of an asset's versions as there is room for, with the edges that lead to them. Where even the first takes
   * more than a whole commit, all of them, for the catalog to say so.
   *
   * @param version the number of its present version
   */
  add(state: AssetReplicaState, version: number): void;
}

/** @param segmentsMax that the versions may name together */
export function openStateBatch(segmentsMax: number): StateBatch {
  const states: AssetReplicaState[] = [];
  let rest: AssetId | undefined;
  let segmentsLeft = segmentsMax;
  return {
    states,
    get rest() {
      return rest;
    },
    add(state, version) {
      const { assetId, versions, edges } = state;
      let count = 0;
      for (; count < versions.length; count++) {
        const { added, removed } = versions[count]!;
        if (added.length + removed.length > segmentsLeft) break;
        segmentsLeft -= added.length + removed.length;
      }
      const isWhole = count === versions.length || (count === 0 && states.length === 0);
      if (!isWhole) rest = assetId;
      if (isWhole) states.push(state);
      else if (count > 0) {
        const reached = edges.filter(({ to }) => to.version <= version + count);
        states.push({ ...state, versions: versions.slice(0, count), edges: reached });
      }
    },
  };
}
