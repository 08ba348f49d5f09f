import { canonicalJson, fromUtf8 } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { ADDRESS_BOOK_PEERS_MAX, ADDRESSES_PER_PEER_MAX } from './limits.ts';

const KEY_PREFIX = 'transport/addresses/';

export interface AddressBookDeps {
  readonly store: KeyValueStore;
  /** Peers, public keys in hexadecimal, that are the last to make room. */
  readonly isKept: (peer: string) => boolean;
}

/**
 * Where peers were said to be or were, the most useful address first. Bounded for each peer and in total; what was learned
 * last pushes out what was learned first, except addresses that worked.
 */
export class AddressBook {
  readonly #deps: AddressBookDeps;
  /** The peer that was heard of longest ago comes first. */
  readonly #peers = new Map<string, string[]>();
  readonly #unsaved = new Set<string>();

  private constructor(deps: AddressBookDeps) {
    this.#deps = deps;
  }

  static async open(deps: AddressBookDeps): Promise<AddressBook> {
    const book = new AddressBook(deps);
    for await (const [key, value] of deps.store.entries(prefixRange(KEY_PREFIX))) {
      const addresses = parseAddresses(value);
      if (addresses) book.#peers.set(key.slice(KEY_PREFIX.length), addresses);
    }
    return book;
  }

  /** Best first. */
  get(peer: string): readonly string[] {
    return this.#peers.get(peer) ?? [];
  }

  /** Learns addresses that somebody named. Returns true when one is new. */
  add(peer: string, addresses: readonly string[]): boolean {
    const known = this.get(peer);
    const fresh = [...new Set(addresses)].filter((address) => !known.includes(address));
    if (fresh.length === 0) return false;
    // The first one is the one that worked last, so it stays.
    this.#set(peer, [...known.slice(0, 1), ...fresh, ...known.slice(1)]);
    return true;
  }

  /** The peer was reached at this address. */
  worked(peer: string, address: string): void {
    const known = this.get(peer);
    if (known[0] !== address) this.#set(peer, [address, ...known.filter((other) => other !== address)]);
  }

  /** Writes what is new to the store. */
  async save(): Promise<void> {
    if (this.#unsaved.size === 0) return;
    const commit = new Commit();
    for (const peer of this.#unsaved) {
      const addresses = this.#peers.get(peer);
      const key = KEY_PREFIX + peer;
      if (addresses) commit.put(key, canonicalJson(addresses));
      else commit.delete(key);
    }
    this.#unsaved.clear();
    await this.#deps.store.write(commit, { sync: false });
  }

  #set(peer: string, addresses: string[]): void {
    this.#peers.delete(peer);
    this.#peers.set(peer, addresses.slice(0, ADDRESSES_PER_PEER_MAX));
    this.#unsaved.add(peer);
    if (this.#peers.size <= ADDRESS_BOOK_PEERS_MAX) return;
    const others = [...this.#peers.keys()].filter((other) => other !== peer);
    const dropped = others.find((other) => !this.#deps.isKept(other)) ?? others[0]!;
    this.#peers.delete(dropped);
    this.#unsaved.add(dropped);
  }
}

/** Undefined for anything but a list of texts: losing an entry costs a while until the peer is found again. */
function parseAddresses(bytes: Uint8Array): string[] | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes));
    return Array.isArray(value) && value.every((address) => typeof address === 'string')
      ? value.slice(0, ADDRESSES_PER_PEER_MAX)
      : undefined;
  } catch {
    return undefined;
  }
}
