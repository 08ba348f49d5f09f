import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What became of the inputs since the last report of a process. */
export interface FuzzReport {
  /** The first seed that was not tried yet. */
  next: number;
  /** How many inputs were accepted, and refused with each code. */
  verdicts: Record<string, number>;
  worstMilliseconds: number;
  worstBytes: number;
  faults: { seed: number; text: string }[];
}

export interface FuzzSummary extends Omit<FuzzReport, 'next'> {
  readonly inputs: number;
  readonly seconds: number;
  readonly inputsPerSecond: number;
}

/**
 * Inputs between two reports that take longer than this hang, when they do so twice; the slowest that are legal, of 2^20
 * rows, take a hundredth. Milliseconds.
 */
const HANG_MS = 30_000;

/** Seeds between two reports; when a process was lost, each is reported, to find the input. */
const REPORT_EVERY = 100;

const PROGRAM = fileURLToPath(new URL('./fuzz-process.ts', import.meta.url));

/**
 * Tries the inputs of the seeds from `from` on, in processes of their own: one that hangs or crashes is a fault of its
 * input, and is replaced. The same seeds are the same inputs as long as fuzzer and golden files are the same.
 */
export async function runFuzz(options: {
  readonly from: number;
  readonly count: number;
  readonly processCount: number;
}): Promise<FuzzSummary> {
  const { from, count, processCount } = options;
  const start = performance.now();
  const total: FuzzReport = { next: 0, verdicts: {}, worstMilliseconds: 0, worstBytes: 0, faults: [] };
  const share = Math.ceil(count / processCount);
  const ranges = Array.from({ length: processCount }, (_, i) => ({
    from: from + i * share,
    to: from + Math.min(count, (i + 1) * share),
  }));
  await Promise.all(ranges.map((range) => runRange(range.from, range.to, total)));
  const seconds = (performance.now() - start) / 1000;
  const { verdicts, worstMilliseconds, worstBytes, faults } = total;
  return { inputs: count, verdicts, worstMilliseconds, worstBytes, faults, seconds, inputsPerSecond: count / seconds };
}

async function runRange(from: number, to: number, total: FuzzReport): Promise<void> {
  let next = from;
  /** Since a process was lost, seeds up to here are tried and reported one by one. */
  let searchedUntil = next;
  while (next < to) {
    const searching = next < searchedUntil;
    const lost = await runProcess(next, searching ? searchedUntil : to, searching ? 1 : REPORT_EVERY, (report) => {
      next = report.next;
      for (const [verdict, times] of Object.entries(report.verdicts))
        total.verdicts[verdict] = (total.verdicts[verdict] ?? 0) + times;
      total.worstMilliseconds = Math.max(total.worstMilliseconds, report.worstMilliseconds);
      total.worstBytes = Math.max(total.worstBytes, report.worstBytes);
      total.faults.push(...report.faults);
    });
    if (lost === undefined) continue;
    if (searching) {
      total.faults.push({ seed: next, text: lost });
      next++;
    } else searchedUntil = Math.min(to, next + REPORT_EVERY);
  }
}

/** Resolves when the process is done, or with what happened to it. */
function runProcess(
  from: number,
  to: number,
  every: number,
  onReport: (report: FuzzReport) => void,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = fork(PROGRAM, [from, to, every].map(String), { execArgv: ['--disable-warning=ExperimentalWarning'] });
    let done = false;
    let hung = false;
    const kill = () => {
      hung = true;
      child.kill('SIGKILL');
    };
    let watchdog = setTimeout(kill, HANG_MS);
    child.on('message', (report: FuzzReport) => {
      clearTimeout(watchdog);
      watchdog = setTimeout(kill, HANG_MS);
      done = report.next === to;
      onReport(report);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(watchdog);
      if (done) resolve(undefined);
      else resolve(hung ? `no end within ${HANG_MS} ms` : `the process ended with ${signal ?? code}`);
    });
  });
}
