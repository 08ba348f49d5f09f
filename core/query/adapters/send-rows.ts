import type { RecordBatch } from 'apache-arrow';
import { concatBytes, raceAbort } from '#core/kernel/index.ts';
import { createIpcEncoder } from '../ipc-stream.ts';
import { BATCHES_IN_FLIGHT_MAX } from './query-messages.ts';
import type { WorkChannel } from './work-channel.ts';

/** Sends rows to a piece of work, never more than a few batches ahead of it. `number` is that of the asset. */
export async function sendRows(
  channel: WorkChannel,
  number: number,
  batches: AsyncIterable<RecordBatch>,
): Promise<void> {
  let inFlight = 0;
  const stored = async () => {
    await channel.expect('stored');
    inFlight -= 1;
  };
  const rows = batches[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      // A store that does not heed the signal must not hold up who cancelled.
      const { done, value: batch } = await raceAbort(rows.next(), channel.signal);
      if (done) break;
      if (batch.numRows === 0) continue;
      if (inFlight >= BATCHES_IN_FLIGHT_MAX) await stored();
      const encoder = createIpcEncoder(batch.schema);
      const bytes = concatBytes([encoder.start(), encoder.batch(batch)]);
      channel.send({ kind: 'rows', asset: number, bytes }, [bytes.buffer]);
      inFlight += 1;
    }
    isDone = true;
  } finally {
    if (!isDone) rows.return?.().catch(() => undefined);
  }
  channel.send({ kind: 'rows end', asset: number });
  while (inFlight > 0) await stored();
}
