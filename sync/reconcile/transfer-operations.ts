import { GranaryError } from '#core/kernel/index.ts';
import { REFUSED_OPERATIONS_MAX, SYNC_WINDOW_BYTES_MAX } from './limits.ts';
import type { PeerConnection } from './peer-connection.ts';
import { countOf, type LogRange } from './plan-exchange.ts';
import type { OperationStore } from './ports.ts';
import { addMissing, type Amount, type ProgressMeter } from './progress.ts';
import { type MissingReason, refuse } from './refusal.ts';
import type { SpaceView } from './space-view.ts';
import type { TipTree } from './tip-tree.ts';

/** Frames of operations are sent at this size; one operation more may make one larger. */
const FRAME_BYTES = 256 * 1024;

/** How many operations the ranges hold and how many bytes these have. */
export async function measureRanges(store: OperationStore, ranges: readonly LogRange[]): Promise<Amount> {
  let operationCount = 0;
  let byteCount = 0;
  for (const range of ranges) {
    operationCount += countOf(range);
    byteCount += await store.byteCount(range.author, range.logId, range.seqStart, range.seqEnd);
  }
  return { operationCount, byteCount };
}

/** Sends the operations of the ranges, log after log in the order of seq. */
export async function sendOperations(
  connection: PeerConnection,
  store: OperationStore,
  ranges: readonly LogRange[],
): Promise<void> {
  let operations: Uint8Array[] = [];
  let byteCount = 0;
  for (const range of ranges) {
    let rest = countOf(range);
    for await (const bytes of store.operationsFrom(range.author, range.logId, range.seqStart)) {
      operations.push(bytes);
      byteCount += bytes.length;
      if (byteCount >= FRAME_BYTES) {
        await connection.sendOperations(operations, byteCount);
        operations = [];
        byteCount = 0;
      }
      rest -= 1;
      if (rest === 0) break;
    }
    if (rest > 0) {
      throw new GranaryError('STORE_DAMAGED', `The store lacks ${rest} operations of a log whose tip it has.`);
    }
  }
  if (operations.length > 0) await connection.sendOperations(operations, byteCount);
}

/** What a session has received so far. */
export interface Receipts {
  storedCount: number;
  readonly missing: Map<MissingReason, number>;
}

export interface ReceiveDeps {
  readonly connection: PeerConnection;
  readonly view: SpaceView;
  /** What the session knows to be here; grows with what is received. */
  readonly tree: TipTree;
  readonly meter: ProgressMeter;
}

/**
 * Receives exactly what was announced and stores it. Every half window of bytes is acknowledged once it is stored; the
 * end of a round acknowledges the rest.
 */
export async function receiveOperations(deps: ReceiveDeps, announced: Amount, receipts: Receipts): Promise<void> {
  const { connection, meter } = deps;
  let rest = announced;
  let owed: Amount = { operationCount: 0, byteCount: 0 };
  while (rest.operationCount > 0) {
    const { operations } = (await connection.receive('operations')).body;
    const byteCount = operations.reduce((sum, { length }) => sum + length, 0);
    if (operations.length > rest.operationCount || byteCount > rest.byteCount) {
      throw refuse('operations-unannounced', 'more operations came than were announced');
    }
    rest = { operationCount: rest.operationCount - operations.length, byteCount: rest.byteCount - byteCount };
    owed = { operationCount: owed.operationCount + operations.length, byteCount: owed.byteCount + byteCount };
    for (const bytes of operations) await storeOperation(deps, bytes, receipts);
    meter.finish({ operationCount: operations.length, byteCount });
    if (owed.byteCount >= SYNC_WINDOW_BYTES_MAX / 2) {
      await connection.send('stored', owed);
      owed = { operationCount: 0, byteCount: 0 };
    }
  }
  if (rest.byteCount > 0) throw refuse('operations-unannounced', 'fewer bytes came than were announced');
}

async function storeOperation({ view, tree }: ReceiveDeps, bytes: Uint8Array, receipts: Receipts): Promise<void> {
  // A frame is one piece of memory; a store that keeps a part of it must not keep all of it.
  const result = await view.append(bytes.slice());
  switch (result.outcome) {
    case 'stored':
      receipts.storedCount += 1;
      tree.advance(result.operation);
      return;
    case 'known':
      tree.advance(result.operation);
      return;
    case 'fork':
      tree.set(result.tip);
      addMissing(receipts.missing, 'fork', 1);
      break;
    case 'refused':
      addMissing(receipts.missing, result.reason, 1);
      break;
  }
  let refused = 0;
  for (const count of receipts.missing.values()) refused += count;
  if (refused > REFUSED_OPERATIONS_MAX) {
    throw refuse('too-many-refused-operations', `${refused} of its operations could not be stored`);
  }
}
