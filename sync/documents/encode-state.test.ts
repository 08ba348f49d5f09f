import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { isGranaryError, toHex } from '#core/kernel/index.ts';
import {
  type AssetOperation,
  decodeAssetState,
  encodeAssetReplica,
  encodeAssetState,
  foldAsset,
  hashProjection,
  projectAsset,
  STATE_BYTES_MAX,
} from './index.ts';
import { deps } from './testing/authors.ts';
import { goldenOperations } from './testing/golden-story.ts';
import { type Pick, playWorld } from './testing/random-world.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const pickerOf = (seed: number): Pick => {
  const random = seededRandom(seed);
  return (end) => Math.floor(random() * end);
};

/** Any order that keeps each log in its own. */
function shuffled(logs: readonly (readonly AssetOperation[])[], pick: Pick): AssetOperation[] {
  const rest = logs.map((log) => [...log]).filter((log) => log.length > 0);
  const order: AssetOperation[] = [];
  while (rest.length > 0) {
    const at = pick(rest.length);
    order.push(rest[at]!.shift()!);
    if (rest[at]!.length === 0) rest.splice(at, 1);
  }
  return order;
}

/** What was placed, each log as far as its operations were. */
function placed(logs: readonly AssetOperation[][]): AssetOperation[][] {
  const { state } = foldAsset(deps, undefined, logs.flat());
  return logs.map((log) => log.filter(({ id }) => state.operations.has(id)));
}

test('equal operations have one form, and what is read from it goes on as what was written', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 3 }), (seed, honest) => {
      const pick = pickerOf(seed);
      const logs = placed(playWorld(pick, { steps: 60, honest }));
      if (logs.flat().length === 0) return;
      const cut = logs.map((log) => log.slice(0, pick(log.length + 1)));
      const early = placed(cut);
      const bytes = encodeAssetState(deps, foldAsset(deps, undefined, early.flat()).state);
      expect(toHex(encodeAssetState(deps, foldAsset(deps, undefined, shuffled(early, pick)).state))).toBe(toHex(bytes));
      const read = decodeAssetState(deps, bytes);
      expect(toHex(encodeAssetState(deps, read))).toBe(toHex(bytes));
      const isEarly = new Set(early.flat().map(({ id }) => id));
      const late = logs.map((log) => log.filter(({ id }) => !isEarly.has(id)));
      const whole = foldAsset(deps, undefined, logs.flat()).state;
      const { state } = foldAsset(deps, read, shuffled(late, pick));
      expect(toHex(encodeAssetState(deps, state))).toBe(toHex(encodeAssetState(deps, whole)));
      expect(hashProjection(deps.blake3, projectAsset(deps, state))).toEqual(
        hashProjection(deps.blake3, projectAsset(deps, whole)),
      );
    }),
    { numRuns: 200 },
  );
});

test('what is accepted is the one form of what it says', () => {
  let [accepted, refused] = [0, 0];
  fc.assert(
    fc.property(seeds, (seed) => {
      const pick = pickerOf(seed);
      const logs = placed(playWorld(pick, { steps: 30, honest: 2 }));
      const bytes = encodeAssetState(deps, foldAsset(deps, undefined, logs.flat()).state);
      for (let i = 0; i < 20; i++) {
        const changed = bytes.slice();
        changed[pick(changed.length)]! ^= 1 << pick(8);
        try {
          const state = decodeAssetState(deps, changed);
          accepted += 1;
          expect(toHex(encodeAssetState(deps, state))).toBe(toHex(changed));
          projectAsset(deps, state);
          encodeAssetReplica(deps, state);
        } catch (error) {
          if (!isGranaryError(error, 'OPERATION_INVALID')) throw error;
          refused += 1;
        }
      }
    }),
    { numRuns: 60 },
  );
  // A flipped bit of an id or a text says something else, and can be said.
  expect(accepted).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(50);
});

test('refuses more bytes than a state may have, and fewer than it has', () => {
  const bytes = encodeAssetState(deps, foldAsset(deps, undefined, goldenOperations()).state);
  for (const wrong of [new Uint8Array(STATE_BYTES_MAX + 1), new Uint8Array(), bytes.subarray(0, -1)]) {
    expect(() => decodeAssetState(deps, wrong)).toThrow(expect.objectContaining({ code: 'OPERATION_INVALID' }));
  }
});
