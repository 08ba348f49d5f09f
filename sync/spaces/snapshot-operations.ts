import { equalBytes, type Uuid } from '#core/kernel/index.ts';
import {
  decodeSnapshotRecord,
  SNAPSHOT_PIECE_SCHEMA,
  SNAPSHOT_SCHEMA,
  type SnapshotPlace,
  type SnapshotRecord,
} from '#sync/compaction/index.ts';
import { type Blake3, isPruned, type LogStore, orInvalid, type SignedOperation, splitStored } from '#sync/log/index.ts';
import { readEnvelope } from './control-operation.ts';
import type { OpenSpace } from './open-space.ts';

export type SnapshotReading =
  | {
      readonly kind: 'whole';
      readonly asset: Uuid;
      readonly record: SnapshotRecord;
      /** None when they were not asked for. */
      readonly pieces: readonly Uint8Array[];
    }
  /** Something of it has not come yet, or the key that it is sealed under. */
  | { readonly kind: 'waits' }
  /** Its own bodies were dropped, or it is none. */
  | { readonly kind: 'gone' };

interface Said {
  readonly schema: string;
  readonly asset: Uuid;
  readonly content: Uint8Array;
}

/** Reads the operation of a snapshot, and those of its pieces, where they stand. Errors: `STORE_DAMAGED`. */
export async function readSnapshot(
  { logs, blake3 }: { readonly logs: LogStore; readonly blake3: Blake3 },
  space: Pick<OpenSpace, 'open' | 'record'>,
  place: SnapshotPlace,
  { withPieces }: { readonly withPieces: boolean },
): Promise<SnapshotReading> {
  let found: { readonly asset: Uuid; readonly record: SnapshotRecord } | undefined;
  const pieces: Uint8Array[] = [];
  for await (const bytes of logs.operationsFrom(place.author, place.logId, place.seq)) {
    const operation = splitStored({ blake3 }, bytes);
    if (!found && !equalBytes(operation.id, place.operationId)) return { kind: 'gone' };
    const said = isPruned(operation) ? undefined : readSaid(space, operation);
    if (said === 'locked') return { kind: 'waits' };
    if (!said) return { kind: 'gone' };
    if (found) {
      if (said.schema !== SNAPSHOT_PIECE_SCHEMA || said.asset !== found.asset) return { kind: 'gone' };
      pieces.push(said.content);
    } else {
      const record = said.schema === SNAPSHOT_SCHEMA && orInvalid(() => decodeSnapshotRecord(said.content));
      if (!record) return { kind: 'gone' };
      found = { asset: said.asset, record };
    }
    if (!withPieces || pieces.length === place.pieces) return { kind: 'whole', ...found, pieces };
  }
  return { kind: 'waits' };
}

function readSaid(
  { open, record }: Pick<OpenSpace, 'open' | 'record'>,
  { header, body }: SignedOperation,
): Said | 'locked' | undefined {
  const { publicKey: author, seq, backlink, extensions } = header;
  if (!body || !extensions) return undefined;
  const opened = orInvalid(() => ({ plain: open({ author, logId: extensions.logId, seq, backlink }, body) }));
  if (!opened?.plain) return undefined;
  if ('locked' in opened.plain) return 'locked';
  const envelope = readEnvelope(opened.plain, record.space);
  if (envelope?.content.kind !== 'record') return undefined;
  return { schema: envelope.schema, asset: envelope.subject, content: envelope.content.bytes };
}
