import type { ParseArgsOptionsConfig } from 'node:util';
import type { Client } from '#core/api/index.ts';
import type { ReportProgress } from '#core/kernel/index.ts';
import type { Terminal } from './terminal.ts';

/** Option values as `parseArgs` gives them. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** What a command is given to do its work. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
  /** Absolute path of the home. */
  readonly home: string;
  /** Print one JSON document instead of text. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Draws progress on standard error. */
  readonly report: ReportProgress;
  /** Milliseconds since the UNIX epoch. */
  readonly now: () => number;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Opens the home, or connects to the node that holds it; opened once, closed by the caller of the command. */
  client(): Promise<Client>;
  /** To be handed to a node that the command opens itself. */
  readonly onThreadLeftBehind: () => void;
}

/** One command of the command line. */
export interface Command {
  /** The words that select it: `assets show`. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly options: ParseArgsOptionsConfig;
  /** How many positional arguments it takes, both inclusive. */
  readonly positionals: readonly [min: number, max: number];
  run(invocation: Invocation): Promise<void>;
}
