import { expect, test } from 'vitest';
import { toHex, toUtf8, type Uuid } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { decodeEnvelope, type Envelope } from './envelope.ts';
import { openIncarnation } from './incarnation.ts';
import { openLogStore } from './log-store.ts';
import { controlLogOf, registeredLog } from './log-registration.ts';
import { joinOperation, splitOperation } from './operation.ts';
import { openSpaceLogs } from './space-logs.ts';
import { blake3, countingRandom, ed25519, tickingClock, upstreamKey } from './testing/fixtures.ts';
import { collect } from './testing/log-store-contract.ts';
import { createMemoryMarker } from './testing/memory-marker.ts';
import { signNext, withBadSignature } from './testing/signed-logs.ts';

const SPACE = '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid;
const OTHER_SPACE = '01890a5d-ac96-774b-bcce-b302099a8059' as Uuid;
const author = upstreamKey.publicKey;

async function openDevice(store = openMemoryStore(), marker = createMemoryMarker(), randomStart = 0) {
  const random = countingRandom(randomStart);
  const logs = await openLogStore({ store, blake3, ed25519 });
  const deps = { store, marker, random, logs, key: upstreamKey, clock: tickingClock(), blake3 };
  const incarnation = await openIncarnation(deps);
  return { ...deps, incarnation, openSpace: (space: Uuid) => openSpaceLogs(deps, space, incarnation) };
}

const says = (text: string): Omit<Envelope, 'space'> => ({
  schema: 'granary.test.v1',
  subject: SPACE,
  clock: { wall: 1, counter: 0 },
  dependencies: [],
  content: { kind: 'record', bytes: toUtf8(text) },
});

test('a device begins two logs in a space, registers both, and finds them again', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  const control = (await collect(device.logs.operationsFrom(author, space.controlLogId, 0))).map((bytes) =>
    splitOperation({ blake3 }, bytes),
  );
  expect(control).toHaveLength(2);
  expect(controlLogOf(blake3, SPACE, control[0]!)).toMatchObject({ kind: 'control', incarnation: 0 });
  expect(registeredLog(blake3, SPACE, control[1]!)).toMatchObject({ kind: 'data', logId: space.dataLogId });
  expect(controlLogOf(blake3, OTHER_SPACE, control[0]!)).toBeUndefined();
  expect(controlLogOf(blake3, SPACE, control[1]!)).toBeUndefined();

  const other = await device.openSpace(OTHER_SPACE);
  await space.append('data', [says('one'), says('two')]);
  await other.append('data', [says('elsewhere')]);
  const again = await (await openDevice(device.store, device.marker, 99)).openSpace(SPACE);
  expect([again.controlLogId, again.dataLogId]).toEqual([space.controlLogId, space.dataLogId]);
  await again.append('data', [says('three')]);
  const bodies = (await collect(device.logs.operationsFrom(author, space.dataLogId, 0))).map((bytes) =>
    decodeEnvelope(splitOperation({ blake3 }, bytes).body!),
  );
  expect(bodies).toEqual(['one', 'two', 'three'].map((text) => ({ ...says(text), space: SPACE })));
});

test('what a device signed itself needs no check, and an append that does not fit stores nothing', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  await space.append('data', [says('one')]);
  expect(await device.logs.verifyNext()).toBeUndefined();
  const large = says('x'.repeat(300_000));
  await expect(space.append('data', [says('two'), large])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  device.store.failNextWrite('DISK_FULL');
  await expect(space.append('data', [says('two')])).rejects.toMatchObject({ code: 'DISK_FULL' });
  await space.append('data', [says('three')]);
  expect((await device.logs.tip(author, space.dataLogId))?.tip?.seq).toBe(1);
});

test('appends that run beside each other do not fork', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  await Promise.all(Array.from({ length: 20 }, (_, i) => space.append('data', [says(`${i}`)])));
  expect(await device.logs.tip(author, space.dataLogId)).toMatchObject({ tip: { seq: 19 }, frozenFrom: undefined });
});

test('a forged operation that a peer hands in does not become what the next one follows', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  await space.append('data', [says('one')]);
  const [one] = (await collect(device.logs.operationsFrom(author, space.dataLogId, 0))) as [Uint8Array];
  const forged = withBadSignature(signNext(splitOperation({ blake3 }, one), { logId: space.dataLogId }));
  expect(await device.logs.ingest([joinOperation(forged)])).toEqual([{ kind: 'stored' }]);
  await space.append('data', [says('two')]);
  expect(await device.logs.tip(author, space.dataLogId)).toMatchObject({ tip: { seq: 1 }, verifiedCount: 2 });
});

test('after a fork the device goes on in logs of a new incarnation', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  await space.append('data', [says('one')]);
  const fork = signNext(undefined, { logId: space.dataLogId, body: 'said by a clone' });
  await device.logs.ingest([joinOperation(fork)]);
  await expect(space.append('data', [says('two')])).rejects.toMatchObject({ code: 'LOG_FORKED' });
  const next = await device.openSpace(SPACE);
  expect(next.incarnation).toBe(1);
  expect(next.dataLogId).not.toEqual(space.dataLogId);
  await next.append('data', [says('two')]);
  const later = await (await openDevice(device.store, device.marker, 50)).openSpace(SPACE);
  expect([later.incarnation, toHex(later.dataLogId)]).toEqual([1, toHex(next.dataLogId)]);
});

test('a restored folder goes on in new logs, so that what was signed after the backup is not forked', async () => {
  const device = await openDevice();
  const space = await device.openSpace(SPACE);
  await space.append('data', [says('before the backup')]);
  const backup = new Commit();
  for await (const [key, value] of device.store.entries({ gte: '', lt: '~' })) backup.put(key, value);
  const lost = await (await openDevice(device.store, device.marker, 20)).openSpace(SPACE);
  await lost.append('data', [says('after the backup')]);

  const store = openMemoryStore();
  await store.write(backup, { sync: true });
  const restored = await openDevice(store, device.marker, 70);
  const next = await restored.openSpace(SPACE);
  expect(next.incarnation).toBe(1);
  await next.append('data', [says('after the restore')]);
  // A peer brings back what was signed after the backup: nothing collides with it.
  const all = await collect(device.logs.operationsFrom(author, space.dataLogId, 0));
  expect((await restored.logs.ingest(all)).map(({ kind }) => kind)).toEqual(['known', 'stored']);
  expect(await collect(restored.logs.forkProofs())).toEqual([]);
});
