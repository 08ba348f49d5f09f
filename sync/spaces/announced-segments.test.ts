import { describe, expect, test } from 'vitest';
import { toHex, type Uuid } from '#core/kernel/index.ts';
import { Commit, prefixRange } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import type { AccessState, Level } from '#sync/access/index.ts';
import { encodeEnvelope, type SignedOperation, signOperation } from '#sync/log/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { encodeAnnouncements, type SealedName, SEGMENTS_SCHEMA } from '#sync/segments/index.ts';
import {
  ANNOUNCED_PER_DEVICE_MAX,
  filterUnannounced,
  forgetAnnounced,
  type KnownAnnouncement,
  mayAnnounce,
  putAnnounced,
  readAnnounced,
  readAnnouncement,
  spacesAnnouncing,
  takeAnnounced,
} from './announced-segments.ts';
import { keyOf, OTHER_SPACE, SPACE } from './testing/space-world.ts';

const AUTHOR = toHex(keyOf('anna').publicKey);
const nameOf = (number: number) => number.toString(16).padStart(64, '0') as SealedName;
const announced = (number: number): KnownAnnouncement => ({
  name: nameOf(number),
  byteCount: 100,
  author: AUTHOR,
  at: number,
});

function operation(schema: string, bytes: Uint8Array, space: Uuid = SPACE): SignedOperation {
  const content = { kind: 'record', bytes } as const;
  const clock = { wall: 7, counter: 0 };
  const body = encodeEnvelope({ schema, space, subject: space, clock, dependencies: [], content });
  const extensions = { logId: new Uint8Array(32), timestampMicros: 1n, pruneFlag: false };
  return signOperation({ key: keyOf('anna'), blake3 }, { seq: 0, backlink: undefined, extensions, body });
}

const accessOf = (level: Level | null | undefined, isVoid = false) =>
  ({
    members: new Map(level === undefined ? [] : [[AUTHOR, { level }]]),
    isVoid: () => isVoid,
  }) as unknown as AccessState;

describe('an operation that announces segments', () => {
  const [record] = encodeAnnouncements([announced(1)]);

  test('is known by its schema and its space', () => {
    const segments = [{ name: nameOf(1), byteCount: 100, author: AUTHOR, at: 7 }];
    expect(readAnnouncement(operation(SEGMENTS_SCHEMA, record!), SPACE)).toEqual(segments);
    expect(readAnnouncement(operation(SEGMENTS_SCHEMA, record!, OTHER_SPACE), SPACE)).toBeUndefined();
    expect(readAnnouncement(operation('granary.version.v1', record!), SPACE)).toBeUndefined();
    expect(readAnnouncement(operation(SEGMENTS_SCHEMA, record!.subarray(1)), SPACE)).toBeUndefined();
  });

  test.each([
    ['a device that may write', 'write', false, true],
    ['one that manages', 'manage', false, true],
    ['one that was removed, before that', null, false, true],
    ['one that was removed, after that', null, true, false],
    ['one that may read', 'read', false, false],
    ['a relay', 'pull', false, false],
    ['a stranger', undefined, false, false],
  ] as const)('of %s', (_, level, isVoid, counts) => {
    expect(mayAnnounce(accessOf(level, isVoid), operation(SEGMENTS_SCHEMA, record!))).toBe(counts);
  });
});

describe('what a relay keeps in mind', () => {
  async function take(store: ReturnType<typeof openMemoryStore>, first: number, count: number): Promise<void> {
    for (let i = 0; i < count; i += 16_000) {
      const commit = new Commit();
      const part = Array.from({ length: Math.min(16_000, count - i) }, (_, k) => announced(first + i + k));
      await takeAnnounced(store, commit, SPACE, AUTHOR, part);
      await store.write(commit, { sync: false });
    }
  }

  test('is bounded for each device: the oldest is forgotten', async () => {
    const store = openMemoryStore();
    await take(store, 0, ANNOUNCED_PER_DEVICE_MAX);
    await take(store, ANNOUNCED_PER_DEVICE_MAX - 5, 10);
    const known = new Set<number>();
    for await (const { at } of readAnnounced(store, SPACE)) known.add(at);
    expect(known.size).toBe(ANNOUNCED_PER_DEVICE_MAX);
    expect([Math.min(...known), Math.max(...known)]).toEqual([5, ANNOUNCED_PER_DEVICE_MAX + 4]);
    expect(await filterUnannounced(store, SPACE, [announced(4), announced(5)])).toEqual([announced(4)]);
    let keys = 0;
    for await (const _ of store.entries(prefixRange('space-announced'.slice(0, -1)))) keys += 1;
    expect(keys).toBe(2 * ANNOUNCED_PER_DEVICE_MAX + 1);
  });

  test('can be forgotten and announced once more', async () => {
    const store = openMemoryStore();
    await take(store, 1, 2);
    const commit = new Commit();
    await forgetAnnounced(store, commit, SPACE, announced(1));
    await store.write(commit, { sync: false });
    expect(await Array.fromAsync(readAnnounced(store, SPACE))).toEqual([announced(2)]);
    expect(await spacesAnnouncing(store, nameOf(1))).toEqual([]);
    await take(store, 1, 1);
    expect(await spacesAnnouncing(store, nameOf(1))).toEqual([SPACE]);
  });

  test('is each size that is said of a name, as one of them may be true', async () => {
    const store = openMemoryStore();
    const wrong = { ...announced(1), byteCount: 99, author: 'mallory' };
    const commit = new Commit();
    await takeAnnounced(store, commit, SPACE, wrong.author, [wrong]);
    await store.write(commit, { sync: false });
    expect(await filterUnannounced(store, SPACE, [announced(1)])).toEqual([announced(1)]);
    await take(store, 1, 1);
    expect(await filterUnannounced(store, SPACE, [announced(1)])).toEqual([]);
    expect((await Array.fromAsync(readAnnounced(store, SPACE))).map(({ byteCount }) => byteCount)).toContain(100);
    expect(await spacesAnnouncing(store, nameOf(1))).toEqual([SPACE]);
    const forgotten = new Commit();
    await forgetAnnounced(store, forgotten, SPACE, wrong);
    await store.write(forgotten, { sync: false });
    expect(await Array.fromAsync(readAnnounced(store, SPACE))).toEqual([announced(1)]);
  });

  test('has its place also where the name was known by reading the space before', async () => {
    const store = openMemoryStore();
    await store.write(putAnnounced(new Commit(), SPACE, announced(1)), { sync: false });
    expect(await spacesAnnouncing(store, nameOf(1))).toEqual([SPACE]);
    await take(store, 1, 1);
    expect(await Array.fromAsync(readAnnounced(store, SPACE))).toEqual([announced(1)]);
  });
});
