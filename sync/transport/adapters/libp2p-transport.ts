import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import {
  type AbortOptions,
  type Clock,
  fromHex,
  GranaryError,
  type Random,
  raceAbort,
  throwIfAborted,
  toHex,
} from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { AddressBook, type AddressSource, GIVEN, NETWORK } from '../address-book.ts';
import { ChangeListeners } from '../change-listeners.ts';
import { type CountedEvent, TransportCounters } from '../counters.ts';
import {
  BEAT_MILLISECONDS,
  FRAME_BYTES_MAX,
  RELAY_STRANGER_LINES_MAX,
  RELAY_STRANGER_LINES_PER_NETWORK_MAX,
  STRANGER_LINE_MILLISECONDS,
  STRANGER_LINES_MAX,
  STRANGER_LINES_PER_NETWORK_MAX,
  STREAMS_PER_LINE_MAX,
} from '../limits.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { OpenOptions, PeerStream, Transport } from '../ports.ts';
import { Redialer } from '../redialer.ts';
import { RefusedPeers } from '../refused-peers.ts';
import { StreamAllowances } from '../stream-allowances.ts';
import { peerRefused, peerUnreachable, protocolUnknown } from '../unreachable.ts';
import {
  addressOfPeer,
  bestFirst,
  isRelayed,
  networkOf,
  networkOfHost,
  reachOf,
  toldToOthers,
  withoutLocal,
} from './addresses.ts';
import { createNode } from './create-node.ts';
import { LineRegister, type StrangerLimits } from './line-register.ts';
import { listen, type ListenWarning } from './listen.ts';
import { keyOfPeer, peerIdOf, peerOfKey } from './peer-keys.ts';
import { PendingLines } from './pending-lines.ts';
import { ProvedLines } from './proved-lines.ts';
import { parseRelay, RelayClient } from './relay-client.ts';
import { SlowedNetworks } from './slowed-networks.ts';
import { type Protocol, StreamRegister } from './stream-register.ts';

export interface Libp2pConfig {
  /** Multiaddrs; by default a free port on every interface. A port that is taken is replaced by a free one. */
  readonly listen?: readonly string[];
  /** Says on the local network that this device is there, and hears others. By default false. */
  readonly discovers?: boolean;
  /** Relays to be reached through: multiaddrs that end in the id of their peer. */
  readonly relays?: readonly string[];
  /** Is a relay for others. By default false. */
  readonly isRelay?: boolean;
  /** 32 bytes that all devices of a private network share; a line to others does not come about. */
  readonly networkKey?: Uint8Array;
}

export interface Libp2pDeps {
  /** The 32-byte seed of the device key, from `DeviceKey.transportSeed()`. */
  readonly seed: Uint8Array;
  readonly blake3: Blake3;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: Wait;
  /** Where the addresses of others are kept. */
  readonly store: KeyValueStore;
  readonly onListenWarning?: (warning: ListenWarning) => void;
}

const NETWORK_KEY_BYTES = 32;
const STRANGERS: StrangerLimits = {
  lines: STRANGER_LINES_MAX,
  linesPerNetwork: STRANGER_LINES_PER_NETWORK_MAX,
  stay: STRANGER_LINE_MILLISECONDS,
};
const STRANGERS_OF_RELAY: StrangerLimits = {
  lines: RELAY_STRANGER_LINES_MAX,
  linesPerNetwork: RELAY_STRANGER_LINES_PER_NETWORK_MAX,
  stay: Infinity,
};
const LISTEN_DEFAULT = ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0'];

function checkNetworkKey(key: Uint8Array | undefined): void {
  if (key === undefined || key.length === NETWORK_KEY_BYTES) return;
  const message = `The key of the private network has ${key.length} bytes; it must have ${NETWORK_KEY_BYTES}.`;
  throw new GranaryError('CONFIG_INVALID', message, { byteCount: key.length });
}

/** Lines by libp2p: TCP, Noise, yamux, relays and mDNS. Errors: `CONFIG_INVALID`, those of the store. */
export async function createLibp2pTransport(deps: Libp2pDeps, config: Libp2pConfig = {}): Promise<Transport> {
  const { blake3, clock, random, wait } = deps;
  const relays = (config.relays ?? []).map(parseRelay);
  checkNetworkKey(config.networkKey);
  const counters = new TransportCounters();
  const listeners = new ChangeListeners();
  const protocols = new Map<string, Protocol>();
  const stopped = new AbortController();
  const now = () => clock.monotonic();
  const lines = new ProvedLines(now);

  const redialer = new Redialer({ clock, random, isContent, dial: async (peer) => Boolean(await dial(peer, {})) });
  const book = await AddressBook.open({ store: deps.store, isKept: (peer) => redialer.isKept(peer) });

  const refused = new RefusedPeers(clock);
  const slowed = new SlowedNetworks(now);
  const pending = new PendingLines();
  const isDenied = (peerId: PeerId, line?: MultiaddrConnection): boolean => {
    const key = keyOfPeer(peerId);
    const network = line && networkOf(line.remoteAddr);
    if (line && network !== undefined) pending.end(network, line);
    if (key && refused.until(toHex(key)) !== undefined) {
      if (network !== undefined) slowed.slow(network);
      counters.count('line-refused-for-now');
      return true;
    }
    // Devices have keys of one kind alone.
    if (!key) counters.count('line-refused-peer');
    return !key;
  };
  const gater: ConnectionGater = {
    denyDialMultiaddr: () => false,
    denyInboundConnection(line) {
      const network = networkOf(line.remoteAddr);
      const isDenied = network !== undefined && !pending.begin(network, line);
      if (isDenied) counters.count('line-refused-network');
      return isDenied;
    },
    denyInboundEncryptedConnection: isDenied,
    denyOutboundEncryptedConnection: (peerId) => isDenied(peerId),
    denyInboundRelayReservation: (peerId) => isDenied(peerId),
    denyInboundRelayedConnection: (_relay, peerId) => isDenied(peerId),
  };
  const { node, carriers, told } = await createNode({
    seed: deps.seed,
    gater,
    isHostRefused(host) {
      const isRefused = !slowed.takes(networkOfHost(host));
      if (isRefused) counters.count('line-refused-network');
      return isRefused;
    },
    lines,
    networkKey: config.networkKey,
    isRelay: config.isRelay ?? false,
    onDiscovery: config.discovers
      ? (discovery) =>
          discovery.addEventListener('peer', ({ detail }) => {
            const key = keyOfPeer(detail.id);
            if (!key) return;
            learn(detail.id, detail.multiaddrs.map(String), NETWORK);
            listeners.tell('discovered', key);
          })
      : undefined,
  });
  const self = keyOfPeer(node.peerId)!;
  const count = (event: CountedEvent) => counters.count(event);
  const relayClient = await RelayClient.open({ node, carriers, clock, random, count }, relays);
  const streams = new StreamRegister({
    self,
    blake3,
    lines,
    counters,
    allowances: new StreamAllowances(clock),
    onRefused: (peer) => listeners.tell('crowding', peer),
    now,
  });
  const register = new LineRegister({
    node,
    lines,
    clock,
    count,
    isWanted: (peer) => redialer.isKept(peer) || relays.some(({ peerId }) => peerId === peerIdOf(fromHex(peer))),
    strangers: config.isRelay ? STRANGERS_OF_RELAY : STRANGERS,
    onRefused({ remoteAddr }) {
      const network = networkOf(remoteAddr);
      if (network !== undefined) slowed.slow(network);
    },
    onConnected(peer, connection) {
      if (connection.direction === 'outbound') book.worked(peer, connection.remoteAddr.toString());
      listeners.tell('connected', fromHex(peer));
    },
    onDisconnected(peer) {
      redialer.lost(peer);
      listeners.tell('disconnected', fromHex(peer));
    },
  });
  node.addEventListener('peer:identify', ({ detail }) => {
    const key = keyOfPeer(detail.peerId);
    // Anybody who connects can say anything; what is said is kept of those that the node wants to see again.
    if (!key || !redialer.isKept(toHex(key))) return;
    const isHere = reachOf(detail.connection.remoteAddr.toString()) === 'loopback';
    const said = detail.listenAddrs.map(String);
    const reachable = isHere ? said : said.filter((address) => reachOf(address) !== 'loopback');
    learn(detail.peerId, reachable, toHex(key));
  });
  await listen(carriers, config.listen ?? LISTEN_DEFAULT, (warning) => deps.onListenWarning?.(warning));
  const beating = beat();

  function learn(peerId: PeerId, addresses: readonly string[], source: AddressSource): void {
    const peer = toHex(keyOfPeer(peerId)!);
    const valid = addresses.flatMap((address) => addressOfPeer(address, peerId.toString()) ?? []);
    for (let i = valid.length; i < addresses.length; i++) counters.count('address-refused');
    if (book.add(peer, bestFirst(valid), source)) redialer.hurry(peer);
  }

  /** A direct line is as good as it gets; so is a relayed one as long as no direct address is known. A refused peer waits. */
  function isContent(peer: string): boolean {
    if (refused.until(peer) !== undefined) return true;
    const line = register.best(peer);
    return line !== undefined && (line.direct || book.get(peer).every(isRelayed));
  }

  /** The best line that can be had. Errors: `PEER_UNREACHABLE`, `CANCELLED`. */
  async function dial(peer: string, { signal }: AbortOptions): Promise<Connection> {
    const key = fromHex(peer);
    const there = register.best(peer);
    const known = there ? book.get(peer).filter((address) => !isRelayed(address)) : book.get(peer);
    if (known.length === 0) throw peerUnreachable(key, 'no address of it is known');
    counters.count('dial');
    const addresses = known.map((address) => multiaddr(address));
    const dialing = node.dial(addresses, {
      signal: AbortSignal.any([stopped.signal, ...(signal ? [signal] : [])]),
    });
    try {
      return await raceAbort(dialing, signal);
    } catch (error) {
      throwIfAborted(signal);
      counters.count('dial-failed');
      book.failed(peer);
      throw peerUnreachable(key, error instanceof Error ? error.message : String(error), error);
    }
  }

  async function open(peer: Uint8Array, protocol: string, options: OpenOptions = {}): Promise<PeerStream> {
    const { signal, maxFrameBytes = protocols.get(protocol)?.limits.maxFrameBytes ?? FRAME_BYTES_MAX } = options;
    throwIfAborted(signal);
    const name = toHex(peer);
    const until = refused.until(name);
    if (until !== undefined) throw peerRefused(peer, until);
    for (let isSecondTry = false; ; isSecondTry = true) {
      const there = register.best(name);
      const connection = there ?? (await dial(name, { signal }));
      try {
        const opening = connection.newStream(protocol, {
          runOnLimitedConnection: true,
          maxOutboundStreams: STREAMS_PER_LINE_MAX,
          ...(signal && { signal }),
        });
        const stream = await raceAbort(opening, signal, (late) => late.abort(new Error('Not wanted any more.')));
        return streams.add(stream, connection, maxFrameBytes);
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
          throw protocolUnknown(peer, protocol, error);
        }
        // A line that was there may have been dying; a new one was not.
        if (!there || isSecondTry || connection.status === 'open') {
          throw peerUnreachable(peer, error instanceof Error ? error.message : String(error), error);
        }
      }
    }
  }

  /** Others are to be told of public addresses too; libp2p waits for a service that calls back to prove them. */
  function confirmPublicAddresses(): void {
    for (const address of carriers.getAddrs()) {
      if (reachOf(`${address}`) === 'internet') told.confirmObservedAddr(address, { type: 'transport' });
    }
  }

  async function beat(): Promise<void> {
    while (!stopped.signal.aborted) {
      register.beat();
      register.closeSpare((connection) => streams.uses(connection));
      for (const peer of register.settled()) redialer.settled(peer);
      streams.beat();
      redialer.beat();
      relayClient.beat();
      confirmPublicAddresses();
      await book.save().catch(() => undefined);
      await wait(BEAT_MILLISECONDS, { signal: stopped.signal }).catch(() => undefined);
    }
  }

  return {
    self,
    addresses: () =>
      toldToOthers(carriers.getAddrs().flatMap((address) => addressOfPeer(`${address}`, node.peerId.toString()) ?? [])),
    addAddresses: (peer, addresses, teller) => learn(peerOfKey(peer), addresses, teller ? toHex(teller) : GIVEN),
    knownAddresses: (peer) => withoutLocal(book.get(toHex(peer))),
    open,
    handle(protocol, limits, handler) {
      const taken: Protocol = { limits, handler };
      protocols.set(protocol, taken);
      void node.handle(protocol, (stream, connection) => streams.take(stream, connection, taken), {
        maxInboundStreams: STREAMS_PER_LINE_MAX,
        maxOutboundStreams: STREAMS_PER_LINE_MAX,
        runOnLimitedConnection: true,
        force: true,
      });
    },
    peers: () => register.peers(),
    onChange: (listener) => listeners.add(listener),
    keepConnected: (peers) => redialer.keep(peers),
    refuse(peer, until) {
      counters.count('peer-refused');
      refused.refuse(toHex(peer), until);
      register.abort(toHex(peer), 'The peer is refused for a while.');
    },
    refusedUntil: (peer) => refused.until(toHex(peer)),
    counts: () => counters.snapshot(),
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await beating;
      await node.stop();
      await book.save().catch(() => undefined);
    },
  };
}
