import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  asGranaryError,
  type Caller,
  GranaryError,
  type InputFile,
  type OperationContext,
  toUtf8,
} from '#core/kernel/index.ts';
import { noFiles } from '../client.ts';
import { dispatch } from '../dispatch.ts';
import {
  decodeFrames,
  encodeByteFrames,
  encodeJsonFrame,
  FRAME,
  type Frame,
  FRAMES_CONTENT_TYPE,
  parseJsonPayload,
} from '../frames.ts';
import { HTTP_STATUS } from '../http-status.ts';
import type { Registry } from '../registry.ts';
import { writeChunk } from './write-chunk.ts';

/** A JSON body is parsed whole; longer input belongs in a file that comes with the call. */
export const JSON_BODY_BYTES_MAX = 1 << 20;

/** One person and their programs use a node; more connections than this are a mistake or an attack. */
export const HTTP_CONNECTIONS_MAX = 64;

/** Progress is for people: more often than this only costs time. Milliseconds between two lines of one stage. */
export const PROGRESS_INTERVAL_MS_MIN = 50;

export interface HttpServerOptions {
  readonly registry: Registry;
  /** Whom the token stands for. */
  readonly owner: Pick<Caller, 'userId' | 'purpose' | 'permissions'>;
  readonly host: string;
  readonly port: number;
  /** What a caller must send as `authorization: Bearer …`. */
  readonly token: string;
  readonly monotonic: () => number;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * The HTTP door: `POST /v1/operations/NAME` with a JSON body, or with frames when files or progress are wanted;
 * `GET /v1/operations` lists the operations. Errors: `PORT_IN_USE`.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    handle(options, request, response).catch((error: unknown) => {
      // The caller is gone or the response is broken: nothing is left to tell it.
      response.destroy(asGranaryError(error));
    });
  });
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  // Uploads and long queries may take hours; headers may not.
  server.requestTimeout = 0;
  server.headersTimeout = 10_000;
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    reject(
      error.code === 'EADDRINUSE'
        ? new GranaryError('PORT_IN_USE', `Port ${port} on ${host} is taken. Choose another with --port.`, { port })
        : asGranaryError(error),
    );
  });
  server.listen(port, host, resolve);
  return promise;
}

async function handle(options: HttpServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const framed = request.headers['content-type'] === FRAMES_CONTENT_TYPE;
  try {
    checkOrigin(options, request);
    checkToken(options, request);
    const operation = route(options.registry, request, response);
    if (operation === undefined) return;
    if (framed) await answerFrames(options, operation, request, response);
    else await answerJson(options, operation, request, response);
  } catch (error) {
    sendError(response, asGranaryError(error));
  }
}

/**
 * A page in a browser can reach loopback addresses: a foreign `Origin`, or a `Host` that is not ours (DNS rebinding),
 * is refused before anything else is looked at.
 */
function checkOrigin({ host, port }: HttpServerOptions, request: IncomingMessage): void {
  const names = new Set([host, '127.0.0.1', 'localhost', '[::1]']);
  const own = (authority: string | undefined): boolean => {
    const match = /^(.*?)(?::(\d+))?$/.exec(authority ?? '');
    const actualPort = port === 0 ? request.socket.localPort : port;
    return match !== null && names.has(match[1]!) && (match[2] === undefined || Number(match[2]) === actualPort);
  };
  if (!own(request.headers.host)) {
    throw new GranaryError('FORBIDDEN', 'The Host header does not name this node.');
  }
  const { origin } = request.headers;
  if (origin !== undefined && !(origin.startsWith('http://') && own(origin.slice('http://'.length)))) {
    throw new GranaryError('FORBIDDEN', 'Pages of other origins may not call this node.');
  }
}

function checkToken({ token }: HttpServerOptions, request: IncomingMessage): void {
  const given = toUtf8(request.headers.authorization ?? '');
  const wanted = toUtf8(`Bearer ${token}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new GranaryError('UNAUTHENTICATED', 'Send the token of this node as "authorization: Bearer TOKEN".');
  }
}

/** The name of the operation that is called, or undefined when the request is answered already. */
function route(registry: Registry, request: IncomingMessage, response: ServerResponse): string | undefined {
  const path = (request.url ?? '/').split('?', 1)[0]!;
  if (request.method === 'GET' && path === '/v1/operations') {
    const operations = registry.operations.map(({ name, description, permission }) => ({
      name,
      description,
      permission,
    }));
    sendJson(response, 200, { operations });
    return undefined;
  }
  const match = /^\/v1\/operations\/([A-Za-z]+)$/.exec(path);
  if (request.method !== 'POST' || !match) {
    throw new GranaryError('OPERATION_UNKNOWN', 'Call POST /v1/operations/NAME, or GET /v1/operations for the names.');
  }
  return match[1]!;
}

async function answerJson(
  options: HttpServerOptions,
  operation: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  const input = body.length === 0 ? {} : parseJsonPayload(body);
  const output = await dispatch(options.registry, operation, input, {
    caller: callerOf(options, request),
    signal: abortedWith(response),
    report: () => undefined,
    files: noFiles(),
    async write(chunk) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/octet-stream' });
      await send(response, chunk);
    },
  });
  // An operation with an output stream has answered with the stream itself.
  if (response.headersSent) response.end();
  else sendJson(response, 200, output);
}

async function answerFrames(
  options: HttpServerOptions,
  operation: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { registry, monotonic } = options;
  const frames = decodeFrames(request);
  const first = await frames.next();
  if (first.done || first.value.kind !== FRAME.input) {
    throw new GranaryError('INPUT_INVALID', 'The first frame of a call must be its input.');
  }
  response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE });
  response.flushHeaders();
  let lastStage = '';
  let lastAt = -Infinity;
  const context: OperationContext = {
    caller: callerOf(options, request),
    signal: abortedWith(response),
    report(progress) {
      const key = `${progress.stage} ${progress.subject ?? ''}`;
      if (key === lastStage && monotonic() - lastAt < PROGRESS_INTERVAL_MS_MIN && progress.done !== progress.total)
        return;
      lastStage = key;
      lastAt = monotonic();
      response.write(encodeJsonFrame(FRAME.progress, progress));
    },
    files: filesOf(frames),
    async write(chunk) {
      for (const frame of encodeByteFrames(chunk)) await send(response, frame);
    },
  };
  try {
    const output = await dispatch(registry, operation, parseJsonPayload(first.value.payload), context);
    response.end(encodeJsonFrame(FRAME.result, output ?? null));
  } catch (error) {
    response.end(encodeJsonFrame(FRAME.error, errorBody(asGranaryError(error)).error));
  }
}

/** The files of a framed call, one after another; each must be read, or is skipped, before the next begins. */
async function* filesOf(frames: AsyncGenerator<Frame, void, undefined>): AsyncGenerator<InputFile> {
  for (;;) {
    const next = await frames.next();
    if (next.done || next.value.kind === FRAME.end) return;
    if (next.value.kind !== FRAME.fileStart) {
      throw new GranaryError('INPUT_INVALID', 'A file must begin with its name.');
    }
    const { name, byteCount } = parseFileStart(next.value.payload);
    const bytes = bytesUntilFileEnd(frames);
    yield { name, byteCount, replayable: false, read: () => bytes };
    for await (const skipped of bytes) void skipped;
  }
}

function parseFileStart(payload: Uint8Array): { name: string; byteCount: number | undefined } {
  const value = parseJsonPayload(payload) as { name?: unknown; byteCount?: unknown } | null;
  if (typeof value?.name !== 'string') throw new GranaryError('INPUT_INVALID', 'A file came without its name.');
  return { name: value.name, byteCount: typeof value.byteCount === 'number' ? value.byteCount : undefined };
}

async function* bytesUntilFileEnd(frames: AsyncGenerator<Frame, void, undefined>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await frames.next();
    if (next.done) throw new GranaryError('CANCELLED', 'The caller went away in the middle of a file.');
    if (next.value.kind === FRAME.fileEnd) return;
    if (next.value.kind === FRAME.error) {
      // The caller could not read its own file to the end: what came so far must not be taken for the whole.
      const { code, message } = parseJsonPayload(next.value.payload) as { code: 'FILE_UNREADABLE'; message: string };
      throw new GranaryError(code === 'FILE_UNREADABLE' ? code : 'IO_FAILED', String(message));
    }
    if (next.value.kind !== FRAME.bytes)
      throw new GranaryError('INPUT_INVALID', 'A file holds bytes and nothing else.');
    yield next.value.payload;
  }
}

/** Who calls over HTTP: the owner of the home, who alone knows the token. */
function callerOf({ owner }: HttpServerOptions, request: IncomingMessage): Caller {
  return {
    ...owner,
    sourceIp: request.socket.remoteAddress ?? null,
    deviceInfo: request.headers['user-agent']?.slice(0, 200) ?? null,
  };
}

/** Fires when the caller goes away before the answer is complete. */
function abortedWith(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) {
      controller.abort(new GranaryError('CANCELLED', 'The caller went away; the work was stopped.'));
    }
  });
  return controller.signal;
}

/** Writes and waits until the caller has taken enough, so that nothing piles up in memory. */
async function send(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (response.destroyed) throw new GranaryError('CANCELLED', 'The caller went away; the work was stopped.');
  await writeChunk(response, chunk);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    byteCount += chunk.length;
    if (byteCount > JSON_BODY_BYTES_MAX) {
      throw new GranaryError('LIMIT_EXCEEDED', `A JSON body may hold ${JSON_BODY_BYTES_MAX} bytes at most.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const errorBody = ({ code, message, details }: GranaryError) => ({ error: { code, message, details } });

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.setHeader('x-content-type-options', 'nosniff');
  response.writeHead(status);
  response.end(JSON.stringify(body ?? null));
}

function sendError(response: ServerResponse, error: GranaryError): void {
  // After the first byte of a stream the only honest sign of failure is a broken connection.
  if (response.headersSent) {
    response.destroy(error);
    return;
  }
  // What the caller still sends is not read: the connection ends with the answer.
  response.setHeader('connection', 'close');
  response.once('finish', () => response.socket?.destroySoon());
  sendJson(response, HTTP_STATUS[error.code], errorBody(error));
}
