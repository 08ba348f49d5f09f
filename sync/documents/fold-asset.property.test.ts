import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { toHex } from '#core/kernel/index.ts';
import {
  type AssetOperation,
  type AssetReplica,
  decodeAssetReplica,
  encodeAssetReplica,
  foldAsset,
  hashProjection,
  hashReplica,
  projectAsset,
} from './index.ts';
import { deps } from './testing/authors.ts';
import { type Pick, playWorld } from './testing/random-world.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

/** Logs mixed in one of many orders that keep each in its own. */
function mixed(logs: readonly (readonly AssetOperation[])[], pick: Pick): AssetOperation[] {
  const rest = logs.map((log) => [...log]).filter((log) => log.length > 0);
  const order: AssetOperation[] = [];
  while (rest.length > 0) {
    const at = pick(rest.length);
    order.push(rest[at]!.shift()!);
    if (rest[at]!.length === 0) rest.splice(at, 1);
  }
  return order;
}

/** Delivers in pieces, some twice, and through the store in between. */
function deliver(order: readonly AssetOperation[], pick: Pick) {
  let state: AssetReplica | undefined;
  const refused = new Map<string, string>();
  for (let at = 0; at < order.length;) {
    const from = Math.max(0, at - pick(4));
    const to = Math.min(order.length, at + 1 + pick(9));
    const result = foldAsset(deps, state, order.slice(from, to));
    for (const { id, reason } of result.refused) refused.set(id, reason);
    expect(result.mustRebuild).toBe(false);
    state = pick(2) === 0 ? result.state : decodeAssetReplica(deps, encodeAssetReplica(deps, result.state));
    at = to;
  }
  return {
    state,
    refused,
    hash: state && toHex(hashProjection(deps.blake3, projectAsset(deps, state))),
    replicaHash: state && toHex(hashReplica(deps, state)),
    projection: state && projectAsset(deps, state),
  };
}

const picker = (seed: number): Pick => {
  const random = seededRandom(seed);
  return (end) => Math.floor(random() * end);
};

test('equal operations in any order give equal projections, whatever one of the devices forges', () => {
  const seen = { accepted: 0, refused: new Map<string, number>() };
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 3 }), (seed, honest) => {
      const pick = picker(seed);
      const logs = playWorld(pick, { steps: 60, honest });
      const first = deliver(mixed(logs, pick), pick);
      const honestIds = new Set(
        logs
          .slice(0, -1)
          .flat()
          .map(({ id }) => id),
      );
      for (const [id, reason] of first.refused) {
        seen.refused.set(reason, (seen.refused.get(reason) ?? 0) + 1);
        expect(honestIds.has(id), `an honest operation was refused: ${reason}`).toBe(false);
      }
      seen.accepted += logs.at(-1)!.length - first.refused.size;
      for (let i = 0; i < 4; i++) {
        const again = deliver(mixed(logs, pick), pick);
        expect(again.projection).toEqual(first.projection);
        expect(again.hash).toBe(first.hash);
        expect(again.replicaHash).toBe(first.replicaHash);
        expect(again.refused).toEqual(first.refused);
      }
    }),
    { numRuns: 150 },
  );
  // The forger is no fool: what it writes is refused for many reasons, and some of it is not.
  expect(seen.accepted).toBeGreaterThan(100);
  expect([...seen.refused.keys()]).toEqual(
    expect.arrayContaining(['client', 'clock', 'origin', 'delete-range', 'parent']),
  );
});

test('a late revocation ends where an early one does, and nothing of what is void is seen', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const pick = picker(seed);
      const logs = playWorld(pick, { steps: 60, honest: 3 });
      const at = pick(logs.length);
      const frontier = pick(logs[at]!.length + 1);
      const judged = logs.map((log, i) =>
        i === at ? log.map((one, seq) => ({ ...one, isVoid: seq >= frontier })) : log,
      );
      const early = deliver(mixed(judged, pick), pick);
      const before = deliver(mixed(logs, pick), pick);
      if (frontier < logs[at]!.length) {
        expect(foldAsset(deps, before.state, judged[at]!.slice(frontier)).mustRebuild).toBe(true);
      }
      const rebuilt = foldAsset(deps, undefined, mixed(judged, pick)).state;
      if (early.hash) expect(toHex(hashProjection(deps.blake3, projectAsset(deps, rebuilt)))).toBe(early.hash);
      for (const [id, { operation }] of rebuilt.versions) expect(operation.isVoid, id).toBe(false);
    }),
    { numRuns: 100 },
  );
});
