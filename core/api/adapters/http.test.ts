import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  concatBytes,
  defineOperation,
  fromUtf8,
  GranaryError,
  type InputFile,
  isGranaryError,
  type Progress,
  throwIfAborted,
  toUtf8,
} from '#core/kernel/index.ts';
import type { Client } from '../client.ts';
import { createRegistry } from '../registry.ts';
import { createHttpClient } from './http-client.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';

const TOKEN = 'a'.repeat(64);
const PIECE = new Uint8Array(64 * 1024).fill(7);

let aborted = Promise.withResolvers<void>();
let written = 0;

const registry = createRegistry([
  defineOperation({
    name: 'greet',
    description: 'Says hello.',
    input: z.strictObject({ name: z.string().min(1) }),
    output: z.object({ greeting: z.string() }),
    permission: 'read',
    handler: async ({ name }) => ({ greeting: `hello ${name}` }),
  }),
  defineOperation({
    name: 'govern',
    description: 'Needs a permission the owner of this test does not have.',
    input: z.strictObject({}),
    output: z.null(),
    permission: 'admin',
    handler: async () => null,
  }),
  defineOperation({
    name: 'fail',
    description: 'Fails with the code given, before or after the first byte.',
    input: z.strictObject({ code: z.string(), afterBytes: z.boolean().default(false) }),
    output: z.null(),
    permission: 'read',
    async handler({ code, afterBytes }, { write }) {
      if (afterBytes) await write(toUtf8('some'));
      if (code === 'crash') throw new TypeError('unexpected');
      throw new GranaryError(code as 'ASSET_NOT_FOUND', `failed with ${code}`, { asset: 'x' });
    },
  }),
  defineOperation({
    name: 'measure',
    description: 'Reads the files that come with the call.',
    input: z.strictObject({ skipFirst: z.boolean().default(false) }),
    output: z.array(z.object({ name: z.string(), byteCount: z.int(), sum: z.int() })),
    permission: 'read',
    async handler({ skipFirst }, { files, report }) {
      const measured = [];
      let index = 0;
      for await (const file of files) {
        if (skipFirst && index++ === 0) continue;
        let byteCount = 0;
        let sum = 0;
        for await (const chunk of file.read()) {
          byteCount += chunk.length;
          for (const byte of chunk) sum += byte;
          report({ stage: 'reading', subject: file.name, done: byteCount, unit: 'bytes' });
        }
        measured.push({ name: file.name, byteCount, sum });
      }
      return measured;
    },
  }),
  defineOperation({
    name: 'pour',
    description: 'Writes pieces until told to stop.',
    input: z.strictObject({ pieces: z.int() }),
    output: z.null(),
    permission: 'read',
    streams: 'pieces',
    async handler({ pieces }, { signal, write }) {
      signal.addEventListener('abort', () => aborted.resolve());
      for (let i = 0; i < pieces; i++) {
        throwIfAborted(signal);
        await write(PIECE);
        written++;
      }
      return null;
    },
  }),
]);

let server: HttpServer;
let client: Client;

beforeAll(async () => {
  server = await startHttpServer({
    registry,
    owner: { userId: null, purpose: 'USER_VIEW', permissions: new Set(['read']) },
    host: '127.0.0.1',
    port: 0,
    token: TOKEN,
    monotonic: () => performance.now(),
  });
  client = createHttpClient({ host: '127.0.0.1', port: server.port, token: TOKEN, deviceInfo: 'test' });
});

afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly body: string;
}

function post(path: string, body: string, headers: Record<string, string> = {}, method = 'POST'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const call = request(
    { host: '127.0.0.1', port: server.port, path, method, headers: { authorization: `Bearer ${TOKEN}`, ...headers } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    },
  );
  call.on('error', reject);
  call.end(body);
  return promise;
}

async function* filesOf(contents: Readonly<Record<string, readonly Uint8Array[]>>): AsyncGenerator<InputFile> {
  for (const [name, chunks] of Object.entries(contents)) {
    yield {
      name,
      replayable: false,
      async *read() {
        yield* chunks;
      },
    };
  }
}

describe('the JSON door', () => {
  test('answers an operation', async () => {
    const answer = await post('/v1/operations/greet', JSON.stringify({ name: 'you' }));
    expect(answer).toEqual({ status: 200, body: '{"greeting":"hello you"}' });
  });

  test('lists the operations', async () => {
    const { body } = await post('/v1/operations', '', {}, 'GET');
    expect(JSON.parse(body).operations.map(({ name }: { name: string }) => name)).toContain('greet');
  });

  test.each([
    ['no token', { authorization: '' }, 401, 'UNAUTHENTICATED'],
    ['a wrong token', { authorization: `Bearer ${'b'.repeat(64)}` }, 401, 'UNAUTHENTICATED'],
    ['a foreign host', { host: 'evil.example' }, 403, 'FORBIDDEN'],
    ['our host on another port', { host: '127.0.0.1:1' }, 403, 'FORBIDDEN'],
    ['a foreign origin', { origin: 'https://evil.example' }, 403, 'FORBIDDEN'],
    ['an opaque origin', { origin: 'null' }, 403, 'FORBIDDEN'],
  ])('refuses %s', async (_, headers, status, code) => {
    const answer = await post('/v1/operations/greet', '{"name":"you"}', headers);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body).error.code).toBe(code);
    expect(answer.body).not.toContain(TOKEN);
  });

  test.each([
    ['an unknown operation', '/v1/operations/nothing', '{}', 404, 'OPERATION_UNKNOWN'],
    ['another path', '/elsewhere', '{}', 404, 'OPERATION_UNKNOWN'],
    ['a missing permission', '/v1/operations/govern', '{}', 403, 'FORBIDDEN'],
    ['a wrong field', '/v1/operations/greet', '{"name":""}', 400, 'INPUT_INVALID'],
    ['a field too many', '/v1/operations/greet', '{"name":"you","more":1}', 400, 'INPUT_INVALID'],
    ['a body that is no JSON', '/v1/operations/greet', '{"name"', 400, 'INPUT_INVALID'],
    ['a body too long', '/v1/operations/greet', 'x'.repeat(2 ** 20 + 1), 413, 'LIMIT_EXCEEDED'],
    ['a typed failure', '/v1/operations/fail', '{"code":"ASSET_NOT_FOUND"}', 404, 'ASSET_NOT_FOUND'],
    ['a crash', '/v1/operations/fail', '{"code":"crash"}', 500, 'INTERNAL'],
  ])('answers %s with its status', async (_, path, body, status, code) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body).error.code).toBe(code);
  });

  test('breaks the connection when a stream fails after its first byte', async () => {
    await expect(post('/v1/operations/fail', '{"code":"ASSET_NOT_FOUND","afterBytes":true}')).rejects.toThrow();
  });

  test('says that the port is taken', async () => {
    const second = startHttpServer({
      registry,
      owner: { userId: null, purpose: 'USER_VIEW', permissions: new Set() },
      host: '127.0.0.1',
      port: server.port,
      token: TOKEN,
      monotonic: () => 0,
    });
    await expect(second).rejects.toSatisfy((error) => isGranaryError(error, 'PORT_IN_USE'));
  });
});

describe('the framed door', () => {
  test('carries files in and progress out', async () => {
    const seen: Progress[] = [];
    const contents = { 'a.csv': [new Uint8Array([1, 2]), new Uint8Array([3])], 'b.csv': [PIECE, PIECE] };
    const output = await client.call(
      'measure',
      {},
      { files: filesOf(contents), report: (progress) => seen.push(progress) },
    );
    expect(output).toEqual([
      { name: 'a.csv', byteCount: 3, sum: 6 },
      { name: 'b.csv', byteCount: 2 * PIECE.length, sum: 14 * PIECE.length },
    ]);
    expect(seen.map(({ subject }) => subject)).toContain('a.csv');
  });

  test('skips a file that the operation does not read', async () => {
    const contents = { first: [PIECE, PIECE], second: [new Uint8Array([5])] };
    const output = await client.call('measure', { skipFirst: true }, { files: filesOf(contents) });
    expect(output).toEqual([{ name: 'second', byteCount: 1, sum: 5 }]);
  });

  test('tells the node when a file of the caller cannot be read to its end', async () => {
    async function* broken(): AsyncGenerator<InputFile> {
      yield {
        name: 'broken',
        replayable: false,
        async *read() {
          yield PIECE;
          throw new GranaryError('FILE_UNREADABLE', 'The disk is on fire.');
        },
      };
    }
    const call = client.call('measure', {}, { files: broken() });
    await expect(call).rejects.toSatisfy((error) => isGranaryError(error, 'FILE_UNREADABLE'));
  });

  test('carries typed errors, also after bytes', async () => {
    const chunks: Uint8Array[] = [];
    const write = async (chunk: Uint8Array) => void chunks.push(chunk);
    const call = client.call('fail', { code: 'ASSET_NOT_FOUND', afterBytes: true }, { write });
    await expect(call).rejects.toMatchObject({ code: 'ASSET_NOT_FOUND', details: { asset: 'x' } });
    expect(fromUtf8(concatBytes(chunks))).toBe('some');
    await expect(client.call('nothing', {})).rejects.toSatisfy((error) => isGranaryError(error, 'OPERATION_UNKNOWN'));
  });

  test('carries bytes out at the speed of the reader', async () => {
    let received = 0;
    await client.call('pour', { pieces: 200 }, { write: async (chunk) => void (received += chunk.length) });
    expect(received).toBe(200 * PIECE.length);
  });

  test('stops the work in the node when the caller aborts', async () => {
    aborted = Promise.withResolvers();
    written = 0;
    const controller = new AbortController();
    const call = client.call(
      'pour',
      { pieces: 1e9 },
      { signal: controller.signal, write: async () => controller.abort() },
    );
    await expect(call).rejects.toSatisfy((error) => isGranaryError(error, 'CANCELLED'));
    await aborted.promise;
    const after = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBeLessThanOrEqual(after + 1);
    await expect(client.call('greet', { name: 'again' })).resolves.toEqual({ greeting: 'hello again' });
  });

  test('names a node that is not there', async () => {
    const nobody = createHttpClient({ host: '127.0.0.1', port: 1, token: TOKEN, deviceInfo: 'test' });
    await expect(nobody.call('greet', { name: 'x' })).rejects.toSatisfy((error) =>
      isGranaryError(error, 'NODE_UNREACHABLE'),
    );
  });

  test('refuses a wrong token', async () => {
    const stranger = createHttpClient({ host: '127.0.0.1', port: server.port, token: 'no', deviceInfo: 'test' });
    await expect(stranger.call('greet', { name: 'x' })).rejects.toSatisfy((error) =>
      isGranaryError(error, 'UNAUTHENTICATED'),
    );
  });
});
