/** Wires spaces and peers into a node. Nothing is opened before its first use: most commands need neither. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Catalog, CatalogAsset, CatalogGuard, SegmentRef } from '#core/catalog/index.ts';
import { summariseSegment } from '#core/catalog/adapters/segment-file.ts';
import { createBlake3Hasher } from '#core/columnar/adapters/blake3.ts';
import { readSegmentHeader } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type Clock,
  GranaryError,
  isGranaryError,
  type Logger,
  type Operation,
  type Random,
  type SegmentHash,
} from '#core/kernel/index.ts';
import { edgesTo, storeEdge } from '#core/lineage/index.ts';
import type { ByteSource, FileSystem, KeyValueStore } from '#core/platform/ports.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, includesLevel } from '#sync/access/index.ts';
import { bundleOperations } from '#sync/bundles/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { type Blake3, type DeviceKey, openLogStore } from '#sync/log/index.ts';
import {
  createAdmission,
  createAgreementStore,
  createFirstContact,
  createPeers,
  evictAsset,
  handlePledges,
  JOIN_FRAME_BYTES_MAX,
  JOIN_PROTOCOL,
  JOIN_STREAMS_PER_PEER_MAX,
  type Network,
  peerOperations,
  type PledgeDeps,
  startSegmentExchange,
  startSyncEngine,
} from '#sync/peers/index.ts';
import { createPromiseHeld, RELAY_QUOTAS, type Relay, relayOperations, startRelay } from '#sync/relay/index.ts';
import { nodeLeafCipher } from '#sync/segments/adapters/node-leaf-cipher.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { createNodeStorePlain } from '#sync/segments/adapters/node-store-plain.ts';
import { systemWait } from '#core/platform/index.ts';
import {
  createPledgeBook,
  createServedSegments,
  recordSegment,
  type SealedName,
  type StorePlain,
} from '#sync/segments/index.ts';
import { createSpaces, readProved, spaceOperations, type Spaces } from '#sync/spaces/index.ts';
import { createFoldThread } from '#sync/spaces/adapters/fold-thread.ts';
import type { NodeConfig } from '../config.ts';
import type { Check } from '../diagnose.ts';
import type { TemporaryFolder } from '../temporary-folder.ts';
import { createBundles } from './bundles.ts';
import { diagnoseSync } from './diagnose-sync.ts';
import { createIncarnationMarker } from './incarnation-marker.ts';
import { readNetworkKey } from './read-network-key.ts';
import { startFoldWorker } from './start-fold-worker.ts';

/** Changes that come within this time are told and applied together. Milliseconds. */
const GATHER_MS = 50;

export interface OpenSyncDeps {
  readonly home: string;
  readonly config: NodeConfig;
  readonly files: FileSystem;
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly key: DeviceKey;
  readonly blake3: Blake3;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where the file of an opened segment lies. */
  readonly segmentPath: (segment: string) => string;
  readonly temporaryFolder: () => Promise<TemporaryFolder>;
  /** The rows of an asset are others now: tables that are made of them have to follow. */
  readonly loadTable: (asset: CatalogAsset, options?: AbortOptions) => Promise<void>;
  /** The rows of an asset are gone from this node: the table that was made of them goes as well. */
  readonly removeTable: (asset: CatalogAsset) => Promise<void>;
}

export interface NodeSync extends AsyncDisposable {
  readonly operations: readonly Operation[];
  readonly guard: CatalogGuard;
  readonly spaces: Spaces;
  /** What is found in the spaces of this node and its peers; nothing on a node that is in no space. */
  diagnose(options: AbortOptions): Promise<Check[]>;
  /** Begins to keep this node in agreement with its peers; waits for the first space to do so. */
  start(): Promise<void>;
  /** The lines of this node, once there are any. */
  network(): Promise<Network>;
}

export async function openSync(deps: OpenSyncDeps): Promise<NodeSync> {
  const { home, config, files, store, catalog, key, blake3, clock, random, logger, segmentPath } = deps;
  const ed25519 = createNodeEd25519();
  const agreementKey = agreementKeyOf(nodeX25519, key);
  const deviceName = config.sync.deviceName ?? hostname();
  const logs = await openLogStore({ store, blake3, ed25519 });
  const sealedPath = join(home, 'sealed');
  const folder = createNodeSealedFolder(sealedPath);
  const sealing = { folder, cipher: nodeLeafCipher, blake3, createHasher: createBlake3Hasher };
  const stopped = new AbortController();
  const firstContact = createFirstContact({ wait: systemWait });
  let network: Promise<Network> | undefined;
  let openedNetwork: Network | undefined;
  const { isRelay, relayBytes } = config.sync;
  const joins = new Map<string, number>();
  const pledges = new Map<string, number>();
  const countIn = (counts: Map<string, number>) => (event: string) =>
    void counts.set(event, (counts.get(event) ?? 0) + 1);
  const book = createPledgeBook({ store, clock, self: key.publicKey });
  let relay: Relay | undefined;
  let gathering: Promise<void> | undefined;
  let agreeing: Promise<void> | undefined;

  const openPlain = async (segment: string): Promise<ByteSource | undefined> => {
    try {
      return await files.open(segmentPath(segment));
    } catch (error) {
      if (isGranaryError(error, 'FILE_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const requirePlain = async (segment: SegmentHash): Promise<ByteSource> => {
    const source = await openPlain(segment);
    if (source) return source;
    throw new GranaryError('SEGMENT_MISSING', `The segment ${segment} is not on this node.`, { segment });
  };
  const makeFolder = () => files.makeDirectory(sealedPath);
  const storePlain: StorePlain = async (segment, pieces, options) => {
    await files.makeDirectory(join(segmentPath(segment.hash), '..'));
    await createNodeStorePlain(segmentPath)(segment, pieces, options);
  };
  const describe = async (segment: SegmentHash): Promise<SegmentRef> => {
    const source = await requirePlain(segment);
    try {
      const header = await readSegmentHeader(source);
      const { byteCount } = source;
      return { id: segment, rowCount: header.rowCount, byteCount, columns: summariseSegment(header) };
    } finally {
      await source.close();
    }
  };
  /** What this node can serve, prove and put into bundles. */
  const served = createServedSegments(sealing, async (name) => {
    const segment = await readProved(store, name);
    const source = segment && (await openPlain(segment.hash));
    return source && { source, segment };
  });
  /** A table that is made of an asset's rows can follow only once all of them are here. */
  const followRows = async (asset: CatalogAsset): Promise<void> => {
    if (asset.storageFormat !== 'POSTGRESQL' || asset.version === 0) return;
    const segments = await catalog.getManifest(asset.id, asset.version);
    if (segments.every(({ remote }) => !remote)) await deps.loadTable(asset);
  };

  const marker = createIncarnationMarker(files, key.publicKey);
  const foldThread = createFoldThread(startFoldWorker);
  const spaces = createSpaces({
    store,
    logs,
    catalog,
    key,
    agreementKey,
    marker,
    clock,
    random,
    blake3,
    ed25519,
    x25519: nodeX25519,
    cipher: nodeOneTimeCipher,
    logger,
    ...(isRelay ? { quotas: RELAY_QUOTAS } : {}),
    deviceName,
    peerId: async () => (await loadTransport()).peerIdOf(key.publicKey),
    openDocument: openYjsDocument,
    foldAside: foldThread.fold,
    storeEdge,
    edgesTo: (asset) => edgesTo(store, asset),
    afterApply: followRows,
    hold: firstContact,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    async recordSegment(segment, { signal }) {
      await makeFolder();
      const source = await requirePlain(segment);
      try {
        return await recordSegment({ ...sealing, random }, source, { signal });
      } finally {
        await source.close();
      }
    },
  });

  const agree = async (): Promise<void> => {
    await spaces.settle();
    if (!network) return;
    await (await network).segments.fetchSubscribed();
    await relay?.keep();
  };

  /** A peer that was met may have by now what no peer had before. */
  const agreeAfterSession = async (): Promise<void> => {
    await agree();
    if (network) await (await network).segments.askAgain();
  };

  // Most commands never talk to anybody, and the library takes longer to load than they take to run.
  const loadTransport = () => import('#sync/transport/index.ts');

  const promiseHeld = isRelay ? createPromiseHeld({ store, spaces, clock, bytesMax: relayBytes }) : undefined;
  const pledging = (transport: Network['transport']): PledgeDeps => ({
    promiseHeld,
    store,
    catalog,
    spaces,
    transport,
    key,
    book,
    blake3,
    ed25519,
    clock,
    random,
    wait: systemWait,
    served,
    limits: config.sync.bytesPerSecond === undefined ? {} : { bytesPerSecond: config.sync.bytesPerSecond },
    count: countIn(pledges),
  });

  async function openNetwork(): Promise<Network> {
    await spaces.opened();
    await makeFolder();
    const { listen, discover, relays, bytesPerSecond, networkKeyFile } = config.sync;
    const networkKey = networkKeyFile === undefined ? undefined : await readNetworkKey(files, home, networkKeyFile);
    const { createLibp2pTransport } = await loadTransport();
    const transport = await createLibp2pTransport(
      {
        seed: key.transportSeed(),
        blake3,
        clock,
        random,
        wait: systemWait,
        store,
        onListenWarning: (warning) => logger.warn('Sync listens elsewhere than it should.', { ...warning }),
      },
      { listen, discovers: discover, relays, isRelay, ...(networkKey && { networkKey }) },
    );
    transport.handle(
      JOIN_PROTOCOL,
      { maxFrameBytes: JOIN_FRAME_BYTES_MAX, maxStreamsPerPeer: JOIN_STREAMS_PER_PEER_MAX },
      createAdmission({ store, clock, blake3, logs, spaces, count: countIn(joins) }),
    );
    const segments = startSegmentExchange({
      ...sealing,
      store,
      catalog,
      spaces,
      transport,
      clock,
      wait: systemWait,
      logger,
      openPlain,
      storePlain,
      describe,
      afterFetch: followRows,
      budget: bytesPerSecond === undefined ? {} : { bytesPerSecond },
      limits: bytesPerSecond === undefined ? {} : { bytesPerSecond },
    });
    handlePledges(pledging(transport));
    const agreements = createAgreementStore(store);
    firstContact.begin(spaces.peers().size > 0, stopped);
    void firstContact.whenReleased().then(agree).catch(warn);
    const engine = startSyncEngine({
      store,
      transport,
      spaces,
      agreements,
      blake3,
      random,
      clock,
      wait: systemWait,
      logger,
      afterSession: (report) => {
        firstContact.met(report);
        return agreeAfterSession();
      },
    });
    if (isRelay) {
      relay = startRelay({
        store,
        spaces,
        folder,
        book,
        clock,
        wait: systemWait,
        logger,
        bytesMax: relayBytes,
        fetchSealed: segments.fetchSealed,
        unavailable: () =>
          new Set(segments.status().flatMap(({ name, waitsFor }) => (waitsFor === 'peer' ? [name] : []))),
        onKept: engine.announce,
      });
      void relay.keep().catch(warn);
    }
    openedNetwork = { transport, engine, segments, joins, pledges };
    return openedNetwork;
  }

  const warn = (error: unknown) => {
    if (!stopped.signal.aborted)
      logger.warn('Spaces could not be brought up to date.', { cause: asGranaryError(error).message });
  };

  /** Spaces follow the catalog as long as the node runs. */
  const stopListening = catalog.onCommit(() => {
    if (!network || stopped.signal.aborted) return;
    gathering ??= systemWait(GATHER_MS, { signal: stopped.signal })
      .then(() => {
        gathering = undefined;
        return agree();
      })
      .catch(warn);
  });

  const requireNetwork = (): Promise<Network> => {
    network ??= openNetwork().catch((error: unknown) => {
      network = undefined;
      throw error;
    });
    return network;
  };

  const bundles = createBundles({
    ...sealing,
    files,
    store,
    catalog,
    spaces,
    key,
    agreementKey,
    clock,
    random,
    ed25519,
    x25519: nodeX25519,
    keyCipher: nodeOneTimeCipher,
    served,
    openPlain,
    storePlain,
    describe,
    makeFolder,
    temporaryFolder: deps.temporaryFolder,
    isFetching: (name) => openedNetwork?.segments.status().some((wanted) => wanted.name === name) ?? false,
    afterFetch: followRows,
    afterImport: agree,
  });

  const removeSegment = async (segment: SegmentHash, names: readonly SealedName[]): Promise<void> => {
    await files.remove(segmentPath(segment));
    for (const name of names) await folder.remove(name);
  };
  const afterEviction = async (asset: CatalogAsset): Promise<void> => {
    if (asset.storageFormat === 'POSTGRESQL') await deps.removeTable(asset);
  };

  const peers = createPeers({
    store,
    logs,
    catalog,
    spaces,
    key,
    agreementKey,
    deviceName,
    clock,
    random,
    blake3,
    network: requireNetwork,
    openNetwork: () => openedNetwork,
    wait: systemWait,
    discovers: config.sync.discover,
    hold: firstContact,
    evict: async (asset, context) =>
      evictAsset({ ...pledging((await requireNetwork()).transport), removeSegment, afterEviction }, asset, context),
  });

  return {
    operations: [
      ...spaceOperations(spaces),
      ...peerOperations(peers),
      ...bundleOperations(bundles),
      ...relayOperations({ store, logs, spaces, book, bytesMax: relayBytes, relay: () => relay }),
    ],
    spaces,
    network: requireNetwork,
    diagnose: (options) =>
      diagnoseSync({ store, logs, spaces, marker, blake3, ed25519, listPeers: peers.listPeers }, options),
    guard: {
      async mayChange({ origin, name }) {
        if (!origin) return;
        const space = (await spaces.opened()).get(origin.space);
        const level = space?.access.levelNow(key.publicKey);
        if (includesLevel(level, 'write')) return;
        throw new GranaryError(
          'FORBIDDEN',
          `The asset ${JSON.stringify(name)} belongs to the space ${JSON.stringify(origin.spaceName)}, in which this ` +
            'device may not write. Ask somebody who manages it.',
          { space: origin.space },
        );
      },
    },
    async start() {
      const begin = async () => {
        await requireNetwork();
        // Thousands of shared assets take their time; whoever asks the node meanwhile is answered.
        agreeing = agree().catch(warn);
      };
      // A relay serves others, whether it is in a space or not.
      if (config.sync.isRelay || (await spaces.opened()).size > 0) return begin();
      const stop = spaces.onChange(() => {
        stop();
        void begin().catch(warn);
      });
    },
    async [Symbol.asyncDispose]() {
      stopListening();
      stopped.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      // A settling may have minutes to go, and what talks to peers waits for it.
      const settled = spaces.close();
      const open = await network?.catch(() => undefined);
      if (open) {
        await open.engine[Symbol.asyncDispose]();
        await relay?.[Symbol.asyncDispose]();
        await open.segments[Symbol.asyncDispose]();
        await open.transport[Symbol.asyncDispose]();
      }
      await gathering;
      await agreeing;
      await settled;
      await foldThread[Symbol.asyncDispose]();
    },
  };
}
