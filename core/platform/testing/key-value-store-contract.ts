import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { Commit, prefixRange, type KeyRange, type KeyValueStore } from '../ports.ts';

export interface KeyValueStoreUnderTest {
  readonly store: KeyValueStore;
  /** Closes the store and opens it again. */
  reopen(): Promise<KeyValueStore>;
  /** Closes what is open and removes it. */
  close(): Promise<void>;
}

const EVERYTHING: KeyRange = { gte: '', lt: '\u{10ffff}' };

/** What every ordered store keeps. */
export function describeKeyValueStore(name: string, open: () => Promise<KeyValueStoreUnderTest>): void {
  describe(`${name}`, () => {
    let opened: KeyValueStoreUnderTest;
    let store: KeyValueStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());

    const put = (...keys: string[]) => {
      const commit = new Commit();
      for (const key of keys) commit.put(key, toUtf8(`value of ${key}`));
      return store.write(commit, { sync: false });
    };
    const keysIn = async (range: KeyRange) => {
      const keys: string[] = [];
      for await (const [key] of store.entries(range)) keys.push(key);
      return keys;
    };

    test('what was put is got, as bytes that belong to the caller', async () => {
      const value = Uint8Array.of(0, 1, 254, 255);
      await store.write(new Commit().put('k', value), { sync: true });
      value.fill(7);
      const got = (await store.get('k'))!;
      expect(got).toEqual(Uint8Array.of(0, 1, 254, 255));
      expect(got.constructor).toBe(Uint8Array);
      got.fill(9);
      expect(await store.get('k')).toEqual(Uint8Array.of(0, 1, 254, 255));
    });

    test('an empty value is a value', async () => {
      await store.write(new Commit().put('k', new Uint8Array()), { sync: false });
      expect(await store.get('k')).toEqual(new Uint8Array());
    });

    test('what is not there is undefined', async () => {
      await put('b');
      expect(await store.get('a')).toBeUndefined();
      expect(await store.getMany(['a', 'b', 'a'])).toEqual([undefined, toUtf8('value of b'), undefined]);
      expect(await store.getMany([])).toEqual([]);
    });

    test('a commit takes effect in order: the last write of a key wins', async () => {
      await put('a', 'b');
      const commit = new Commit().delete('a').put('b', toUtf8('new')).put('c', toUtf8('x')).delete('c');
      await store.write(commit.put('a', toUtf8('again')), { sync: true });
      expect(await store.getMany(['a', 'b', 'c'])).toEqual([toUtf8('again'), toUtf8('new'), undefined]);
    });

    test('an empty commit is nothing', async () => {
      await store.write(new Commit(), { sync: true });
      expect(await keysIn(EVERYTHING)).toEqual([]);
    });

    test('keys come in byte order of their UTF-8, which is not the order of UTF-16', async () => {
      await put('\u{1f600}', '\uffee', 'b', 'B', 'ä', 'a!10', 'a!2');
      expect(await keysIn(EVERYTHING)).toEqual(['B', 'a!10', 'a!2', 'b', 'ä', '\uffee', '\u{1f600}']);
    });

    test('a range has its start and not its end, and can be turned and cut', async () => {
      await put('a', 'b', 'c', 'd');
      expect(await keysIn({ gte: 'b', lt: 'd' })).toEqual(['b', 'c']);
      expect(await keysIn({ gte: 'a', lt: 'z', reverse: true, limit: 2 })).toEqual(['d', 'c']);
      expect(await keysIn({ gte: 'a', lt: 'z', limit: 0 })).toEqual([]);
      expect(await keysIn({ gte: 'x', lt: 'a' })).toEqual([]);
    });

    test('the range of a prefix holds the keys that start with it and no other', async () => {
      await put('job', 'job!', 'job!1', 'job!\u{10ffff}', 'job"', 'joc!');
      expect(await keysIn(prefixRange('job!'))).toEqual(['job!', 'job!1', 'job!\u{10ffff}']);
    });

    test('a scan sees the store as it was when the scan began', async () => {
      await put('a', 'b');
      const seen: string[] = [];
      for await (const [key] of store.entries(EVERYTHING)) {
        seen.push(key);
        await store.write(new Commit().put(`c${key}`, toUtf8('x')).delete('b'), { sync: false });
      }
      expect(seen).toEqual(['a', 'b']);
      expect(await keysIn(EVERYTHING)).toEqual(['a', 'ca', 'cb']);
    });

    test('a long scan of large values comes whole', async () => {
      const value = new Uint8Array(300_000).fill(5);
      for (let i = 0; i < 20; i++) {
        await store.write(new Commit().put(`k!${String(i).padStart(2, '0')}`, value), { sync: false });
      }
      let count = 0;
      for await (const [, found] of store.entries(prefixRange('k!'))) {
        expect(found.length).toBe(300_000);
        count += 1;
      }
      expect(count).toBe(20);
    });

    test('an aborted scan stops with CANCELLED', async () => {
      await put('a', 'b', 'c');
      const controller = new AbortController();
      const seen: string[] = [];
      const scan = async () => {
        for await (const [key] of store.entries(EVERYTHING, { signal: controller.signal })) {
          seen.push(key);
          controller.abort();
        }
      };
      await expect(scan()).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(seen).toEqual(['a']);
    });

    test('what was written is there after closing and opening again', async () => {
      await put('a');
      store = await opened.reopen();
      expect(await store.get('a')).toEqual(toUtf8('value of a'));
    });

    test('a closed store refuses calls, and closing twice is nothing', async () => {
      await store.close();
      await store.close();
      await expect(store.get('a')).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(put('a')).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(keysIn(EVERYTHING)).rejects.toMatchObject({ code: 'INTERNAL' });
    });
  });
}
