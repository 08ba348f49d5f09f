import { describe, expect, test } from 'vitest';
import { toUtf8 } from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { AddressBook, GIVEN, NETWORK } from './address-book.ts';
import {
  ADDRESS_BOOK_PEERS_MAX,
  ADDRESS_TELLERS_MAX,
  ADDRESSES_PER_PEER_MAX,
  ADDRESSES_PER_SOURCE_MAX,
  PROVEN_ADDRESSES_MAX,
} from './limits.ts';

const store = openMemoryStore();
const open = (isKept: (peer: string) => boolean = () => false, where = store) =>
  AddressBook.open({ store: where, isKept });
const many = (count: number, prefix = 'address') => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);

describe('the address book', () => {
  test('puts the addresses that worked first, and keeps them there', async () => {
    const book = await open();
    expect(book.add('aa', ['one', 'two'], GIVEN)).toBe(true);
    expect(book.add('aa', ['two'], 'aa')).toBe(false);
    book.worked('aa', 'two');
    book.add('aa', ['three'], NETWORK);
    expect(book.get('aa')).toEqual(['two', 'one', 'three']);
    for (const teller of many(10, 'teller')) book.add('aa', many(100, teller), teller);
    expect(book.get('aa')).toHaveLength(ADDRESSES_PER_PEER_MAX);
    expect(book.get('aa')[0]).toBe('two');
    for (const address of many(5)) book.worked('aa', address);
    expect(book.get('aa').slice(0, PROVEN_ADDRESSES_MAX + 1)).toEqual(['address 4', 'address 3', 'one']);
  });

  test('replaces what a source said, and nothing that others said', async () => {
    const book = await open();
    const right = 'where it is';
    book.add('aa', [right], 'honest');
    for (let i = 0; i < 100; i++) book.add('aa', many(ADDRESSES_PER_SOURCE_MAX, `wrong ${i}`), 'liar');
    expect(book.get('aa')).toHaveLength(1 + ADDRESSES_PER_SOURCE_MAX);
    expect(book.get('aa').indexOf(right)).toBeLessThan(2);
    expect(book.get('aa')).toContain('wrong 99 0');
    expect(book.get('aa')).not.toContain('wrong 98 0');
    expect(book.add('aa', [], 'honest')).toBe(false);
    expect(book.get('aa')).toContain(right);
  });

  test('keeps what it was given and what the peer says of itself, however many others speak', async () => {
    const book = await open();
    book.add('aa', ['given'], GIVEN);
    book.add('aa', ['its own'], 'aa');
    for (const teller of many(100, 'teller')) book.add('aa', [`of ${teller}`], teller);
    expect(book.get('aa').slice(0, 2)).toEqual(['given', 'its own']);
    expect(book.get('aa')).toHaveLength(2 + ADDRESS_TELLERS_MAX);
  });

  test('begins with another source after each dial that failed', async () => {
    const book = await open();
    for (const source of ['one', 'two', 'three']) book.add('aa', [`${source} a`, `${source} b`], source);
    const firsts: string[] = [];
    for (let i = 0; i < 4; i++) {
      firsts.push(book.get('aa')[0]!);
      book.failed('aa');
    }
    expect(firsts).toEqual(['one a', 'two a', 'three a', 'one a']);
    expect(book.get('aa')).toEqual(['two a', 'three a', 'one a', 'two b', 'three b', 'one b']);
    book.worked('aa', 'three b');
    expect(book.get('aa').slice(0, 2)).toEqual(['three b', 'one a']);
  });

  test('is there again after it was saved', async () => {
    const book = await open();
    book.add('bb', ['one', 'two'], GIVEN);
    book.add('bb', ['three'], 'cc');
    book.worked('bb', 'four');
    await book.save();
    const again = await open();
    expect(again.get('bb')).toEqual(['four', 'one', 'three', 'two']);
    again.add('bb', ['five'], 'cc');
    expect(again.get('bb')).toEqual(['four', 'one', 'five', 'two']);
  });

  test('forgets first those that the node does not want to see', async () => {
    const own = openMemoryStore();
    const book = await open((peer) => peer === 'kept', own);
    book.add('kept', ['here'], GIVEN);
    for (const peer of many(ADDRESS_BOOK_PEERS_MAX, 'peer')) book.add(peer, ['there'], NETWORK);
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
    const entries = {
      aa: '{"proven":["good"],"told":[["given",["also"]]]}',
      bb: '{}',
      cc: '{"proven":[1],"told":[]}',
      dd: 'no',
      ee: '{"proven":[],"told":[["given","x"]]}',
      ff: '{"proven":[],"told":[null]}',
      gg: 'null',
    };
    for (const [peer, text] of Object.entries(entries)) commit.put(`transport/addresses/${peer}`, toUtf8(text));
    await own.write(commit, { sync: true });
    const book = await open(() => false, own);
    expect(Object.keys(entries).map((peer) => book.get(peer))).toEqual([['good', 'also'], [], [], [], [], [], []]);
  });
});
