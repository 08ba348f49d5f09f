import { Worker } from 'node:worker_threads';

/**
 * JavaScript heap of the thread that folds operations, MiB: a batch of them with some replicas takes a tenth of it. What
 * takes more ends the thread and not the node.
 */
export const FOLD_HEAP_MEBIBYTES_MAX = 1024;

/** Room for what is made and forgotten at once, MiB: most of what folding makes is, and the default is swept too often. */
const YOUNG_MEBIBYTES = 32;

const WORKER_URL = new URL('./fold.worker.ts', import.meta.url);

export const startFoldWorker = (): Worker =>
  new Worker(WORKER_URL, {
    name: 'granary-fold',
    resourceLimits: { maxOldGenerationSizeMb: FOLD_HEAP_MEBIBYTES_MAX, maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
  });
