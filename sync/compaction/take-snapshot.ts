import { fromHex } from '#core/kernel/index.ts';
import {
  type AssetReplica,
  type DocumentDeps,
  encodeAssetState,
  hashState,
  STATE_BYTES_MAX,
  STATE_LOGS_MAX,
} from '#sync/documents/index.ts';
import { encodePieces, encodeSnapshotRecord } from './snapshot-record.ts';

/** What is to be signed one after another in one data log. */
export interface Snapshot {
  /** The record of `granary.snapshot.v1`; the id of its operation names the snapshot. */
  readonly record: Uint8Array;
  readonly pieces: readonly Uint8Array[];
  /** Of the state. */
  readonly byteCount: number;
}

/**
 * The snapshot of a replica. Undefined for one that is not fit for it: operations wait, something has to be folded anew, or
 * it is too large.
 */
export function takeSnapshot(deps: DocumentDeps, replica: AssetReplica): Snapshot | undefined {
  const isWhole = replica.waiting.size === 0 && !replica.mustRebuild && replica.logs.every(({ isCut }) => !isCut);
  const covered = replica.logs.flatMap(({ author, logId, operations }) => {
    const last = operations.at(-1);
    if (!last) return [];
    return [{ author: fromHex(author), logId: fromHex(logId), seq: last.seq, operationId: fromHex(last.id) }];
  });
  if (!isWhole || covered.length === 0 || covered.length > STATE_LOGS_MAX) return undefined;
  const bytes = encodeAssetState(deps, replica);
  const byteCount = bytes.length;
  if (byteCount > STATE_BYTES_MAX) return undefined;
  const record = encodeSnapshotRecord({ stateHash: hashState(deps.blake3, bytes), byteCount, covered });
  return { record, pieces: encodePieces(bytes), byteCount };
}
