import { join } from 'node:path';
import { temporaryFolder } from './data.ts';
import { createReplicas, measureStart, type StartFigures } from './many-assets.ts';
import { atMost, type Benchmark, median, mebibytes, reported } from './measure.ts';

const ASSETS = 100_000;
const RUNS = 3;
const START_MS_MAX = 2000;
const HEAP_BYTES_MAX = 150e6;

const milliseconds = (value: number) => `${value.toFixed(0)} ms`;

/** A node all of whose 100,000 assets came from a space, from the start of its process to its first answer. */
export const syncAssetsBenchmark: Benchmark = {
  name: 'sync-assets',
  async run() {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'home');
    await createReplicas(folder.path, home, ASSETS);
    const starts: StartFigures[] = [];
    for (let i = 0; i < RUNS; i++) starts.push(await measureStart(home, ASSETS));
    const over = (figure: (start: StartFigures) => number) => median(starts.map(figure));
    return [
      atMost(
        'start with 100,000 replicated assets',
        over((start) => start.milliseconds),
        START_MS_MAX,
        milliseconds,
      ),
      reported('… processor time', milliseconds(over((start) => start.processorMs))),
      atMost(
        '… heap after the first answer',
        over((start) => start.heapBytes),
        HEAP_BYTES_MAX,
        mebibytes,
      ),
    ];
  },
};
