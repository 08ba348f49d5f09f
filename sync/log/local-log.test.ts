import { describe, expect, test } from 'vitest';
import type { OperationLog } from '#core/catalog/index.ts';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { createLocalLog, hasLocalLog } from './local-log.ts';
import { OPERATION_BODY_BYTES_MAX, signOperation, joinOperation } from './operation.ts';
import { blake3, countingRandom, ed25519, otherKey, tickingClock, upstreamKey } from './testing/fixtures.ts';

const openLog = (store: KeyValueStore, key = upstreamKey, randomStart = 0) =>
  createLocalLog({ store, key, clock: tickingClock(), random: countingRandom(randomStart), blake3, ed25519 });
type Log = ReturnType<typeof openLog>;

async function appendAndWrite(store: KeyValueStore, log: Log, ...bodies: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const body of bodies) {
    const commit = new Commit();
    ids.push((await log.append(toUtf8(body), commit)).operationId);
    await store.write(commit, { sync: true });
  }
  return ids;
}

async function bodiesOf(log: Log, seqStart?: number): Promise<string[]> {
  const bodies: string[] = [];
  for await (const { body } of log.entries(seqStart)) bodies.push(Buffer.from(body ?? []).toString());
  return bodies;
}

/** Every key and value of the log. */
async function dump(store: KeyValueStore): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for await (const [key, value] of store.entries({ gte: '', lt: '~' })) found.push([key, value]);
  return found;
}

const change = (store: KeyValueStore, build: (commit: Commit) => Commit) =>
  store.write(build(new Commit()), { sync: true });

describe('a log that grows', () => {
  test('is what the catalog asks for', async () => {
    const log: OperationLog = openLog(openMemoryStore());
    expect((await log.append(toUtf8('x'), new Commit())).operationId).toMatch(/^[0-9a-f]{64}$/);
  });

  test('starts empty and keeps what is committed, in order', async () => {
    const store = openMemoryStore();
    const log = openLog(store);
    expect(await log.tip()).toBeUndefined();
    expect(await hasLocalLog(store)).toBe(false);
    expect(await log.verifyAll()).toEqual({ operationCount: 0, fault: undefined });

    const ids = await appendAndWrite(store, log, 'one', 'two', '', 'four');
    expect(await bodiesOf(log)).toEqual(['one', 'two', '', 'four']);
    expect(await bodiesOf(log, 2)).toEqual(['', 'four']);
    const tip = await log.tip();
    expect([tip?.seq, toHex(tip!.operationId)]).toEqual([3, ids[3]]);
    expect(await hasLocalLog(store)).toBe(true);
    expect(await log.verifyAll()).toEqual({ operationCount: 4, fault: undefined });
  });

  test('uses the documented keys', async () => {
    const store = openMemoryStore();
    await appendAndWrite(store, openLog(store), 'one');
    const author = toHex(upstreamKey.publicKey);
    const topic = countingRandom().bytes(32);
    const logId = toHex(blake3(topic));
    const stored = await dump(store);
    expect(stored.map(([key]) => key)).toEqual([
      `log-tip/${author}/${logId}`,
      `log-topic/${author}`,
      `log/${author}/${logId}/0000000000`,
    ]);
    expect(stored[1]![1]).toEqual(topic);
  });

  test('stamps operations with microseconds', async () => {
    const store = openMemoryStore();
    const log = openLog(store);
    await appendAndWrite(store, log, 'one', 'two');
    const times: (bigint | undefined)[] = [];
    for await (const { header } of log.entries()) times.push(header.extensions?.timestampMicros);
    expect(times).toEqual([1_754_300_000_000_000n, 1_754_300_000_001_000n]);
  });

  test('continues after the store is opened again', async () => {
    const store = openMemoryStore();
    await appendAndWrite(store, openLog(store), 'one', 'two');
    await store.close();
    store.reopen();
    // Other randomness: the topic must come from the store.
    const log = openLog(store, upstreamKey, 99);
    await appendAndWrite(store, log, 'three');
    expect(await bodiesOf(log)).toEqual(['one', 'two', 'three']);
    expect(await log.verifyAll()).toEqual({ operationCount: 3, fault: undefined });
  });

  test('takes several operations in one commit', async () => {
    const store = openMemoryStore();
    const log = openLog(store);
    const commit = new Commit();
    for (const body of ['one', 'two', 'three']) await log.append(toUtf8(body), commit);
    expect(await log.tip()).toBeUndefined();
    await store.write(commit, { sync: true });
    await appendAndWrite(store, log, 'four');
    expect(await log.verifyAll()).toEqual({ operationCount: 4, fault: undefined });
  });

  test('keeps the logs of two devices apart', async () => {
    const store = openMemoryStore();
    await appendAndWrite(store, openLog(store), 'mine');
    const other = openLog(store, otherKey);
    expect(await other.tip()).toBeUndefined();
    await appendAndWrite(store, other, 'theirs');
    expect(await bodiesOf(other)).toEqual(['theirs']);
    expect(await bodiesOf(openLog(store))).toEqual(['mine']);
  });

  test('stops at a signal', async () => {
    const store = openMemoryStore();
    const log = openLog(store);
    await appendAndWrite(store, log, 'one', 'two');
    const cancelled = expect.objectContaining({ code: 'CANCELLED' });
    await expect(log.verifyAll({ signal: AbortSignal.abort() })).rejects.toEqual(cancelled);
  });
});

describe('a commit that is never written', () => {
  test.each([0, 2])('leaves no gap after %i operations', async (before) => {
    const store = openMemoryStore();
    const log = openLog(store);
    await appendAndWrite(store, log, ...Array.from({ length: before }, (_, i) => `${i}`));
    await log.append(toUtf8('lost'), new Commit());
    await log.append(toUtf8('lost too'), new Commit());
    await appendAndWrite(store, log, 'kept');
    expect((await log.tip())?.seq).toBe(before);
    expect(await log.verifyAll()).toEqual({ operationCount: before + 1, fault: undefined });
  });

  test('because the disk is full leaves no gap', async () => {
    const store = openMemoryStore();
    const log = openLog(store);
    await appendAndWrite(store, log, 'one');
    store.failNextWrite('DISK_FULL');
    await expect(appendAndWrite(store, log, 'lost')).rejects.toThrow();
    await appendAndWrite(store, log, 'two');
    expect(await bodiesOf(log)).toEqual(['one', 'two']);
    expect((await log.verifyAll()).fault).toBeUndefined();
  });

  test('because the power went leaves no gap', async () => {
    const store: MemoryStore = openMemoryStore();
    await appendAndWrite(store, openLog(store), 'one');
    const commit = new Commit();
    await openLog(store).append(toUtf8('lost'), commit);
    await store.write(commit, { sync: false });
    store.crash();
    store.reopen();
    const log = openLog(store);
    await appendAndWrite(store, log, 'two');
    expect(await bodiesOf(log)).toEqual(['one', 'two']);
    expect((await log.verifyAll()).fault).toBeUndefined();
  });

  test('because the body is too large adds nothing to the commit', async () => {
    const log = openLog(openMemoryStore());
    const commit = new Commit();
    const body = new Uint8Array(OPERATION_BODY_BYTES_MAX + 1);
    await expect(log.append(body, commit)).rejects.toEqual(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(commit.writes).toEqual([]);
  });
});

describe('damage is found', () => {
  async function threeEntries() {
    const store = openMemoryStore();
    const log = openLog(store);
    await appendAndWrite(store, log, 'zero', 'one', 'two');
    const keys = (await dump(store)).map(([key]) => key);
    const tip = keys.find((key) => key.startsWith('log-tip/'))!;
    const topic = keys.find((key) => key.startsWith('log-topic/'))!;
    return { store, log, entries: keys.filter((key) => key.startsWith('log/')), tip, topic };
  }

  test('any flipped bit of an entry', async () => {
    const { store, log, entries } = await threeEntries();
    const good = (await store.get(entries[1]!))!;
    for (let bit = 0; bit < 8 * good.length; bit += 5) {
      const flipped = good.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await change(store, (commit) => commit.put(entries[1]!, flipped));
      const { operationCount, fault } = await log.verifyAll();
      expect([operationCount, fault?.seq], `bit ${bit}`).toEqual([1, 1]);
    }
  });

  test.each([0, 1, 2])('entry %i removed', async (seq) => {
    const { store, log, entries } = await threeEntries();
    await change(store, (commit) => commit.delete(entries[seq]!));
    const { operationCount, fault } = await log.verifyAll();
    expect([operationCount, fault?.seq]).toEqual([seq, seq]);
  });

  test('a fork: another signed operation in the place of one', async () => {
    const { store, log, entries } = await threeEntries();
    const original = [];
    for await (const operation of log.entries()) original.push(operation);
    const { header } = original[1]!;
    const fork = signOperation({ key: upstreamKey, blake3 }, { ...header, body: toUtf8('forked') });
    await change(store, (commit) => commit.put(entries[1]!, joinOperation(fork)));
    expect((await log.verifyAll()).fault?.seq).toBe(2);
    await change(store, (commit) => commit.delete(entries[2]!));
    expect((await log.verifyAll()).fault?.message).toContain('tip');
  });

  test('an operation of somebody else', async () => {
    const { store, log, entries } = await threeEntries();
    const other = signOperation(
      { key: otherKey, blake3 },
      { seq: 0, backlink: undefined, extensions: undefined, body: toUtf8('zero') },
    );
    await change(store, (commit) => commit.put(entries[0]!, joinOperation(other)));
    expect((await log.verifyAll()).fault?.message).toContain('belongs elsewhere');
  });

  test('a missing or cut tip, a missing or cut topic', async () => {
    const damaged = expect.objectContaining({ code: 'STORE_DAMAGED' });
    for (const build of [
      (commit: Commit, { tip }: { tip: string }) => commit.put(tip, new Uint8Array(35)),
      (commit: Commit, { topic }: { topic: string }) => commit.put(topic, new Uint8Array(31)),
      (commit: Commit, { topic }: { topic: string }) => commit.delete(topic),
    ]) {
      const { store, log, ...keys } = await threeEntries();
      await change(store, (commit) => build(commit, keys));
      await expect(log.append(toUtf8('more'), new Commit())).rejects.toEqual(damaged);
      expect((await log.verifyAll()).fault).toBeDefined();
    }
    const { store, log, tip } = await threeEntries();
    await change(store, (commit) => commit.delete(tip));
    expect((await log.verifyAll()).fault?.message).toContain('tip');
  });
});
