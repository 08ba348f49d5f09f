import type { RecordBatch } from 'apache-arrow';
import type { ReadOptions } from './ports.ts';
import { rowError, toQuarantinedRow, type RowFault } from './row-fault.ts';

/** Where a format's reader puts finished batches and bad rows while it works through one step of bytes. */
export interface RowOutput {
  batch(batch: RecordBatch | undefined): void;
  fault(fault: RowFault): void;
}

/**
 * Runs `step` over every chunk and `end` after the last, and yields the batches they put out. A bad row stops the reading with
 * its error, or is handed to the quarantine before the next step begins.
 */
export async function* rowBatches(
  source: string,
  options: Pick<ReadOptions, 'onError' | 'quarantine'>,
  chunks: AsyncIterable<Uint8Array>,
  start: (output: RowOutput) => { step(chunk: Uint8Array): void; end(): void },
): AsyncGenerator<RecordBatch> {
  let batches: RecordBatch[] = [];
  let faults: RowFault[] = [];
  const { step, end } = start({
    batch(batch) {
      if (batch) batches.push(batch);
    },
    fault(fault) {
      if (options.onError === 'stop') throw rowError(source, fault);
      faults.push(fault);
    },
  });
  const drain = async function* () {
    for (const fault of faults) await options.quarantine(toQuarantinedRow(source, fault));
    yield* batches;
    faults = [];
    batches = [];
  };
  for await (const chunk of chunks) {
    step(chunk);
    if (faults.length > 0 || batches.length > 0) yield* drain();
  }
  end();
  yield* drain();
}
