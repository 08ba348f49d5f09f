/** The thread that holds PGlite: takes one request at a time and answers it. */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { asGranaryError } from '#core/kernel/index.ts';
import { SESSION_SETTINGS } from '../sql-session.ts';
import { SQL_PARSERS } from '../sql-values.ts';
import { copyOutOf } from './copy-out-of.ts';
import type { PgliteChunk, PgliteReply, PgliteRequest, PgliteStart } from './messages.ts';
import { copyInFrames, scriptFrames, statementFrames } from './wire-frames.ts';

/**
 * Small buffers: the tables are small and the operating system caches their files as well. Write-ahead log is cut early,
 * as nothing here needs more of it than a restart does.
 */
const ENGINE_SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '8MB',
  maintenance_work_mem: '16MB',
  temp_buffers: '1MB',
  max_wal_size: '64MB',
  ...SESSION_SETTINGS,
};

const port = parentPort!;
const send = (message: PgliteReply | PgliteChunk) =>
  port.postMessage(message, message.kind === 'chunk' ? [message.bytes.buffer as ArrayBuffer] : []);

const start = workerData as PgliteStart;

try {
  const engine = await openEngine('directory' in start ? start.directory : 'memory://');
  port.on('message', async (request: PgliteRequest) => {
    try {
      const reply = await answer(engine, request);
      send(reply);
      if (request.kind === 'close') port.close();
    } catch (error) {
      send({ kind: 'broken', message: error instanceof Error ? error.message : String(error) });
    }
  });
  send({ kind: 'done', rows: [], command: '' });
} catch (error) {
  send({ kind: 'broken', message: error instanceof Error ? error.message : String(error) });
}

async function openEngine(dataDir: string): Promise<PGlite> {
  // The engine's log lines must not reach the standard output of a command.
  const keep = () => true;
  const settings = Object.entries(ENGINE_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return PGlite.create({
    dataDir,
    startParams: [...PGlite.defaultStartParams, ...settings],
    onStdout: keep,
    onStderr: keep,
  });
}

async function answer(engine: PGlite, request: PgliteRequest): Promise<PgliteReply> {
  switch (request.kind) {
    case 'query':
      return converse(engine, statementFrames(request.text, request.parameters));
    case 'exec':
      return converse(engine, scriptFrames(request.script));
    case 'copyIn':
      return converse(engine, copyInFrames(request.statement, request.data));
    case 'copyOut':
      try {
        return await copyOutOf(engine, request, (bytes) => send({ kind: 'chunk', bytes }));
      } catch (error) {
        const { code, message } = asGranaryError(error);
        return { kind: 'failed', code, message };
      }
    case 'close':
      await engine.close();
      return { kind: 'done', rows: [], command: '' };
  }
}

type BackendMessage = Awaited<ReturnType<PGlite['execProtocol']>>['messages'][number];
type Message = BackendMessage & {
  readonly fields?: unknown;
  readonly text?: string;
  readonly message?: string;
  readonly code?: string;
};

async function converse(engine: PGlite, frames: Uint8Array): Promise<PgliteReply> {
  const { messages } = await engine.execProtocol(frames, { throwOnError: false });
  let columns: { name: string; parse: ((text: string) => unknown) | undefined }[] = [];
  let rows: Record<string, unknown>[] = [];
  let command = '';
  for (const message of messages as readonly Message[]) {
    if (message.name === 'error') {
      return {
        kind: 'refused',
        error: { message: message.message ?? 'unknown error', sqlState: message.code ?? 'XX000' },
      };
    }
    if (message.name === 'rowDescription') {
      rows = [];
      columns = (message.fields as { name: string; dataTypeID: number }[]).map(({ name, dataTypeID }) => ({
        name,
        parse: SQL_PARSERS[dataTypeID],
      }));
    } else if (message.name === 'dataRow') {
      const values = message.fields as (string | null)[];
      rows.push(
        Object.fromEntries(
          columns.map(({ name, parse }, i) => {
            const text = values[i]!;
            return [name, text === null || !parse ? text : parse(text)];
          }),
        ),
      );
    } else if (message.name === 'commandComplete') {
      command = message.text ?? '';
    }
  }
  return { kind: 'done', rows, command };
}
