import { Worker } from 'node:worker_threads';
import { GranaryError } from '#core/kernel/index.ts';
import { sqlError } from '../sql-error.ts';
import type { PgliteChunk, PgliteReply, PgliteRequest, PgliteStart } from './messages.ts';

type Answer = Extract<PgliteReply, { kind: 'done' | 'copied' }>;

/** The thread of one engine. Calls must not overlap: the caller sees to that. */
export interface PgliteThread {
  /** Errors: `QUERY_FAILED`, `DISK_FULL`, `IO_FAILED`; `CATALOG_UNREACHABLE` when the thread is gone. */
  call(request: PgliteRequest, onChunk?: (bytes: Uint8Array) => void): Promise<Answer>;
  /** Ends the thread at once; a call under way fails. */
  terminate(): Promise<void>;
}

/**
 * Starts the thread and waits until its engine answers, at most `openMsMax` milliseconds.
 * Errors: `CATALOG_UNREACHABLE` with `advice` when the engine does not come up.
 */
export async function startPgliteThread(
  start: PgliteStart,
  { name, advice, openMsMax }: { name: string; advice: string; openMsMax: number },
): Promise<PgliteThread> {
  const worker = new Worker(new URL('pglite-worker.ts', import.meta.url), {
    workerData: start,
    name: 'granary-pglite',
    // A spilled result is handed over as a descriptor and closed by its reader.
    trackUnmanagedFds: false,
  });
  const gone = (cause: string) =>
    new GranaryError('CATALOG_UNREACHABLE', `The database ${name} has stopped: ${cause}. ${advice}`, {
      database: name,
    });
  let death: GranaryError | undefined;
  let pending = Promise.withResolvers<Answer>();
  let onChunk: ((bytes: Uint8Array) => void) | undefined;

  const die = (cause: string) => {
    death ??= gone(cause);
    pending.reject(death);
    void worker.terminate();
  };
  worker.on('message', (message: PgliteReply | PgliteChunk) => {
    if (message.kind === 'chunk') onChunk?.(message.bytes);
    else if (message.kind === 'broken') die(message.message);
    else if (message.kind === 'refused') pending.reject(sqlError(message.error));
    else if (message.kind === 'failed') pending.reject(new GranaryError(message.code, message.message));
    else pending.resolve(message);
  });
  worker.on('error', (error) => die(error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => die('its thread ended'));

  const timer = setTimeout(() => die(`it did not open within ${openMsMax} ms`), openMsMax);
  try {
    await pending.promise;
  } finally {
    clearTimeout(timer);
  }

  return {
    async call(request, chunkListener) {
      if (death) throw death;
      pending = Promise.withResolvers();
      onChunk = chunkListener;
      worker.postMessage(request);
      return pending.promise;
    },
    async terminate() {
      death ??= new GranaryError('CATALOG_UNREACHABLE', `The database ${name} was closed.`, { database: name });
      pending.reject(death);
      await worker.terminate();
    },
  };
}
