import { availableParallelism } from 'node:os';
import { runFuzz } from '#tests/fuzz/run-fuzz.ts';
import { atLeast, atMost, type Benchmark, mebibytes, reported } from './measure.ts';

/** Seeds of the inputs: the tests' own lie far above. */
const FROM = 0;
const INPUTS = 1_000_000;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** A million hostile files: none crashes, hangs, takes more than its limit, or is refused by anything but a typed error. */
export const fuzzBenchmark: Benchmark = {
  name: 'fuzz',
  async run() {
    const summary = await runFuzz({ from: FROM, count: INPUTS, processCount: availableParallelism() });
    for (const { seed, text } of summary.faults.slice(0, 20)) console.error(`seed ${seed}: ${text}`);
    const { accepted = 0, ...refused } = summary.verdicts;
    return [
      atLeast('inputs', summary.inputs, 1_000_000, whole),
      atMost('crashes, hangs, untyped errors, wrong values, too much memory', summary.faults.length, 0, whole),
      reported('accepted', whole(accepted)),
      ...Object.entries(refused)
        .toSorted(([, left], [, right]) => right - left)
        .map(([code, times]) => reported(`refused with ${code}`, whole(times))),
      reported('slowest input', `${summary.worstMilliseconds.toFixed(0)} ms`),
      reported('most memory for one input', mebibytes(summary.worstBytes)),
      reported('inputs a second', whole(summary.inputsPerSecond)),
    ];
  },
};
