// Tries the inputs of a range of seeds and sends what became of them: `node fuzz-process.ts FROM TO EVERY`.
import { FuzzFault, tryInput } from './try-input.ts';
import type { FuzzReport } from './run-fuzz.ts';

const [from, to, every] = process.argv.slice(2).map(Number) as [number, number, number];

let report: FuzzReport = { next: from, verdicts: {}, worstMilliseconds: 0, worstBytes: 0, faults: [] };
for (let seed = from; seed < to; seed++) {
  try {
    const { verdicts, milliseconds, bytes } = await tryInput(seed);
    for (const verdict of verdicts) report.verdicts[verdict] = (report.verdicts[verdict] ?? 0) + 1;
    report.worstMilliseconds = Math.max(report.worstMilliseconds, milliseconds);
    report.worstBytes = Math.max(report.worstBytes, bytes);
  } catch (error) {
    const text = error instanceof FuzzFault ? error.message : `the fuzzer itself failed: ${(error as Error).stack}`;
    report.faults.push({ seed, text });
  }
  report.next = seed + 1;
  if (report.next === to || report.next % every === 0) {
    process.send!(report);
    report = { next: report.next, verdicts: {}, worstMilliseconds: 0, worstBytes: 0, faults: [] };
  }
}
process.disconnect();
