import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One line of the report. */
export interface Measurement {
  readonly what: string;
  readonly measured: string;
  readonly target: string;
  /** Undefined for a figure that is reported without a target. */
  readonly met: boolean | undefined;
}

/** One group of measurements; `run` checks its answers and throws when one is wrong. */
export interface Benchmark {
  readonly name: string;
  run(): Promise<readonly Measurement[]>;
}

export interface ProcessFigures {
  readonly stdout: string;
  readonly milliseconds: number;
  /** Peak resident set of the whole process, bytes. */
  readonly peakBytes: number;
}

const MEASURED_CLI = fileURLToPath(new URL('./measured-cli.ts', import.meta.url));

/** Runs the command line in a process of its own and measures that process. */
export async function measureCommand(home: string, words: readonly string[]): Promise<ProcessFigures> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MEASURED_CLI, ...words], {
    env: { ...process.env, GRANARY_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const texts = [1, 2, 3].map(async (fd) => {
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdio[fd] as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  });
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const [stdout, stderr, figures] = await Promise.all(texts);
  if ((await exitCode) !== 0) throw new Error(`granary ${words.join(' ')} failed: ${stderr}`);
  return { stdout: stdout!, milliseconds: performance.now() - start, peakBytes: Number(figures) };
}

/** The middle one of an odd number of runs. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]!;
}

export const mebibytes = (byteCount: number): string => `${(byteCount / 2 ** 20).toFixed(0)} MiB`;
export const ratio = (value: number): string => `${value.toFixed(2)} ×`;
export const perSecond = (count: number, milliseconds: number): string =>
  `${Math.round((count / milliseconds) * 1000).toLocaleString('en-US')}/s`;

/** A measurement with an upper bound. */
export const atMost = (what: string, value: number, bound: number, show: (value: number) => string): Measurement => ({
  what,
  measured: show(value),
  target: `≤ ${show(bound)}`,
  met: value <= bound,
});

/** A measurement with a lower bound. */
export const atLeast = (what: string, value: number, bound: number, show: (value: number) => string): Measurement => ({
  what,
  measured: show(value),
  target: `≥ ${show(bound)}`,
  met: value >= bound,
});

export const reported = (what: string, measured: string): Measurement => ({
  what,
  measured,
  target: '',
  met: undefined,
});
