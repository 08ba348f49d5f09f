import { fromHex, toHex, toUtf8 } from '#core/kernel/index.ts';
import { foldAsset } from '#sync/documents/index.ts';
import { deps, idOf } from '#sync/documents/testing/authors.ts';
import { goldenOperations } from '#sync/documents/testing/golden-story.ts';
import { encodeAcknowledgeRecord, encodePieces, encodeSnapshotRecord, takeSnapshot } from '../index.ts';

const id = (text: string): Uint8Array => fromHex(idOf(text));

export const goldenRecord = {
  stateHash: id('state'),
  bytesHash: deps.blake3(toUtf8('state bytes')),
  byteCount: 11,
  covered: [
    { author: id('ada'), logId: id('log of ada'), seq: 3, operationId: id('operation of ada') },
    { author: id('ben'), logId: id('log of ben'), seq: 70_000, operationId: id('operation of ben') },
  ].toSorted((left, right) => (toHex(left.author) < toHex(right.author) ? -1 : 1)),
};

export const goldenAcknowledgement = { snapshotId: id('snapshot'), stateHash: id('state') };

/** The snapshot of the golden story of asset documents. */
export const goldenSnapshot = () => takeSnapshot(deps, foldAsset(deps, undefined, goldenOperations()).state)!;

export function goldenFiles(): Record<string, Uint8Array> {
  const { record, pieces } = goldenSnapshot();
  return {
    'snapshot.cbor': encodeSnapshotRecord(goldenRecord),
    'piece.cbor': encodePieces(toUtf8('state bytes'))[0]!,
    'acknowledge.cbor': encodeAcknowledgeRecord(goldenAcknowledgement),
    'story.cbor': record,
    'story-piece.cbor': pieces[0]!,
  };
}
