import { parentPort } from 'node:worker_threads';
import { asGranaryError } from '#core/kernel/index.ts';
import { releaseCodec } from '../av1/index.ts';
import { encodeRowGroup, type RowGroupOptions } from '../encode-row-group.ts';
import { installZstd } from '../zstd.ts';
import { batchFromMessage, type BatchMessage } from './batch-message.ts';
import { nodeZstd } from './node-zstd.ts';
import type { WorkerAnswer } from './worker-row-group-encoder.ts';

installZstd(nodeZstd);

/** Enough for a row group of the usual size. What a rare large one needed is given back: WASM memory does not shrink. */
const CODEC_KEPT_BYTES = 64 * 2 ** 20;

const port = parentPort;
if (!port) throw new Error('row-group.worker.ts runs as a worker thread only.');

port.on('message', (message: BatchMessage & RowGroupOptions) => {
  try {
    const { rowCount, chunks } = encodeRowGroup(batchFromMessage(message), { bounded: message.bounded });
    // Units may be views into one larger buffer, which must not travel with each of them.
    const own = chunks.map((chunk) => ({ ...chunk, unit: new Uint8Array(chunk.unit) }));
    const answer: WorkerAnswer = { rowGroup: { rowCount, chunks: own } };
    port.postMessage(
      answer,
      own.map((chunk) => chunk.unit.buffer),
    );
  } catch (error) {
    const { code, message: text, details } = asGranaryError(error);
    const answer: WorkerAnswer = { error: { code, message: text, details } };
    port.postMessage(answer);
  } finally {
    releaseCodec(CODEC_KEPT_BYTES);
  }
});
