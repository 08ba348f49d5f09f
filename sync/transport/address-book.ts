import { canonicalJson, fromUtf8 } from '#core/kernel/index.ts';
import { Commit, type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import {
  ADDRESS_BOOK_PEERS_MAX,
  ADDRESS_TELLERS_MAX,
  ADDRESSES_PER_PEER_MAX,
  ADDRESSES_PER_SOURCE_MAX,
  PROVEN_ADDRESSES_MAX,
} from './limits.ts';

const KEY_PREFIX = 'transport/addresses/';

export interface AddressBookDeps {
  readonly store: KeyValueStore;
  /** Peers, public keys in hexadecimal, that are the last to make room. */
  readonly isKept: (peer: string) => boolean;
}

/**
 * Who says where a peer is: this node was `given` it with a ticket or by a person, it was heard on the local `network`, or a
 * device said so, by its public key in hexadecimal; that may be the peer itself.
 */
export type AddressSource = string;
export const GIVEN: AddressSource = 'given';
export const NETWORK: AddressSource = 'network';

interface Entry {
  /** Where the peer was reached, the last one first. */
  readonly proven: readonly string[];
  /** The source that said something new longest ago comes first. */
  readonly told: ReadonlyMap<AddressSource, readonly string[]>;
}

const NOTHING: Entry = { proven: [], told: new Map() };

/**
 * Where peers are or are said to be. What a source says replaces what it said before and nothing else, so that nobody can
 * have an address forgotten that others know. Bounded for each source, each peer and in total.
 */
export class AddressBook {
  readonly #deps: AddressBookDeps;
  /** The peer that was heard of longest ago comes first. */
  readonly #peers = new Map<string, Entry>();
  /** Dials in a row that failed, by peer. */
  readonly #failures = new Map<string, number>();
  readonly #unsaved = new Set<string>();

  private constructor(deps: AddressBookDeps) {
    this.#deps = deps;
  }

  static async open(deps: AddressBookDeps): Promise<AddressBook> {
    const book = new AddressBook(deps);
    for await (const [key, value] of deps.store.entries(prefixRange(KEY_PREFIX))) {
      const entry = parseEntry(value);
      if (entry) book.#peers.set(key.slice(KEY_PREFIX.length), entry);
    }
    return book;
  }

  /**
   * Best first: where the peer was reached, then the best of each source, the next best of each, and so on. A dial may end
   * before it has tried all, so another source comes first after each that failed.
   */
  get(peer: string): readonly string[] {
    const { proven, told } = this.#peers.get(peer) ?? NOTHING;
    const sources = [...told.values()];
    const first = (this.#failures.get(peer) ?? 0) % Math.max(1, sources.length);
    const turned = [...sources.slice(first), ...sources.slice(0, first)];
    const inTurns = Array.from({ length: ADDRESSES_PER_SOURCE_MAX }, (_, i) => turned.flatMap((said) => said[i] ?? []));
    return [...new Set([...proven, ...inTurns.flat()])].slice(0, ADDRESSES_PER_PEER_MAX);
  }

  /** Learns the addresses that a source names, best first. Returns true when one is new. */
  add(peer: string, addresses: readonly string[], source: AddressSource): boolean {
    const said = [...new Set(addresses)].slice(0, ADDRESSES_PER_SOURCE_MAX);
    if (said.length === 0) return false;
    const { proven, told } = this.#peers.get(peer) ?? NOTHING;
    const known = new Set([...proven, ...[...told.values()].flat()]);
    const before = told.get(source);
    if (before && said.length === before.length && said.every((address, i) => address === before[i])) return false;
    const now = new Map(told);
    now.delete(source);
    now.set(source, said);
    const tellers = [...now.keys()].filter((other) => other !== GIVEN && other !== NETWORK && other !== peer);
    if (tellers.length > ADDRESS_TELLERS_MAX) now.delete(tellers[0]!);
    this.#set(peer, { proven, told: now });
    return said.some((address) => !known.has(address));
  }

  /** The peer was reached at this address. */
  worked(peer: string, address: string): void {
    this.#failures.delete(peer);
    const { proven, told } = this.#peers.get(peer) ?? NOTHING;
    if (proven[0] === address) return;
    const others = proven.filter((other) => other !== address);
    this.#set(peer, { proven: [address, ...others].slice(0, PROVEN_ADDRESSES_MAX), told });
  }

  /** The peer was not reached at any of its addresses that were tried. */
  failed(peer: string): void {
    if (this.#peers.has(peer)) this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1);
  }

  /** Writes what is new to the store. */
  async save(): Promise<void> {
    if (this.#unsaved.size === 0) return;
    const commit = new Commit();
    for (const peer of this.#unsaved) {
      const entry = this.#peers.get(peer);
      const key = KEY_PREFIX + peer;
      if (entry) commit.put(key, canonicalJson({ proven: entry.proven, told: [...entry.told] }));
      else commit.delete(key);
    }
    this.#unsaved.clear();
    await this.#deps.store.write(commit, { sync: false });
  }

  #set(peer: string, entry: Entry): void {
    this.#peers.delete(peer);
    this.#peers.set(peer, entry);
    this.#unsaved.add(peer);
    if (this.#peers.size <= ADDRESS_BOOK_PEERS_MAX) return;
    const others = [...this.#peers.keys()].filter((other) => other !== peer);
    const dropped = others.find((other) => !this.#deps.isKept(other)) ?? others[0]!;
    this.#peers.delete(dropped);
    this.#failures.delete(dropped);
    this.#unsaved.add(dropped);
  }
}

/** Undefined for what is no entry: losing one costs a while until the peer is found again. */
function parseEntry(bytes: Uint8Array): Entry | undefined {
  try {
    const { proven, told } = JSON.parse(fromUtf8(bytes)) as { readonly proven: unknown; readonly told: unknown };
    if (!isTexts(proven) || !Array.isArray(told)) return undefined;
    const sources = new Map<AddressSource, readonly string[]>();
    for (const [source, said] of told as [unknown, unknown][]) {
      if (typeof source !== 'string' || !isTexts(said)) return undefined;
      sources.set(source, said);
    }
    return { proven, told: sources };
  } catch {
    return undefined;
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((text) => typeof text === 'string');
