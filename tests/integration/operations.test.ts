import { request } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHttpServer } from '#core/api/adapters/http-server.ts';
import { createHttpClient } from '#core/api/adapters/http-client.ts';
import { HTTP_STATUS } from '#core/api/index.ts';
import { ERROR_CODES, isGranaryError } from '#core/kernel/index.ts';
import { createNode } from '#core/node/create-node.ts';
import { temporaryFolder } from '#tests/support/granary.ts';

test('every operation is reached through every door, and every error has a status', async () => {
  await using folder = await temporaryFolder();
  await using node = await createNode({ home: join(folder.path, 'home'), command: 'test' });
  const token = 'a'.repeat(64);
  const { owner, registry } = node;
  await using server = await startHttpServer({
    registry,
    owner,
    host: '127.0.0.1',
    port: 0,
    token,
    monotonic: () => 0,
  });
  const client = createHttpClient({ host: '127.0.0.1', port: server.port, token, deviceInfo: 'test' });
  expect(registry.operations.length).toBeGreaterThan(12);
  for (const { name } of registry.operations) {
    // A field that no operation knows: refused by its own schema, so it was reached, and nothing is done.
    const input = { noSuchField: true };
    const framed = client.call(name, input);
    await expect(framed, name).rejects.toSatisfy((error) => isGranaryError(error, 'INPUT_INVALID'));
    expect(await postJson(server.port, token, name, input), name).toEqual({ status: 400, code: 'INPUT_INVALID' });
  }
  for (const code of Object.keys(ERROR_CODES)) expect(HTTP_STATUS).toHaveProperty(code);
});

function postJson(
  port: number,
  token: string,
  name: string,
  input: unknown,
): Promise<{ status: number; code: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; code: string }>();
  const call = request(
    {
      host: '127.0.0.1',
      port,
      path: `/v1/operations/${name}`,
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    },
    async (response) => {
      const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
      const { error } = JSON.parse(Buffer.concat(chunks).toString()) as { error: { code: string } };
      resolve({ status: response.statusCode!, code: error.code });
    },
  );
  call.on('error', reject);
  call.end(JSON.stringify(input));
  return promise;
}
