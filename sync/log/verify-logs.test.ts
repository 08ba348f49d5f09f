import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { openLogStore, VERIFY_BATCH_OPERATIONS, type VerifyReport } from './log-store.ts';
import { blake3, ed25519 } from './testing/fixtures.ts';
import { bytesOf, logIdOf, signChain, withBadSignature } from './testing/signed-logs.ts';
import { verifyLogs } from './verify-logs.ts';

test('takes turns between logs, in bounded batches, until it is told to end', async () => {
  const logs = await openLogStore({ store: openMemoryStore(), blake3, ed25519 });
  const longId = logIdOf(9);
  const long = signChain(2 * VERIFY_BATCH_OPERATIONS + 1, { logId: longId });
  const shortIds = [1, 2, 3, 4, 5, 6].map(logIdOf);
  // On both sides of the long log, in the order in which logs are looked at.
  expect(new Set(shortIds.map((logId) => toHex(logId) < toHex(longId))).size).toBe(2);
  for (const logId of shortIds) {
    const [first, second, third] = signChain(3, { logId });
    await logs.ingest(bytesOf([first!, second!, withBadSignature(third!)]));
  }
  await logs.ingest(bytesOf(long));
  const reports: VerifyReport[] = [];
  const controller = new AbortController();
  const end = verifyLogs(
    {
      logs,
      pause: async (isIdle) => {
        if (isIdle) controller.abort();
      },
      onReport: (report) => reports.push(report),
    },
    { signal: controller.signal },
  );
  await expect(end).rejects.toMatchObject({ code: 'CANCELLED' });
  const ofLog = (logId: Uint8Array) => reports.filter((report) => toHex(report.logId) === toHex(logId));
  expect(ofLog(longId).map(({ checkedCount }) => checkedCount)).toEqual([128, 128, 1]);
  for (const logId of shortIds) {
    expect(ofLog(logId).map(({ checkedCount, cut }) => [checkedCount, cut?.seq, cut?.reason])).toEqual([
      [3, 2, 'signature'],
    ]);
  }
  // The short logs did not wait for the end of the long one.
  expect(reports.slice(0, 7).filter(({ checkedCount }) => checkedCount === 3)).toHaveLength(6);
});
