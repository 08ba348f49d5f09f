/** The thread that opens, judges and folds operations for the node. */
import { parentPort } from 'node:worker_threads';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { answerFolds } from '#sync/spaces/adapters/answer-folds.ts';

if (!parentPort) throw new Error('fold.worker.ts runs as a worker thread only.');

answerFolds(parentPort, {
  blake3: await createWasmBlake3(),
  ed25519: createNodeEd25519(),
  cipher: nodeOneTimeCipher,
  openDocument: openYjsDocument,
});
