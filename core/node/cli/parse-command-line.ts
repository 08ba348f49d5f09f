import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { GranaryError } from '#core/kernel/index.ts';
import type { Command, OptionValues } from './command.ts';

/** Options that every command takes. */
export const COMMON_OPTIONS: ParseArgsOptionsConfig = {
  home: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

export interface ParsedCommandLine {
  readonly command: Command | undefined;
  readonly positionals: readonly string[];
  readonly options: OptionValues;
}

/**
 * Finds the command, then its options and arguments. Without a command, `command` is undefined: show the overview.
 * Errors: `USAGE_INVALID`.
 */
export function parseCommandLine(commands: readonly Command[], words: readonly string[]): ParsedCommandLine {
  const command = findCommand(commands, words);
  if (!command) {
    const [first] = words;
    if (first !== undefined && !first.startsWith('-') && first !== 'help') {
      throw new GranaryError('USAGE_INVALID', describeUnknown(commands, words));
    }
    return { command: undefined, positionals: [], options: {} };
  }
  const args = words.slice(command.name.split(' ').length);
  const { values, positionals } = parse(command, args);
  const options = values as OptionValues;
  const [min, max] = command.positionals;
  if (options['help'] !== true && (positionals.length < min || positionals.length > max)) {
    throw new GranaryError('USAGE_INVALID', `usage: ${command.usage}`);
  }
  return { command, positionals, options };
}

/** Half a command, such as `space`, gets told what may follow. */
function describeUnknown(commands: readonly Command[], [first, second]: readonly string[]): string {
  const family = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => `"${name}"`);
  if (family.length === 0) return `There is no command "${first}".`;
  const typed = second === undefined || second.startsWith('-') ? first : `${first} ${second}`;
  return `There is no command "${typed}". Say one of ${family.join(', ')}.`;
}

function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const matches = commands.filter(({ name }) => name.split(' ').every((word, i) => words[i] === word));
  return matches.toSorted((left, right) => right.name.length - left.name.length)[0];
}

function parse(command: Command, args: string[]) {
  try {
    return parseArgs({
      args,
      options: { ...COMMON_OPTIONS, ...command.options },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    const message = (error as Error).message.split('. To specify')[0]!.replace(/\.?$/, '.');
    throw new GranaryError('USAGE_INVALID', `${message} usage: ${command.usage}`, {}, { cause: error });
  }
}

/** The overview that `granary help` prints. */
export function renderOverview(commands: readonly Command[]): string[] {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'usage: granary COMMAND …   (granary COMMAND --help for one command)',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Every command takes --home DIR (default: $GRANARY_HOME, else ~/.granary) and --json.',
  ];
}
