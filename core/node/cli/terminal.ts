import { writeChunk } from '#core/api/adapters/write-chunk.ts';
import { GranaryError } from '#core/kernel/index.ts';

/** Standard output and error as commands use them. */
export interface Terminal {
  /** Columns of the window; undefined when standard output is not a terminal. */
  readonly width: number | undefined;
  readonly interactive: boolean;
  line(text?: string): void;
  /** Writes bytes to standard output and resolves when more may come. */
  write(chunk: Uint8Array): Promise<void>;
  /** A line on standard error. */
  errorLine(text: string): void;
  /** Rewrites the last line of standard error; `''` clears it. Does nothing when that is not a terminal. */
  status(text: string): void;
}

export function createTerminal(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Terminal {
  let statusShown = false;
  let closed = false;
  // `granary query … | head` closes the pipe early; that is no error of ours, but nobody wants the rest.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
  });
  const status = (text: string) => {
    if (!stderr.isTTY || (text === '' && !statusShown)) return;
    stderr.write(`\r\u001B[K${text.slice(0, Math.max(0, stderr.columns - 1))}`);
    statusShown = text !== '';
  };
  return {
    width: stdout.isTTY ? stdout.columns : undefined,
    interactive: stderr.isTTY,
    line(text = '') {
      status('');
      stdout.write(`${text}\n`);
    },
    async write(chunk) {
      status('');
      if (closed) throw new GranaryError('CANCELLED', 'Nobody reads the output any more.');
      await writeChunk(stdout, chunk);
    },
    errorLine(text) {
      status('');
      stderr.write(`${text}\n`);
    },
    status,
  };
}
