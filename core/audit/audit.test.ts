import { beforeEach, describe, expect, test } from 'vitest';
import { ACCESS_PURPOSES, type AssetId, type Clock, canonicalJson, readRecord } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { nodeSha256 } from './adapters/node-sha256.ts';
import { anonymise, PRIVACY_RULES, REDACTED } from './anonymise.ts';
import { AUDIT_TEXT_MAX, type AuditLog, createAuditLog } from './audit-log.ts';
import { type AuditInput, type ChainedEntry, FIRST_PREVIOUS } from './entry.ts';
import { sequenceKey } from './sequence-key.ts';

const ACTOR = { userId: 'ada', purpose: 'USER_VIEW', sourceIp: '203.0.113.7', deviceInfo: 'cli/1' } as const;
const ASSETS = ['018f0000-0000-7000-8000-000000000001', '018f0000-0000-7000-8000-000000000002'] as AssetId[];
const DAY = 86_400_000;
const key = (sequence: number) => `audit/${sequenceKey(sequence)}`;
const read = (detail: AuditInput['detail'] = {}, asset = 0): AuditInput => ({
  actor: ACTOR,
  assetId: ASSETS[asset]!,
  assetName: 'weather',
  action: 'READ',
  outcome: 'allowed',
  detail,
});

let now: number;
let store: MemoryStore;
let log: AuditLog;
const clock: Clock = { now: () => now, monotonic: () => now };
const open = () => {
  let seed = 0;
  const random = { bytes: (count: number) => new Uint8Array(count).map(() => (seed += 7)) };
  return createAuditLog({ store, clock, random, sha256: nodeSha256 });
};

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  store = openMemoryStore();
  log = open();
});

describe('anonymisation', () => {
  const entry = { userId: 'ada', sourceIp: '203.0.113.7', deviceInfo: 'cli/1', other: 1 };
  const whole = entry;
  const stripped = { userId: null, sourceIp: REDACTED, deviceInfo: null, other: 1 };

  test.each([
    ['USER_VIEW', whole, 'full'],
    ['PROVIDER_ACCESS', whole, 'full'],
    ['RESEARCH', stripped, 'limited'],
    ['DATA_SYNC', whole, 'full'],
    ['ADMIN', whole, 'full'],
    ['ANALYTICS', stripped, 'aggregated'],
    ['MACHINE_LEARNING', stripped, 'features'],
  ] as const)('%s keeps what the privacy rules allow', (purpose, kept, dataContent) => {
    expect(anonymise(entry, purpose)).toEqual(kept);
    expect(PRIVACY_RULES[purpose].dataContent).toBe(dataContent);
  });

  test('every purpose has a rule, and what is absent stays absent', () => {
    expect(Object.keys(PRIVACY_RULES)).toEqual(ACCESS_PURPOSES);
    const nobody = { userId: null, sourceIp: null, deviceInfo: null };
    for (const purpose of ACCESS_PURPOSES) expect(anonymise(nobody, purpose)).toEqual(nobody);
  });

  test('what may not be kept never reaches the store', async () => {
    await log.record([{ ...read(), actor: { ...ACTOR, purpose: 'RESEARCH' } }]);
    for await (const [, bytes] of store.entries({ gte: '', lt: '~' })) {
      expect(new TextDecoder().decode(bytes)).not.toMatch(/ada|203|cli/);
    }
  });
});

describe('the trail', () => {
  test('entries are listed newest first, of all assets or of one, from a number on', async () => {
    for (let i = 0; i < 6; i++) await log.record([read({ i }, i % 2)]);
    const shown = async (query: Parameters<AuditLog['listAudit']>[0]) =>
      (await log.listAudit(query)).map(({ sequence }) => sequence);
    expect(await shown({})).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await shown({ limit: 2 })).toEqual([6, 5]);
    expect(await shown({ from: 4, limit: 2 })).toEqual([4, 3]);
    expect(await shown({ assetId: ASSETS[1] })).toEqual([6, 4, 2]);
    expect(await shown({ assetId: ASSETS[1], from: 5 })).toEqual([4, 2]);
    expect(await shown({ from: 0 })).toEqual([]);
    const [newest] = await log.listAudit({ limit: 1 });
    expect(newest).toMatchObject({
      userId: 'ada',
      purpose: 'USER_VIEW',
      action: 'READ',
      detail: { i: 5 },
      at: now,
    });
    expect((await Array.fromAsync(log.entriesFrom(5))).map(({ sequence }) => sequence)).toEqual([5, 6]);
  });

  test('entries of one commit come one after another, also when many are written at once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => log.record([read({ i }), read({ i })])));
    const entries = await log.listAudit({ limit: 100 });
    expect(entries).toHaveLength(40);
    for (let i = 0; i < 40; i += 2) expect(entries[i]!.detail).toEqual(entries[i + 1]!.detail);
    expect(await log.verifyAudit()).toEqual({ entryCount: 40, fault: undefined });
  });

  test('an entry of a commit that failed leaves its place to the next', async () => {
    await log.record([read({ i: 1 })]);
    store.failNextWrite('DISK_FULL');
    await expect(log.record([read({ i: 2 })])).rejects.toMatchObject({ code: 'DISK_FULL' });
    const commit = new Commit().put('other', new Uint8Array([1]));
    await log.recordIn(commit, [read({ i: 3 })], () => store.write(commit, { sync: true }));
    store.crash();
    expect((await open().listAudit()).map(({ sequence, detail }) => [sequence, detail])).toEqual([
      [2, { i: 3 }],
      [1, { i: 1 }],
    ]);
    expect(await store.get('other')).toEqual(new Uint8Array([1]));
    expect((await open().verifyAudit()).fault).toBeUndefined();
  });

  test('texts of a hostile client are cut, and made valid', async () => {
    const long = `${'x'.repeat(AUDIT_TEXT_MAX - 1)}👩${'y'.repeat(10_000)}`;
    await log.record([{ ...read({ sql: long }), actor: { ...ACTOR, deviceInfo: long, userId: '\ud800' } }]);
    const [entry] = await log.listAudit();
    expect(entry!.deviceInfo!.length).toBe(AUDIT_TEXT_MAX + 1);
    expect((entry!.detail['sql'] as string).isWellFormed()).toBe(true);
    expect(entry!.userId).toBe('\ufffd');
    expect((await log.verifyAudit()).fault).toBeUndefined();
  });
});

describe('verification', () => {
  const change = async (sequence: number, alter: (entry: ChainedEntry) => object) => {
    const bytes = (await store.get(key(sequence)))!;
    await store.write(new Commit().put(key(sequence), canonicalJson(alter(readRecord(key(sequence), bytes)))), {
      sync: true,
    });
  };
  const rehashed = (changes: Partial<ChainedEntry>) => (entry: ChainedEntry) => {
    const { hash: _hash, ...rest } = { ...entry, ...changes };
    return { ...rest, hash: nodeSha256(canonicalJson(rest)) };
  };
  const fault = async () => (await log.verifyAudit()).fault;

  beforeEach(async () => {
    for (let i = 0; i < 5; i++) await log.record([read({ i })]);
  });

  test('an untouched trail is whole, and starts at the beginning', async () => {
    expect(await log.verifyAudit()).toEqual({ entryCount: 5, fault: undefined });
    expect((await log.listAudit({ from: 1 }))[0]!.previous).toBe(FIRST_PREVIOUS);
  });

  test.each([
    ['userId', { userId: 'eve' }],
    ['outcome', { outcome: 'refused' as const }],
    ['detail', { detail: { i: 9 } }],
    ['at', { at: 1 }],
    ['hash', { hash: 'f'.repeat(64) }],
    ['an added member', { extra: true }],
  ])('a change of %s is found', async (_what, changes) => {
    await change(3, (entry) => ({ ...entry, ...changes }));
    expect(await fault()).toEqual({ sequence: 3, kind: 'altered' });
  });

  test('an entry that was changed and hashed again is found by the one after it', async () => {
    await change(3, rehashed({ userId: 'eve' }));
    expect(await fault()).toEqual({ sequence: 3, kind: 'replaced' });
  });

  test('the newest entry is covered too', async () => {
    await change(5, rehashed({ userId: 'eve' }));
    expect(await fault()).toEqual({ sequence: 5, kind: 'replaced' });
  });

  test.each([1, 3, 5])('entry %i cannot be taken out', async (sequence) => {
    await store.write(new Commit().delete(key(sequence)), { sync: true });
    expect(await fault()).toEqual({ sequence, kind: 'missing' });
  });

  test('entries cannot change places', async () => {
    const [third, fourth] = [(await store.get(key(3)))!, (await store.get(key(4)))!];
    await store.write(new Commit().put(key(3), fourth).put(key(4), third), { sync: true });
    expect(await fault()).toEqual({ sequence: 3, kind: 'missing' });
  });

  test.each(['', '{', 'null', '7', '[]'])('bytes %j are no entry', async (text) => {
    await store.write(new Commit().put(key(2), new TextEncoder().encode(text)), { sync: true });
    expect((await fault())!.sequence).toBe(2);
  });

  test('the first of several faults is named', async () => {
    await change(4, (entry) => ({ ...entry, at: 1 }));
    await change(2, (entry) => ({ ...entry, at: 1 }));
    expect(await fault()).toEqual({ sequence: 2, kind: 'altered' });
  });
});

describe('retention', () => {
  test('old entries go, with their index; the rest can still be verified', async () => {
    for (let i = 0; i < 2500; i++) await log.record([read({ i })]);
    now += 10 * DAY;
    await log.record([read({}, 1), read()]);
    expect(await log.pruneAudit(11)).toBe(0);
    expect(await log.pruneAudit(9)).toBe(2500);
    expect(await log.pruneAudit(9)).toBe(0);
    expect(await log.extent()).toEqual({ first: 2501, last: 2502 });
    expect(await log.verifyAudit()).toEqual({ entryCount: 2, fault: undefined });
    expect(await log.listAudit({ assetId: ASSETS[0] })).toHaveLength(1);
    await store.write(new Commit().delete(key(2501)), { sync: true });
    expect((await log.verifyAudit()).fault).toEqual({ sequence: 2501, kind: 'missing' });
  });

  test('a trail that was pruned empty goes on where it was', async () => {
    await log.record([read()]);
    now += DAY;
    expect(await log.pruneAudit(0)).toBe(1);
    expect(await log.verifyAudit()).toEqual({ entryCount: 0, fault: undefined });
    await log.record([read()]);
    expect((await log.listAudit()).map(({ sequence }) => sequence)).toEqual([2]);
    expect((await open().verifyAudit()).fault).toBeUndefined();
  });
});

describe('canonical JSON', () => {
  const text = (value: unknown) => new TextDecoder().decode(canonicalJson(value));

  test('one value has one spelling', () => {
    expect(text({ b: 1, a: [true, null, 'x'], 10: 0, 9: { z: undefined } })).toBe(
      '{"10":0,"9":{},"a":[true,null,"x"],"b":1}',
    );
    expect(text({ '€': 1, '\r': 2, '1': 3, '😀': 4, ö: 5, '\u0080': 6 })).toBe(
      '{"\\r":2,"1":3,"\u0080":6,"ö":5,"€":1,"😀":4}',
    );
    expect(text([1e21, 1e-7, -0, 0.1])).toBe('[1e+21,1e-7,0,0.1]');
    expect(text(JSON.parse('{"__proto__":1}'))).toBe('{"__proto__":1}');
  });

  test.each([Number.NaN, Infinity, 1n, () => 1, Symbol('x')])('%s cannot be written', (value) => {
    expect(() => canonicalJson({ value })).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});
