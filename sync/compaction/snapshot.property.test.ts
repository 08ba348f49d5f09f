import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { toHex } from '#core/kernel/index.ts';
import { type AssetOperation, foldAsset, hashProjection, hashReplica, projectAsset } from '#sync/documents/index.ts';
import { deps } from '#sync/documents/testing/authors.ts';
import { type Pick, playWorld } from '#sync/documents/testing/random-world.ts';
import { checkSnapshot, decodeSnapshotRecord, joinPieces, openSnapshot, takeSnapshot } from './index.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

const picker = (seed: number): Pick => {
  const random = seededRandom(seed);
  return (end) => Math.floor(random() * end);
};

/** The operations of some moment at which nothing waited: a part of each log, with all it builds on. */
function someMoment(logs: readonly AssetOperation[][], pick: Pick): AssetOperation[] {
  const seen = logs.flatMap((log) => log.slice(0, pick(log.length + 1)));
  const { state } = foldAsset(deps, undefined, seen);
  return seen.filter(({ id }) => state.operations.has(id));
}

/** Any order that keeps each log in its own; some operations twice. */
function shuffled(logs: readonly (readonly AssetOperation[])[], pick: Pick): AssetOperation[] {
  const rest = logs.map((log) => [...log]).filter((log) => log.length > 0);
  const order: AssetOperation[] = [];
  while (rest.length > 0) {
    const at = pick(rest.length);
    const operation = rest[at]!.shift()!;
    order.push(operation, ...(pick(4) === 0 ? [operation] : []));
    if (rest[at]!.length === 0) rest.splice(at, 1);
  }
  return order;
}

test('what is folded onto a snapshot is what everything together gives, and nothing removed comes back', () => {
  let [taken, removed] = [0, 0];
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 3 }), (seed, honest) => {
      const pick = picker(seed);
      const logs = playWorld(pick, { steps: 60, honest });
      const covered = someMoment(logs, pick);
      const at = foldAsset(deps, undefined, covered).state;
      const snapshot = takeSnapshot(deps, at);
      if (!snapshot) return;
      taken += 1;
      const record = decodeSnapshotRecord(snapshot.record);
      // Whoever has all operations comes to it by itself, whatever came later.
      expect(checkSnapshot(deps, record, shuffled(logs, pick))).toHaveProperty('state');

      const whole = foldAsset(deps, undefined, logs.flat()).state;
      const coveredIds = new Set(covered.map(({ id }) => id));
      const after = logs.map((log) => log.filter(({ id }) => !coveredIds.has(id)));
      for (const coming of [after, logs]) {
        const start = openSnapshot(deps, record, snapshot.pieces)!;
        const { state, mustRebuild } = foldAsset(deps, start, shuffled(coming, pick));
        expect(mustRebuild).toBe(false);
        expect(toHex(hashReplica(deps, state))).toBe(toHex(hashReplica(deps, whole)));
        const [is, shallBe] = [projectAsset(deps, state), projectAsset(deps, whole)];
        expect(is).toEqual(shallBe);
        expect(hashProjection(deps.blake3, is)).toEqual(hashProjection(deps.blake3, shallBe));
        if (!projectAsset(deps, at).removed) continue;
        removed += 1;
        expect(is.removed).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
  expect(taken).toBeGreaterThan(100);
  expect(removed).toBeGreaterThan(10);
});

test('a snapshot that leaves something out, or says it otherwise, is not acknowledged', () => {
  const faults = new Map<string, number>();
  fc.assert(
    fc.property(seeds, (seed) => {
      const pick = picker(seed);
      const logs = playWorld(pick, { steps: 40, honest: 2 });
      const covered = someMoment(logs, pick);
      const honest = takeSnapshot(deps, foldAsset(deps, undefined, covered).state);
      // The same operations, one of them without effect: the covered logs are the same, and the state is another.
      const at = pick(covered.length + 1);
      const lie = covered.map((operation, i) => (i === at ? { ...operation, isVoid: true } : operation));
      const forged = takeSnapshot(deps, foldAsset(deps, undefined, lie).state);
      if (!honest || !forged || at === covered.length) return;
      const [record, other] = [decodeSnapshotRecord(honest.record), decodeSnapshotRecord(forged.record)];
      const note = (found: ReturnType<typeof checkSnapshot>) => {
        const fault = typeof found === 'string' ? found : 'none';
        faults.set(fault, (faults.get(fault) ?? 0) + 1);
      };
      note(checkSnapshot(deps, other, covered));
      // The hash of the honest state, and the bytes of the other.
      const mixed = { ...other, stateHash: record.stateHash };
      expect(() => joinPieces(deps, mixed, forged.pieces)).toThrow(/not what it names/);
      expect(openSnapshot(deps, mixed, forged.pieces)).toBeUndefined();
      note(checkSnapshot(deps, record, covered.slice(0, -1)));
      // Bytes of any kind.
      const bytes = honest.pieces.map((piece) => piece.slice());
      bytes[0]![bytes[0]!.length - 1 - pick(Math.min(200, bytes[0]!.length - 8))]! ^= 1 << pick(8);
      expect(openSnapshot(deps, record, bytes)).toBeUndefined();
    }),
    { numRuns: 100 },
  );
  expect([...faults.keys()].sort()).toEqual(['operations', 'state']);
});
