import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { asGranaryError, GranaryError } from '#core/kernel/index.ts';
import type { Client } from '#core/api/index.ts';
import { commands } from './cli/commands.ts';
import type { OptionValues } from './cli/command.ts';
import { openClient } from './cli/open-client.ts';
import { textOption } from './cli/options.ts';
import { parseCommandLine, renderOverview } from './cli/parse-command-line.ts';
import { createProgressBar } from './cli/progress-bar.ts';
import { printable } from './cli/render-rows.ts';
import { createTerminal, type Terminal } from './cli/terminal.ts';

/** Runs one command line. Returns the exit code: 0, 1 for an error, 2 for wrong usage. */
async function main(words: readonly string[], terminal: Terminal, onThreadLeftBehind: () => void): Promise<0 | 1 | 2> {
  try {
    const { command, positionals, options } = parseCommandLine(commands, words);
    if (!command || options['help'] === true) {
      const lines = command ? [`usage: ${command.usage}`, '', command.summary] : renderOverview(commands);
      for (const line of lines) terminal.line(line);
      return 0;
    }
    const home = homeOf(options);
    const signal = abortOnInterrupt();
    let opened: Promise<Client> | undefined;
    try {
      await command.run({
        positionals,
        options,
        home,
        json: options['json'] === true,
        terminal,
        signal,
        now: () => Date.now(),
        report: createProgressBar(terminal, () => performance.now()),
        client: () => (opened ??= openClient({ home, command: `granary ${command.name}`, onThreadLeftBehind })),
        onThreadLeftBehind,
      });
    } finally {
      const client = await opened?.catch(() => undefined);
      await client?.[Symbol.asyncDispose]();
    }
    return 0;
  } catch (thrown) {
    const error = asGranaryError(thrown);
    terminal.errorLine(`error: ${error.code} ${error.message.split('\n').map(printable).join('\n')}`);
    return error.code === 'USAGE_INVALID' ? 2 : 1;
  }
}

function homeOf(options: OptionValues): string {
  return resolve(textOption(options, 'home') ?? process.env['GRANARY_HOME'] ?? join(homedir(), '.granary'));
}

/** One Ctrl-C may arrive twice, from the terminal and from the launcher. Milliseconds. */
const SAME_INTERRUPT_MS = 500;

/** Fires at the first Ctrl-C; at the second the process ends at once. */
function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  let firstAt = Infinity;
  const interrupt = () => {
    if (performance.now() - firstAt > SAME_INTERRUPT_MS) process.exit(130);
    if (controller.signal.aborted) return;
    firstAt = performance.now();
    controller.abort(new GranaryError('CANCELLED', 'Stopped by the user.'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}

/**
 * Ends the process although a thread is within a call that nothing can stop: Node would wait for it, and then fail. The
 * launcher is told the exit code first, since there is no ending of one's own that skips the wait and has one.
 */
async function endAtOnce(exitCode: number): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  if (process.send) await new Promise((resolve) => process.send!({ exitCode }, resolve));
  process.kill(process.pid, 'SIGKILL');
}

const terminal = createTerminal(process.stdout, process.stderr);
let isThreadLeftBehind = false;
process.exitCode = await main(process.argv.slice(2), terminal, () => {
  isThreadLeftBehind = true;
});
if (isThreadLeftBehind) await endAtOnce(process.exitCode);
