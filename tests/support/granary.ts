import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../core/node/cli.ts', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../bin/granary.mjs', import.meta.url));

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LaunchOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command line that runs the rest of it somewhere else. */
  readonly prefix?: readonly string[];
}

export interface CommandOptions extends LaunchOptions {
  /** Bytes for standard input. */
  readonly input?: string | Uint8Array;
}

/** A folder of its own for one test, gone at the end of its scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'granary-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

function launch(
  words: readonly string[],
  home: string,
  { cwd, env, prefix = [] }: LaunchOptions,
  script = CLI,
): ChildProcess {
  const line = [...prefix, process.execPath, '--disable-warning=ExperimentalWarning', script, ...words];
  return spawn(line[0]!, line.slice(1), {
    env: { ...process.env, ...env, GRANARY_HOME: home, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Runs one command as a user would, in a process of its own. */
export function runGranary(
  home: string,
  words: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = launch(words, home, options);
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(options.input ?? '');
  return resultOf(child);
}

/** A command that is still running: to be watched, interrupted or killed. */
export function spawnGranary(
  home: string,
  words: readonly string[],
  options: LaunchOptions & { readonly byLauncher?: boolean } = {},
): { child: ChildProcess; result: Promise<CommandResult> } {
  const child = launch(words, home, options, options.byLauncher ? LAUNCHER : CLI);
  child.stdin!.on('error', () => undefined);
  return { child, result: resultOf(child) };
}

/** A node that serves its API on a free port until the scope ends. */
export async function startGranary(
  home: string,
  words: readonly string[] = [],
): Promise<AsyncDisposable & { readonly child: ChildProcess }> {
  const { child, result } = spawnGranary(home, ['start', '--port', '0', ...words]);
  const serving = new Promise<void>((resolve, reject) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('Serving http://')) resolve();
    });
    void result.then(({ stderr }) => reject(new Error(`The node ended before it served: ${stderr}`)), reject);
  });
  await serving;
  return {
    child,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT');
      await result;
    },
  };
}

function resultOf(child: ChildProcess): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.on('error', reject);
  child.on('close', (exitCode) => {
    resolve({ exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
  });
  return promise;
}
