import { expect, test } from 'vitest';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { DEVICE_LOGS_MAX, DEVICE_PROVISIONAL_BYTES_MAX } from './ingest-operation.ts';
import { openLogStore } from './log-store.ts';
import { joinOperation, OPERATION_BODY_BYTES_MAX } from './operation.ts';
import { blake3, ed25519 } from './testing/fixtures.ts';
import { verifyAll } from './testing/log-store-contract.ts';
import { bytesOf, keyOf, logIdOf, signChain, signNext } from './testing/signed-logs.ts';
import { toUtf8 } from '#core/kernel/index.ts';

const openLogs = () => openLogStore({ store: openMemoryStore(), blake3, ed25519 });
const quota = { kind: 'refused', reason: 'quota' };

test('a device has a limited number of logs, and others are not held to it', async () => {
  const logs = await openLogs();
  const logId = (number: number) => blake3(toUtf8(`log ${number}`));
  const firsts = Array.from({ length: DEVICE_LOGS_MAX }, (_, i) => signNext(undefined, { logId: logId(i) }));
  expect((await logs.ingest(bytesOf(firsts))).every(({ kind }) => kind === 'stored')).toBe(true);
  const oneMore = joinOperation(signNext(undefined, { logId: logId(DEVICE_LOGS_MAX) }));
  expect(await logs.ingest([oneMore])).toEqual([quota]);
  expect(await logs.ingest(bytesOf([signNext(firsts[0], { logId: logId(0) })]))).toEqual([{ kind: 'stored' }]);
  expect(await logs.ingest(bytesOf([signNext(undefined, { key: keyOf(1) })]))).toEqual([{ kind: 'stored' }]);
});

test('a device has a limited amount of bytes on trust, over all its logs, until its signatures are checked', async () => {
  const logs = await openLogs();
  const body = 'x'.repeat(OPERATION_BODY_BYTES_MAX - 10);
  const half = DEVICE_PROVISIONAL_BYTES_MAX / OPERATION_BODY_BYTES_MAX / 2;
  const long = signChain(half, { body, logId: logIdOf(1) });
  const other = signChain(half, { body, logId: logIdOf(2) });
  const outcomes = await logs.ingest(bytesOf([...long, ...other]));
  expect(outcomes.filter(({ kind }) => kind === 'stored').length).toBe(2 * half - 1);
  expect(outcomes.at(-1)).toEqual(quota);
  await verifyAll(logs);
  expect(await logs.ingest(bytesOf(other.slice(-1)))).toEqual([{ kind: 'stored' }]);
});
