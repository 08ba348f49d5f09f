import { workerData } from 'node:worker_threads';
import type { DecodeAnswer, DecodeMessage, DecodeOrder, DecodeThreadData } from './decode-pool.ts';
import { writeRowGroupFile } from './decoded/row-group-file.ts';
import type { ScanColumn } from './scan-column.ts';
import { decodeTask } from './segment-reader.ts';
import { warmDecoder } from './warm-decoder.ts';
import { toWireError } from './wire-error.ts';

const { port, answered } = workerData as DecodeThreadData;

/** The same column in memory of its own, so that it can be handed over: the decoder may keep what it returns. */
function owned(column: ScanColumn): { column: ScanColumn; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const own = <T extends Uint8Array | Uint16Array | Int32Array>(view: T): T => {
    const copy = view.slice() as T;
    transfer.push(copy.buffer as ArrayBuffer);
    return copy;
  };
  const { values } = column;
  const validity = column.validity && own(column.validity);
  if (values.kind === 'fixed')
    return { column: { ...column, validity, values: { ...values, bytes: own(values.bytes) } }, transfer };
  const texts = { offsets: own(values.offsets), bytes: own(values.bytes) };
  const moved = values.kind === 'text' ? { ...values, ...texts } : { ...values, ...texts, codes: own(values.codes) };
  return { column: { ...column, validity, values: moved }, transfer };
}

const post = (message: DecodeMessage, transfer: ArrayBuffer[] = []): void => {
  port.postMessage(message, transfer);
  // The reader may sleep on this number, with its event loop standing still.
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
};

port.on('message', ({ id, task }: DecodeOrder) => {
  const start = performance.now();
  let answer: DecodeAnswer;
  let transfer: ArrayBuffer[] = [];
  try {
    if (task.kind === 'row group') {
      answer = { id, byteCount: writeRowGroupFile(task.rowGroup), milliseconds: performance.now() - start };
    } else {
      const result = owned(decodeTask(task.chunk));
      transfer = result.transfer;
      answer = { id, column: result.column, milliseconds: performance.now() - start };
    }
  } catch (error) {
    answer = { id, error: toWireError(error), milliseconds: performance.now() - start };
  }
  post(answer, transfer);
});

warmDecoder();
post('ready');
