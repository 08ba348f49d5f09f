import { RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2';
import type { Connection, Libp2p, Listener, PeerId, Stream, StreamHandler } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type Clock, GranaryError, type Random } from '#core/kernel/index.ts';
import { backoffMilliseconds } from '../backoff.ts';
import type { CountedEvent } from '../counters.ts';
import { STREAMS_PER_LINE_MAX } from '../limits.ts';
import { parseAddress, peerIdAtEnd } from './addresses.ts';
import type { Carriers } from './create-node.ts';

export interface RelayClientDeps {
  readonly node: Libp2p;
  readonly carriers: Carriers;
  readonly clock: Clock;
  readonly random: Random;
  readonly count: (event: CountedEvent) => void;
}

/** A configured relay and how it goes with it. */
export interface Relay {
  readonly address: Multiaddr;
  readonly peerId: string;
  listener: Listener | undefined;
  failures: number;
  nextAt: number;
  isBusy: boolean;
}

/** What this uses of libp2p's side of relays, which renews each reservation before it ends. */
interface Circuits {
  readonly reservationStore: { relayFilter: { has(id: Uint8Array): boolean; add(id: Uint8Array): void } };
  /** Takes a relayed line. */
  onStop(stream: Stream, connection: Connection): Promise<void>;
}

const CIRCUIT_TAG = '@libp2p/circuit-relay-v2-transport';

/** Holds a reservation at each relay: libp2p renews them while the line is up, and this makes them anew when it was lost. */
export class RelayClient {
  readonly #deps: RelayClientDeps;
  readonly #relays: readonly Relay[];

  private constructor(deps: RelayClientDeps, relays: readonly Relay[]) {
    this.#deps = deps;
    this.#relays = relays;
  }

  static async open(deps: RelayClientDeps, relays: readonly Relay[]): Promise<RelayClient> {
    const client = new RelayClient(deps, relays);
    const carrier = deps.carriers.getTransports().find((other) => other[Symbol.toStringTag] === CIRCUIT_TAG);
    const circuits = carrier as unknown as Circuits;
    // It remembers a relay that failed once, also by being down, and never tries it again.
    circuits.reservationStore.relayFilter = { has: () => false, add() {} };
    // It takes whoever brings a relayed line for a relay, makes a reservation there and names it to others.
    const takeRelayed: StreamHandler = (stream, connection) => {
      if (isRelay(relays, connection.remotePeer)) return circuits.onStop(stream, connection);
      deps.count('line-refused-relay');
      return stream.abort(new Error('This peer is none of the configured relays.'));
    };
    await deps.node.handle(RELAY_V2_STOP_CODEC, takeRelayed, {
      maxInboundStreams: STREAMS_PER_LINE_MAX,
      runOnLimitedConnection: true,
      force: true,
    });
    return client;
  }

  /** To be called about once a second. */
  beat(): void {
    const now = this.#deps.clock.monotonic();
    for (const relay of this.#relays) {
      if (relay.isBusy || relay.nextAt > now || isReserved(relay)) continue;
      relay.isBusy = true;
      void this.#reserve(relay);
    }
  }

  async #reserve(relay: Relay): Promise<void> {
    const { carriers, clock, random, count } = this.#deps;
    const address = relay.address.encapsulate('/p2p-circuit');
    try {
      if (relay.listener) {
        // The same one again: closing one gives up the reservations of all, and a new one would tell addresses twice.
        await relay.listener.listen(address);
      } else {
        const before = new Set(carriers.getListeners());
        const listening = carriers.listen([address]);
        relay.listener = carriers.getListeners().find((listener) => !before.has(listener));
        await listening;
      }
    } catch {
      // The addresses of the listener tell.
    }
    if (isReserved(relay)) {
      count('relay-reserved');
      relay.failures = 0;
    } else {
      count('relay-failed');
      relay.nextAt = clock.monotonic() + backoffMilliseconds(relay.failures, random);
      relay.failures += 1;
    }
    relay.isBusy = false;
  }
}

const isRelay = (relays: readonly Relay[], peerId: PeerId): boolean =>
  relays.some((relay) => relay.peerId === peerId.toString());

/** Reads a multiaddr that ends in the id of its peer. Errors: `CONFIG_INVALID`. */
export function parseRelay(text: string): Relay {
  const address = parseAddress(text);
  const peerId = address && peerIdAtEnd(address);
  if (!peerId) {
    throw new GranaryError(
      'CONFIG_INVALID',
      `The relay address ${text} is none. It must be a multiaddr that ends in /p2p/ and the id of the relay.`,
      { address: text },
    );
  }
  return { address, peerId, listener: undefined, failures: 0, nextAt: 0, isBusy: false };
}

const isReserved = ({ listener }: Relay): boolean => (listener?.getAddrs().length ?? 0) > 0;
