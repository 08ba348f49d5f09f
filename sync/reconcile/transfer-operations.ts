import { GranaryError } from '#core/kernel/index.ts';
import { REFUSED_OPERATIONS_MAX, STORED_BATCH_OPERATIONS_MAX, SYNC_WINDOW_BYTES_MAX } from './limits.ts';
import type { LogTip } from './log-tip.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { LogRange } from './plan-exchange.ts';
import type { AppendOutcome, OperationStore } from './ports.ts';
import { addMissing, type Amount, type ProgressMeter } from './progress.ts';
import { type MissingReason, refuse } from './refusal.ts';
import type { SpaceView } from './space-view.ts';
import type { TipTree } from './tip-tree.ts';

/** Frames of operations are sent at this size; one operation more may make one larger. */
const FRAME_BYTES = 256 * 1024;

/** The items of a range in order; fewer when the log was cut meanwhile. */
async function* itemsOf(store: OperationStore, range: LogRange): AsyncIterable<Uint8Array> {
  let rest = range.itemCount - (range.withProof ? 1 : 0);
  if (rest > 0) {
    for await (const bytes of store.operationsFrom(range.author, range.logId, range.itemStart)) {
      yield bytes;
      rest -= 1;
      if (rest === 0) break;
    }
  }
  if (!range.withProof) return;
  const proof = await store.forkProof(range.author, range.logId);
  if (proof) yield proof;
}

async function byteCountOf(store: OperationStore, range: LogRange): Promise<number> {
  const { author, logId, itemStart, withProof } = range;
  const operationCount = range.itemCount - (withProof ? 1 : 0);
  const byteCount =
    operationCount > 0 ? await store.byteCount(author, logId, itemStart, itemStart + operationCount - 1) : 0;
  return byteCount + (withProof ? ((await store.forkProof(author, logId))?.length ?? 0) : 0);
}

/** How many operations and proofs the ranges hold and how many bytes these have. */
export async function measureRanges(store: OperationStore, ranges: readonly LogRange[]): Promise<Amount> {
  let operationCount = 0;
  let byteCount = 0;
  for (const range of ranges) {
    operationCount += range.itemCount;
    byteCount += await byteCountOf(store, range);
  }
  return { operationCount, byteCount };
}

/**
 * Sends the items of the ranges, log after log in the order of seq: exactly what was announced. Errors:
 * `SYNC_INTERRUPTED` when a log that was announced has been cut since, because a signature did not hold or it forked.
 */
export async function sendOperations(
  connection: PeerConnection,
  store: OperationStore,
  ranges: readonly LogRange[],
  announced: Amount,
): Promise<void> {
  let operations: Uint8Array[] = [];
  let byteCount = 0;
  let rest = announced;
  const send = async () => {
    rest = { operationCount: rest.operationCount - operations.length, byteCount: rest.byteCount - byteCount };
    if (rest.byteCount < 0) throw changedMeanwhile();
    await connection.sendOperations(operations, byteCount);
    operations = [];
    byteCount = 0;
  };
  for (const range of ranges) {
    let itemCount = 0;
    for await (const bytes of itemsOf(store, range)) {
      itemCount += 1;
      operations.push(bytes);
      byteCount += bytes.length;
      if (byteCount >= FRAME_BYTES) await send();
    }
    if (itemCount !== range.itemCount) throw changedMeanwhile();
  }
  if (byteCount !== rest.byteCount) throw changedMeanwhile();
  if (operations.length > 0) await send();
}

const changedMeanwhile = () =>
  new GranaryError('SYNC_INTERRUPTED', 'A log ended earlier than before while it was being sent. Sync again.');

/** What a round has received so far. */
export interface Receipts {
  storedCount: number;
  readonly missing: Map<MissingReason, number>;
  /** Operations that no honest node sends. */
  garbageCount: number;
  /** The last operation lies behind a fork; its node may not know of it. */
  isBehindFork: boolean;
}

export const newReceipts = (): Receipts => ({
  storedCount: 0,
  missing: new Map(),
  garbageCount: 0,
  isBehindFork: false,
});

export interface ReceiveDeps {
  readonly connection: PeerConnection;
  readonly view: SpaceView;
  /** What the session knows to be here; grows with what is received. */
  readonly tree: TipTree;
  readonly meter: ProgressMeter;
  /** Hears of each log in which an operation contradicts what is here. */
  readonly onFork: (tip: LogTip) => void;
}

/**
 * Receives exactly what was announced and stores it, a frame at a time. Every half window of bytes is acknowledged once
 * it is stored; the end of a round acknowledges the rest.
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
    await storeOperations(deps, operations, receipts);
    meter.finish({ operationCount: operations.length, byteCount });
    if (owed.byteCount >= SYNC_WINDOW_BYTES_MAX / 2) {
      await connection.send('stored', owed);
      owed = { operationCount: 0, byteCount: 0 };
    }
  }
  if (rest.byteCount > 0) throw refuse('operations-unannounced', 'fewer bytes came than were announced');
}

async function storeOperations(deps: ReceiveDeps, frame: readonly Uint8Array[], receipts: Receipts): Promise<void> {
  for (let start = 0; start < frame.length; start += STORED_BATCH_OPERATIONS_MAX) {
    const batch = frame.slice(start, start + STORED_BATCH_OPERATIONS_MAX);
    // A frame is one piece of memory; a store that keeps a part of it must not keep all of it.
    const outcomes = await deps.view.append(batch.map((bytes) => bytes.slice()));
    for (const outcome of outcomes) noteOutcome(deps, outcome, receipts);
    if (receipts.garbageCount > REFUSED_OPERATIONS_MAX) {
      throw refuse('too-many-refused-operations', `${receipts.garbageCount} of its operations could not be stored`);
    }
  }
}

function noteOutcome({ tree, onFork }: ReceiveDeps, result: AppendOutcome, receipts: Receipts): void {
  if (result.outcome !== 'refused') tree.advance(result.tip);
  switch (result.outcome) {
    case 'stored':
      receipts.storedCount += 1;
      break;
    case 'fork':
      onFork(result.tip);
      addMissing(receipts.missing, 'fork', 1);
      break;
    case 'refused': {
      // Who sends one branch of a fork and does not know the other sends what follows on it too.
      const follows = receipts.isBehindFork && (result.reason === 'gap' || result.reason === 'fork');
      addMissing(receipts.missing, follows ? 'fork' : result.reason, 1);
      if (!follows) receipts.garbageCount += 1;
      receipts.isBehindFork = follows;
      return;
    }
  }
  receipts.isBehindFork = result.outcome === 'fork';
}
