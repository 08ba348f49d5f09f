import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { AddressBook } from './address-book.ts';
import { ADDRESS_BOOK_PEERS_MAX, ADDRESSES_PER_PEER_MAX } from './limits.ts';

const store = openMemoryStore();
const open = (isKept: (peer: string) => boolean = () => false, where = store) =>
  AddressBook.open({ store: where, isKept });
const many = (count: number, prefix = 'address') => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);

describe('the address book', () => {
  test('puts the address that worked first, and keeps it there', async () => {
    const book = await open();
    expect(book.add('aa', ['one', 'two'])).toBe(true);
    expect(book.add('aa', ['two'])).toBe(false);
    book.worked('aa', 'two');
    book.add('aa', ['three']);
    expect(book.get('aa')).toEqual(['two', 'three', 'one']);
    book.add('aa', many(100));
    expect(book.get('aa')).toHaveLength(ADDRESSES_PER_PEER_MAX);
    expect(book.get('aa')[0]).toBe('two');
  });

  test('is there again after it was saved', async () => {
    const book = await open();
    book.add('bb', ['one', 'two']);
    await book.save();
    expect((await open()).get('bb')).toEqual(['one', 'two']);
  });

  test('forgets first those that the node does not want to see', async () => {
    const own = openMemoryStore();
    const book = await open((peer) => peer === 'kept', own);
    book.add('kept', ['here']);
    for (const peer of many(ADDRESS_BOOK_PEERS_MAX, 'peer')) book.add(peer, ['there']);
    expect(book.get('kept')).toEqual(['here']);
    expect(book.get('peer 0')).toEqual([]);
    await book.save();
    const again = await open(() => false, own);
    expect(many(ADDRESS_BOOK_PEERS_MAX, 'peer').filter((peer) => again.get(peer).length > 0)).toHaveLength(
      ADDRESS_BOOK_PEERS_MAX - 1,
    );
  });

  test('leaves out entries that it cannot read', async () => {
    const own = openMemoryStore();
    const commit = new Commit();
    for (const [peer, text] of Object.entries({ aa: '["good"]', bb: '{}', cc: '[1]', dd: 'no' })) {
      commit.put(`transport/addresses/${peer}`, toUtf8(text));
    }
    await own.write(commit, { sync: true });
    const book = await open(() => false, own);
    expect(['aa', 'bb', 'cc', 'dd'].map((peer) => book.get(peer))).toEqual([['good'], [], [], []]);
  });
});
