import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AssetReplicaState } from '#core/catalog/index.ts';
import { openStateBatch } from './state-batch.ts';

const SEGMENTS_MAX = 10;

/** An asset whose versions name so many segments each, after `applied` of them; an edge leads to each version. */
function stateOf(assetId: number, weights: readonly number[], applied: number) {
  const versions = weights.slice(applied).map((weight, i) => ({
    operationId: String(applied + i),
    added: Array.from({ length: weight >> 1 }, () => ({})),
    removed: Array.from({ length: weight - (weight >> 1) }, () => ''),
  }));
  const edges = versions.map((_, i) => ({ to: { version: applied + i + 1 } }));
  return { assetId: String(assetId), versions, edges } as unknown as AssetReplicaState;
}

const countOf = ({ versions }: AssetReplicaState) =>
  versions.reduce((total, { added, removed }) => total + added.length + removed.length, 0);

test('every version of every asset comes into a batch, in order, and no batch names more than it may', () => {
  const weights = fc.array(fc.nat({ max: SEGMENTS_MAX }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(weights, { maxLength: 8 }), (assets) => {
      const applied = assets.map(() => 0);
      let next = 0;
      while (next < assets.length) {
        const batch = openStateBatch(SEGMENTS_MAX);
        let i = next;
        for (; i < assets.length && !batch.rest; i++) batch.add(stateOf(i, assets[i]!, applied[i]!), applied[i]!);
        expect(batch.states.reduce((total, state) => total + countOf(state), 0)).toBeLessThanOrEqual(SEGMENTS_MAX);
        for (const { assetId, versions, edges } of batch.states) {
          const start = applied[Number(assetId)]!;
          expect(versions.map(({ operationId }) => Number(operationId))).toEqual(versions.map((_, k) => start + k));
          expect(edges.map(({ to }) => to.version)).toEqual(versions.map((_, k) => start + k + 1));
          applied[Number(assetId)] = start + versions.length;
        }
        // What has a rest has got on, or is the first of the next batch, where there is more room.
        next = batch.rest === undefined ? i : Number(batch.rest);
      }
      expect(applied).toEqual(assets.map(({ length }) => length));
    }),
  );
});

test('a version that no commit takes in is handed to the catalog, which says so', () => {
  const batch = openStateBatch(SEGMENTS_MAX);
  const state = stateOf(1, [SEGMENTS_MAX + 1, 1], 0);
  batch.add(state, 0);
  expect(batch).toMatchObject({ states: [state], rest: undefined });
});
