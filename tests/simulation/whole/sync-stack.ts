import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createAuditLog } from '#core/audit/index.ts';
import { type Catalog, createCatalog } from '#core/catalog/index.ts';
import {
  asGranaryError,
  type Clock,
  GranaryError,
  type Logger,
  type Random,
  type SegmentHash,
  toHex,
} from '#core/kernel/index.ts';
import { edgesTo, storeEdge } from '#core/lineage/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, includesLevel } from '#sync/access/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import {
  createLocalLog,
  type DeviceKey,
  deviceKeyOf,
  type Ed25519,
  type IncarnationMarker,
  openLogStore,
} from '#sync/log/index.ts';
import { blake3, ed25519 as nodeEd25519 } from '#sync/log/testing/fixtures.ts';
import {
  createAdmission,
  createAgreementStore,
  createFirstContact,
  createPeers,
  JOIN_FRAME_BYTES_MAX,
  JOIN_PROTOCOL,
  JOIN_STREAMS_PER_PEER_MAX,
  type Network,
  type Peers,
  type SegmentExchange,
  startSyncEngine,
  type SyncEngine,
} from '#sync/peers/index.ts';
import type { LogStore } from '#sync/log/index.ts';
import type { SealedName, SealedSegment } from '#sync/segments/index.ts';
import type { SessionReport } from '#sync/reconcile/index.ts';
import { createSpaces, type Spaces, type SpacesDeps } from '#sync/spaces/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { Transport } from '#sync/transport/index.ts';

export { blake3 } from '#sync/log/testing/fixtures.ts';

/** Other threads keep no virtual time. */
export const ed25519: Ed25519 = { ...nodeEd25519, verifyAside: async (...signed) => nodeEd25519.verify(...signed) };

/** Changes that come within this time are told and applied together, as in a node. Milliseconds. */
const GATHER_MS = 50;

export interface StackOptions {
  readonly name: string;
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly store: KeyValueStore;
  readonly marker: IncarnationMarker;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: Wait;
  readonly logger: Logger;
  readonly transport: Transport;
}

/** All of a node that has to do with others, over the transport, the disk and the time that it is given. */
export interface SyncStack extends AsyncDisposable {
  readonly key: DeviceKey;
  readonly device: string;
  readonly deps: SpacesDeps;
  readonly logs: LogStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly peers: Peers;
  readonly engine: SyncEngine;
  readonly transport: Transport;
  /** How tickets were redeemed or refused, by reason. */
  readonly admissions: ReadonlyMap<string, number>;
}

/** The key that a seed gives. */
export const deviceOf = (seed: Uint8Array): DeviceKey => deviceKeyOf({ ed25519, blake3 }, seed);

export async function openSyncStack(options: StackOptions): Promise<SyncStack> {
  const { name, store, marker, clock, random, wait, logger, transport } = options;
  const key = deviceOf(options.seed);
  const agreementKey = agreementKeyOf(nodeX25519, key);
  const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const log = createLocalLog({ store, key, clock, random, blake3, ed25519 });
  const catalog = createCatalog({
    store,
    log,
    audit,
    clock,
    random,
    guard: {
      async mayChange({ origin }) {
        const level = origin && (await spaces.opened()).get(origin.space)?.access.levelNow(key.publicKey);
        if (origin && !includesLevel(level, 'write')) throw new GranaryError('FORBIDDEN', 'This device may not write.');
      },
    },
  });
  const logs = await openLogStore({ store, blake3, ed25519 });
  const hold = createFirstContact({ wait });
  const deps: SpacesDeps = {
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
    deviceName: name,
    peerId: async () => toHex(key.publicKey),
    openDocument: openYjsDocument,
    batchOperations: 5,
    storeEdge,
    edgesTo: (asset) => edgesTo(store, asset),
    afterApply: async () => undefined,
    breathe: async () => undefined,
    hold,
    recordSegment: async (segment) => sealOf(segment, random),
  };
  const spaces = createSpaces(deps);
  await spaces.opened();

  const admissions = new Map<string, number>();
  transport.handle(
    JOIN_PROTOCOL,
    { maxFrameBytes: JOIN_FRAME_BYTES_MAX, maxStreamsPerPeer: JOIN_STREAMS_PER_PEER_MAX },
    createAdmission({
      store,
      clock,
      blake3,
      logs,
      spaces,
      count: (event) => admissions.set(event, (admissions.get(event) ?? 0) + 1),
    }),
  );
  const stopped = new AbortController();
  const agreements = createAgreementStore(store);
  hold.begin(spaces.peers().size > 0, { signal: stopped.signal });
  const afterSession = async (report: SessionReport) => {
    hold.met(report);
    await spaces.settle();
  };
  const engine = startSyncEngine({
    store,
    transport,
    spaces,
    agreements,
    blake3,
    random,
    clock,
    wait,
    logger,
    afterSession,
  });
  const network: Network = { transport, engine, segments: noSegments, joins: admissions, pledges: new Map() };
  const peers = createPeers({
    store,
    logs,
    catalog,
    spaces,
    key,
    agreementKey,
    deviceName: name,
    clock,
    random,
    blake3,
    network: async () => network,
    openNetwork: () => network,
    wait,
    discovers: false,
    hold,
    evict: () => Promise.reject(new GranaryError('UNSUPPORTED', 'There are no rows here.')),
  });

  let gathering: Promise<void> | undefined;
  const agree = () => {
    gathering ??= wait(GATHER_MS, { signal: stopped.signal })
      .then(() => {
        gathering = undefined;
        return spaces.settle();
      })
      .catch((error: unknown) => {
        gathering = undefined;
        if (!stopped.signal.aborted) logger.warn('settle', { cause: asGranaryError(error).message });
      });
  };
  const stopListening = catalog.onCommit(agree);
  agree();
  void hold.whenReleased().then(agree, () => undefined);

  return {
    key,
    device: toHex(key.publicKey),
    deps,
    logs,
    catalog,
    spaces,
    peers,
    engine,
    transport,
    admissions,
    async [Symbol.asyncDispose]() {
      stopListening();
      stopped.abort();
      const settled = spaces.close();
      await engine[Symbol.asyncDispose]();
      await transport[Symbol.asyncDispose]();
      await gathering;
      await settled;
    },
  };
}

/** A segment that is nowhere travels under a name and a key that say nothing of it. */
const sealOf = (hash: SegmentHash, random: Random): SealedSegment => ({
  name: toHex(random.bytes(32)) as SealedName,
  key: random.bytes(32),
  hash,
  byteCount: 80,
});

const noSegments = { fetchSubscribed: async () => undefined } as unknown as SegmentExchange;
