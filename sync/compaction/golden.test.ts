import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import { decodeAssetState, foldAsset, hashReplica, projectAsset } from '#sync/documents/index.ts';
import { deps } from '#sync/documents/testing/authors.ts';
import { goldenOperations } from '#sync/documents/testing/golden-story.ts';
import { checkSnapshot, decodeAcknowledgeRecord, decodeSnapshotRecord, joinPieces, openSnapshot } from './index.ts';
import { goldenAcknowledgement, goldenFiles, goldenRecord } from './testing/golden-snapshot.ts';

const folder = new URL('../../tests/golden/compaction-v1/', import.meta.url);
const read = (name: string) => Uint8Array.from(readFileSync(new URL(name, folder)));

test('every encoding is written as it was', () => {
  const names = readdirSync(folder).filter((name) => name !== 'generate.ts');
  const now = goldenFiles();
  expect(names.toSorted()).toEqual(Object.keys(now).toSorted());
  for (const [name, bytes] of Object.entries(now)) expect(toHex(bytes), name).toBe(toHex(read(name)));
});

test('every encoding reads as it says', () => {
  const record = decodeSnapshotRecord(read('snapshot.cbor'));
  expect(record).toEqual(goldenRecord);
  expect(joinPieces(deps, record, [read('piece.cbor')])).toEqual(toUtf8('state bytes'));
  expect(decodeAcknowledgeRecord(read('acknowledge.cbor'))).toEqual(goldenAcknowledgement);
});

test('the snapshot of a story holds what its operations amount to', () => {
  const record = decodeSnapshotRecord(read('story.cbor'));
  const pieces = [read('story-piece.cbor')];
  const whole = foldAsset(deps, undefined, goldenOperations()).state;
  expect(toHex(record.stateHash)).toBe(toHex(hashReplica(deps, whole)));
  expect(checkSnapshot(deps, record, goldenOperations())).toHaveProperty('state');
  expect(joinPieces(deps, record, pieces)).toEqual(read('story-state.cbor'));
  expect(decodeAssetState(deps, read('story-state.cbor')).operations.size).toBe(whole.operations.size);
  expect(projectAsset(deps, openSnapshot(deps, record, pieces)!)).toEqual(projectAsset(deps, whole));
});
