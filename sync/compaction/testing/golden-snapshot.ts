import { fromHex, toHex, toUtf8 } from '#core/kernel/index.ts';
import { encodeAssetState, foldAsset, hashState } from '#sync/documents/index.ts';
import { deps, idOf } from '#sync/documents/testing/authors.ts';
import { goldenOperations } from '#sync/documents/testing/golden-story.ts';
import { encodeAcknowledgeRecord, encodePieces, encodeSnapshotRecord, takeSnapshot } from '../index.ts';

const id = (text: string): Uint8Array => fromHex(idOf(text));

export const goldenRecord = {
  stateHash: hashState(deps.blake3, toUtf8('state bytes')),
  byteCount: 11,
  covered: [
    { author: id('ada'), logId: id('log of ada'), seq: 3, operationId: id('operation of ada') },
    { author: id('ben'), logId: id('log of ben'), seq: 70_000, operationId: id('operation of ben') },
  ].toSorted((left, right) => (toHex(left.author) < toHex(right.author) ? -1 : 1)),
};

export const goldenAcknowledgement = {
  snapshot: { author: id('ada'), logId: id('log of ada'), seq: 4, operationId: id('snapshot'), pieces: 1 },
  stateHash: goldenRecord.stateHash,
  covered: goldenRecord.covered.map(({ author, logId, seq }, i) => ({
    author,
    logId,
    ranges:
      i === 0 ? [{ seqStart: 0, seqEnd: seq }] : [0, 2, seq - 1].map((start) => ({ seqStart: start, seqEnd: start })),
  })),
};

const storyReplica = () => foldAsset(deps, undefined, goldenOperations()).state;

/** The snapshot of the golden story of asset documents. */
export const goldenSnapshot = () => takeSnapshot(deps, storyReplica())!;

export function goldenFiles(): Record<string, Uint8Array> {
  const { record, pieces } = goldenSnapshot();
  return {
    'snapshot.cbor': encodeSnapshotRecord(goldenRecord),
    'piece.cbor': encodePieces(toUtf8('state bytes'))[0]!,
    'acknowledge.cbor': encodeAcknowledgeRecord(goldenAcknowledgement),
    'story.cbor': record,
    'story-piece.cbor': pieces[0]!,
    'story-state.cbor': encodeAssetState(deps, storyReplica()),
  };
}
