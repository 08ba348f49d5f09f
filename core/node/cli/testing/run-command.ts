import type { CallOptions, Client } from '#core/api/index.ts';
import { commands } from '../commands.ts';
import { parseCommandLine } from '../parse-command-line.ts';

/** What an operation answers: a value, or what it does with a call. */
export type Answers = Readonly<Record<string, unknown>>;

type Answer = (input: unknown, options: CallOptions) => unknown;

export interface RunOptions {
  readonly answers?: Answers;
  /** Columns of the terminal; absent: the output goes to a file. */
  readonly width?: number;
  /** Milliseconds since the UNIX epoch. */
  readonly now?: number;
}

/** What a command did. */
export interface CommandRun {
  readonly lines: readonly string[];
  readonly text: string;
  /** Operations and their inputs, in order. */
  readonly calls: readonly (readonly [operation: string, input: unknown])[];
  /** What the command ended with, when it failed. */
  readonly error: unknown;
}

/** Runs a command line against operations that answer as told, and returns what came on standard output. */
export async function runCommand(words: readonly string[], options: RunOptions = {}): Promise<CommandRun> {
  const lines: string[] = [];
  const calls: [string, unknown][] = [];
  const client: Client = {
    async call(operation, input, callOptions = {}) {
      calls.push([operation, input]);
      const answer = options.answers?.[operation];
      if (answer === undefined) throw new Error(`Nothing was said about ${operation}.`);
      return typeof answer === 'function' ? (answer as Answer)(input, callOptions) : answer;
    },
    async [Symbol.asyncDispose]() {},
  };
  let error: unknown;
  try {
    const { command, ...parsed } = parseCommandLine(commands, words);
    await command!.run({
      ...parsed,
      home: '/home',
      json: parsed.options['json'] === true,
      terminal: {
        width: options.width,
        interactive: false,
        line: (text = '') => void lines.push(text),
        write: async () => undefined,
        errorLine: () => undefined,
        status: () => undefined,
      },
      report: () => undefined,
      now: () => options.now ?? 0,
      signal: new AbortController().signal,
      client: async () => client,
      onThreadLeftBehind: () => undefined,
    });
  } catch (thrown) {
    error = thrown;
  }
  return { lines, text: lines.join('\n'), calls, error };
}
