import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import {
  asGranaryError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  GranaryError,
  type InputFile,
  type Progress,
} from '#core/kernel/index.ts';
import type { CallOptions, Client } from '../client.ts';
import {
  decodeFrames,
  encodeByteFrames,
  encodeFrame,
  encodeJsonFrame,
  FRAME,
  FRAMES_CONTENT_TYPE,
  parseJsonPayload,
} from '../frames.ts';
import { writeChunk } from './write-chunk.ts';

export interface HttpClientOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** What the audit trail shows as the calling program. */
  readonly deviceInfo: string;
}

/** Calls operations of the node that listens at the address. Files are opened here; the node sees bytes only. */
export function createHttpClient(options: HttpClientOptions): Client {
  return {
    call: (operation, input, call = {}) => callNode(options, operation, input, call),
    async [Symbol.asyncDispose]() {},
  };
}

async function callNode(
  { host, port, token, deviceInfo }: HttpClientOptions,
  operation: string,
  input: unknown,
  { files, report, write, signal }: CallOptions,
): Promise<unknown> {
  const request = httpRequest({
    host,
    port,
    method: 'POST',
    path: `/v1/operations/${operation}`,
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': FRAMES_CONTENT_TYPE, 'user-agent': deviceInfo },
    ...(signal ? { signal } : {}),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
  try {
    // Both directions run at once: the node answers with progress while files are still on their way.
    const sending = sendCall(request, input, files).catch((error: unknown) => {
      request.destroy(asGranaryError(error));
      throw error;
    });
    sending.catch(() => undefined);
    const response = await answered;
    const result = await readAnswer(response, report, write);
    return result;
  } catch (error) {
    if (signal?.aborted) throw new GranaryError('CANCELLED', 'The work was cancelled.', {}, { cause: error });
    if (error instanceof GranaryError) throw error;
    throw new GranaryError(
      'NODE_UNREACHABLE',
      `The node at ${host}:${port} does not answer (${error instanceof Error ? error.message : String(error)}).`,
      { host, port },
      { cause: error },
    );
  }
}

async function sendCall(
  request: ClientRequest,
  input: unknown,
  files: AsyncIterable<InputFile> | undefined,
): Promise<void> {
  const send = async (frame: Uint8Array) => {
    if (!request.destroyed) await writeChunk(request, frame);
  };
  await send(encodeJsonFrame(FRAME.input, input));
  if (files) {
    for await (const file of files) {
      await send(encodeJsonFrame(FRAME.fileStart, { name: file.name, byteCount: file.byteCount }));
      try {
        for await (const chunk of file.read()) {
          if (request.destroyed) return;
          for (const frame of encodeByteFrames(chunk)) await send(frame);
        }
      } catch (error) {
        const { code, message } = asGranaryError(error);
        await send(encodeJsonFrame(FRAME.error, { code, message }));
        request.end();
        return;
      }
      await send(encodeFrame(FRAME.fileEnd));
    }
  }
  request.end(encodeFrame(FRAME.end));
}

async function readAnswer(
  response: IncomingMessage,
  report: CallOptions['report'],
  write: CallOptions['write'],
): Promise<unknown> {
  if (response.headers['content-type'] !== FRAMES_CONTENT_TYPE) {
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    throw errorOf((parseJsonPayload(Buffer.concat(chunks)) as { error?: unknown } | null)?.error);
  }
  for await (const { kind, payload } of decodeFrames(response)) {
    if (kind === FRAME.progress) report?.(parseJsonPayload(payload) as Progress);
    else if (kind === FRAME.bytes) await write?.(payload);
    else if (kind === FRAME.result) return parseJsonPayload(payload);
    else if (kind === FRAME.error) throw errorOf(parseJsonPayload(payload));
  }
  throw new GranaryError('NODE_UNREACHABLE', 'The node closed the connection before it had answered.');
}

function errorOf(body: unknown): GranaryError {
  const { code, message, details } = (body ?? {}) as { code?: string; message?: string; details?: ErrorDetails };
  const known = code !== undefined && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL';
  return new GranaryError(known, message ?? 'The node sent an error without a message.', details ?? {});
}
