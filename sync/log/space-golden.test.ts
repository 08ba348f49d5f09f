import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { decodeEnvelope } from './envelope.ts';
import { checkForkProof } from './fork-proof.ts';
import { openIncarnation } from './incarnation.ts';
import { openLogStore } from './log-store.ts';
import { openSpaceLogs } from './space-logs.ts';
import { blake3, countingRandom, ed25519, tickingClock, upstreamKey } from './testing/fixtures.ts';
import { goldenEncodings, goldenEnvelopes, goldenStore, SPACE } from './testing/golden-logs.ts';
import { collect } from './testing/log-store-contract.ts';
import { createMemoryMarker } from './testing/memory-marker.ts';
import { AUTHOR, LOG_ID } from './testing/signed-logs.ts';

const folder = new URL('../../tests/golden/log-v1/', import.meta.url);
const read = (name: string) => Uint8Array.from(readFileSync(new URL(name, folder)));
const storeThen = JSON.parse(readFileSync(new URL('store.json', folder), 'utf8')) as Record<string, string>;

test('every encoding is written as it was', async () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.cbor'));
  const now = goldenEncodings();
  expect(names.toSorted()).toEqual(
    Object.keys(now)
      .map((name) => `${name}.cbor`)
      .toSorted(),
  );
  for (const [name, bytes] of Object.entries(now)) expect(toHex(bytes), name).toBe(toHex(read(`${name}.cbor`)));
  expect(await goldenStore()).toEqual(storeThen);
});

test('every encoding reads as it says', () => {
  for (const [name, envelope] of Object.entries(goldenEnvelopes)) {
    expect(decodeEnvelope(read(`${name}.cbor`)), name).toEqual(envelope);
  }
  const proof = checkForkProof({ blake3, ed25519 }, read('fork-proof.cbor'));
  expect(proof).toMatchObject({ name: { author: AUTHOR, logId: LOG_ID }, seq: 2 });
});

test('a store of then is opened and goes on', async () => {
  const [store, marker] = [openMemoryStore(), createMemoryMarker()];
  const { marker: markerThen, ...entries } = storeThen;
  marker.bytes = fromHex(markerThen!);
  const commit = new Commit();
  for (const [key, value] of Object.entries(entries)) commit.put(key, fromHex(value));
  await store.write(commit, { sync: true });
  const logs = await openLogStore({ store, blake3, ed25519 });
  const heads = await collect(logs.tips());
  expect(heads.map(({ tip, frozenFrom, verifiedCount }) => [tip?.seq, frozenFrom, verifiedCount]).toSorted()).toEqual([
    [0, undefined, 0],
    [0, undefined, 1],
    [0, undefined, 1],
    [1, undefined, 2],
    [1, 2, 2],
  ]);
  expect(await logs.verifyNext()).toMatchObject({ checkedCount: 1, cut: undefined });
  const deps = { store, marker, random: countingRandom(9), logs, key: upstreamKey, clock: tickingClock(), blake3 };
  const own = await openSpaceLogs(deps, SPACE, await openIncarnation(deps));
  expect(own.incarnation).toBe(0);
  await own.append('data', [goldenEnvelopes['envelope-yjs-update']!]);
  expect((await logs.tip(AUTHOR, own.dataLogId))?.tip?.seq).toBe(1);
});
