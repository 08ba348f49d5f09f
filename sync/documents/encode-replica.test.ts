import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAssetReplica, encodeAssetReplica, foldAsset, projectAsset } from './index.ts';
import { deps } from './testing/authors.ts';
import { goldenOperations } from './testing/golden-story.ts';

const operations = goldenOperations();
const bytes = encodeAssetReplica(deps, foldAsset(deps, undefined, operations).state);

test('a replica comes back from its bytes, which are the same again', () => {
  const state = decodeAssetReplica(deps, bytes);
  expect(encodeAssetReplica(deps, state)).toEqual(bytes);
  expect(projectAsset(deps, state)).toEqual(projectAsset(deps, foldAsset(deps, undefined, operations).state));
  const again = foldAsset(deps, state, operations);
  expect([again.refused, again.mustRebuild]).toEqual([[], false]);
});

test('bytes that are not what was written are damaged', () => {
  const damage = fc
    .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, change]) => bytes.map((byte, i) => (i === at ? byte ^ change : byte)));
  const cut = fc.nat(bytes.length - 1).map((length) => bytes.slice(0, length));
  fc.assert(
    fc.property(fc.oneof(damage, cut), (damaged) => {
      expect(() => decodeAssetReplica(deps, damaged)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
    }),
  );
});
