import { BlockList, type SocketAddress } from 'node:net';
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify, identifyPush } from '@libp2p/identify';
import type { ConnectionGater, Libp2p, Listener, PeerDiscovery, Transport as Libp2pCarrier } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import { noise } from '@libp2p/noise';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { toHex, toUtf8 } from '#core/kernel/index.ts';
import {
  ADDRESS_DIAL_MILLISECONDS,
  ADDRESSES_PER_PEER_MAX,
  DIAL_MILLISECONDS,
  DIAL_QUEUE_MAX,
  INBOUND_PER_SECOND_MAX,
  KEEP_ALIVE_MILLISECONDS,
  LINES_MAX,
  PARALLEL_DIALS_MAX,
  PENDING_INBOUND_MAX,
  STREAM_WINDOW_BYTES,
  STREAMS_PER_LINE_MAX,
} from '../limits.ts';
import type { ProvedLines } from './proved-lines.ts';
import { createRelayServer } from './relay-server.ts';

export interface NodeConfig {
  readonly seed: Uint8Array;
  readonly gater: ConnectionGater;
  /** Asked for each line that comes, by its IP address, before anything else is done for it. */
  readonly isHostRefused: (host: string) => boolean;
  readonly lines: ProvedLines;
  readonly networkKey: Uint8Array | undefined;
  readonly isRelay: boolean;
  /** Called with a discovery service, when peers on the local network are to be found. */
  readonly onDiscovery: ((discovery: PeerDiscovery) => void) | undefined;
}

/** The part of libp2p that listens; its own interface has it inside only. */
export interface Carriers {
  listen(addresses: Multiaddr[]): Promise<void>;
  getListeners(): Listener[];
  getTransports(): Libp2pCarrier[];
  getAddrs(): Multiaddr[];
}

/** What libp2p tells others of its addresses. */
export interface ToldAddresses {
  confirmObservedAddr(address: Multiaddr, options: { readonly type: 'transport' }): void;
}

/** What Node asks before it makes anything of a line that comes. */
class HostGate extends BlockList {
  readonly #isRefused: (host: string) => boolean;

  constructor(isRefused: (host: string) => boolean) {
    super();
    this.#isRefused = isRefused;
  }

  override check(address: SocketAddress | string): boolean {
    return this.#isRefused(typeof address === 'string' ? address : address.address);
  }
}

/** The form that libp2p asks for. */
const networkKeyFile = (key: Uint8Array) => toUtf8(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(key)}`);

export interface StartedNode {
  readonly node: Libp2p;
  readonly carriers: Carriers;
  readonly told: ToldAddresses;
}

/** A started node that does not listen yet. */
export async function createNode(config: NodeConfig): Promise<StartedNode> {
  const { lines, networkKey, onDiscovery } = config;
  // The types of the library leave out what it hands on to Node.
  const listenOpts = { noDelay: true, blockList: new HostGate(config.isHostRefused) };
  let inside: Omit<StartedNode, 'node'> | undefined;
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', config.seed),
    nodeInfo: { name: 'granary', version: '1', userAgent: 'granary' },
    addresses: { listen: [] },
    transports: [tcp({ listenOpts }), circuitRelayTransport()],
    connectionEncrypters: [(components) => lines.watchEncrypter(noise()(components))],
    streamMuxers: [
      () =>
        lines.watchMuxer(
          yamux({
            keepAliveInterval: KEEP_ALIVE_MILLISECONDS,
            maxInboundStreams: STREAMS_PER_LINE_MAX,
            maxOutboundStreams: STREAMS_PER_LINE_MAX,
            // Streams that come before libp2p listens; with one more it would break the line.
            maxEarlyStreams: STREAMS_PER_LINE_MAX,
            // Twice the window: what waits because nobody listens yet, and what a window update lets in meanwhile.
            streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES, maxReadBufferLength: 2 * STREAM_WINDOW_BYTES },
          })(),
        ),
    ],
    ...(networkKey && {
      connectionProtector: () => lines.watchProtector(preSharedKey({ psk: networkKeyFile(networkKey) })()),
    }),
    connectionGater: config.gater,
    connectionManager: {
      maxConnections: LINES_MAX,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND_MAX,
      maxParallelDials: PARALLEL_DIALS_MAX,
      maxDialQueueLength: DIAL_QUEUE_MAX,
      maxPeerAddrsToDial: ADDRESSES_PER_PEER_MAX,
      dialTimeout: DIAL_MILLISECONDS,
      addressDialTimeout: ADDRESS_DIAL_MILLISECONDS,
      // Addresses come in the order in which they are to be tried, and peers are dialled again by our own rules.
      addressSorter: () => 0,
      reconnectRetries: 0,
    },
    // Its pings wait behind data; here any byte is a sign of life.
    connectionMonitor: { enabled: false },
    ...(onDiscovery && {
      peerDiscovery: [
        (components) => {
          const discovery = mdns()(components);
          onDiscovery(discovery);
          return discovery;
        },
      ],
    }),
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      inside: (components: { readonly transportManager: Carriers; readonly addressManager: ToldAddresses }) => {
        inside = { carriers: components.transportManager, told: components.addressManager };
        return {};
      },
      ...(config.isRelay && { relay: createRelayServer }),
    },
  });
  return { node, ...inside! };
}
