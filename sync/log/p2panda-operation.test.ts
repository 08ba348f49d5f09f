import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { openLogStore } from './log-store.ts';
import { joinOperation } from './operation.ts';
import { exportP2pandaOperation, importP2pandaOperation } from './p2panda-operation.ts';
import { blake3, ed25519 } from './testing/fixtures.ts';
import { collect } from './testing/log-store-contract.ts';
import { AUTHOR, LOG_ID, signChain, withBadSignature } from './testing/signed-logs.ts';

const deps = { blake3, ed25519 };
const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });
const golden = (name: string) =>
  Uint8Array.from(readFileSync(new URL(`../../tests/golden/log-v1/${name}.bin`, import.meta.url)));

describe('the fixtures of p2panda-core', () => {
  test.each([
    ['upstream-v0-no-body', 104, undefined],
    ['upstream-v1-body', 138, toUtf8('Hello, Sloth!')],
    ['upstream-v2-backlink', 138, undefined],
  ])('%s goes out and comes in as it is', async (name, headerByteCount, body) => {
    const exported = exportP2pandaOperation(deps, golden(name));
    expect(exported.headerBytes).toHaveLength(headerByteCount);
    expect(exported.body).toEqual(body);
    expect(importP2pandaOperation(deps, exported)).toEqual(golden(name));
    // They name no log, so no log can take them in.
    const logs = await openLogStore({ store: openMemoryStore(), ...deps });
    expect(await logs.ingest([golden(name)])).toEqual([{ kind: 'refused', reason: 'no-log' }]);
  });
});

test('a log goes out one by one and comes in elsewhere', async () => {
  const [from, to] = [
    await openLogStore({ store: openMemoryStore(), ...deps }),
    await openLogStore({ store: openMemoryStore(), ...deps }),
  ];
  await from.ingest(signChain(4).map(joinOperation));
  const sent = await collect(from.operationsFrom(AUTHOR, LOG_ID, 0));
  for (const bytes of sent) {
    const imported = importP2pandaOperation(deps, exportP2pandaOperation(deps, bytes));
    expect(await to.ingest([imported])).toEqual([{ kind: 'stored' }]);
  }
  expect(await collect(to.operationsFrom(AUTHOR, LOG_ID, 0))).toEqual(sent);
});

test('what is damaged, unsigned or without its body is refused', () => {
  const { headerBytes, body } = exportP2pandaOperation(deps, golden('upstream-v1-body'));
  expect(() => importP2pandaOperation(deps, { headerBytes, body: undefined })).toThrow(refused);
  expect(() => importP2pandaOperation(deps, { headerBytes, body: toUtf8('Hello, Snail!') })).toThrow(refused);
  expect(() =>
    importP2pandaOperation(deps, { headerBytes: concatBytes([headerBytes, Uint8Array.of(0)]), body }),
  ).toThrow(refused);
  const unsigned = withBadSignature(signChain(1)[0]!);
  expect(() => importP2pandaOperation(deps, unsigned)).toThrow(refused);
});
