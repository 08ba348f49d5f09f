import type { Catalog, CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type Clock,
  fromHex,
  GranaryError,
  type Logger,
  type ReportProgress,
  type SegmentHash,
  toHex,
} from '#core/kernel/index.ts';
import type { ByteSource, KeyValueStore } from '#core/platform/ports.ts';
import {
  createSegmentFetcher,
  createServedSegments,
  createServeGate,
  type FetchBudget,
  fetchPlain,
  type SealedSourceDeps,
  SEGMENT_FRAME_BYTES_MAX,
  serveSegments,
  type ServeLimits,
  type StorePlain,
  type Urgency,
  type Wait,
  type WantedStatus,
} from '#sync/segments/index.ts';
import { readSealOf, readSeal, readSharedAssets, type Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';

export const SEGMENTS_PROTOCOL = '/granary/segments/1';

/** Streams that one peer fetches over: the one that it uses, and one that it has just given up. */
const STREAMS_PER_PEER_MAX = 2;

export interface SegmentExchangeDeps extends SealedSourceDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly wait: Wait;
  readonly logger: Logger;
  readonly createHasher: Parameters<typeof fetchPlain>[0]['createHasher'];
  readonly storePlain: StorePlain;
  /** The opened segment; undefined when it is not on this node. */
  readonly openPlain: (segment: SegmentHash) => Promise<ByteSource | undefined>;
  /** What the file of a segment says of itself. Errors: `SEGMENT_CORRUPT`, `FORMAT_INVALID`. */
  readonly describe: (segment: SegmentHash) => Promise<SegmentRef>;
  /** Rows of an asset have come: tables that are made of them can follow. */
  readonly afterFetch: (asset: CatalogAsset) => Promise<void>;
  readonly budget: FetchBudget;
  readonly limits: ServeLimits;
}

export interface FetchReport {
  readonly segmentCount: number;
  /** Segments that were not here before. */
  readonly fetchedCount: number;
  readonly byteCount: number;
}

/** Fetches segments from peers and serves them those that this node has. */
export interface SegmentExchange extends AsyncDisposable {
  /** Brings the rows of the asset's current version here. Errors: `SEGMENT_CORRUPT`, `DISK_FULL`, `IO_FAILED`, `CANCELLED`. */
  fetchAsset(
    asset: CatalogAsset,
    urgency: Urgency,
    options?: AbortOptions & { readonly report?: ReportProgress | undefined },
  ): Promise<FetchReport>;
  /** Begins to fetch what members are to have by themselves and is not here. */
  fetchSubscribed(): Promise<void>;
  status(): readonly WantedStatus[];
  /** What was counted of all peers together, by event. */
  readonly counts: ReadonlyMap<string, number>;
}

export function startSegmentExchange(deps: SegmentExchangeDeps): SegmentExchange {
  const { store, catalog, spaces, transport, clock, wait, folder, blake3, logger } = deps;
  const counts = new Map<string, number>();
  const count = (event: string) => counts.set(event, (counts.get(event) ?? 0) + 1);
  const stopped = new AbortController();
  const fetcher = createSegmentFetcher({ folder, blake3, clock, wait, count, budget: deps.budget });
  const gate = createServeGate({ clock, wait }, deps.limits);
  const asked = new Set<string>();
  /** Assets that are fetched because members are to have them. */
  const subscribed = new Map<string, Promise<void>>();

  const served = createServedSegments(deps, async (name) => {
    const seal = await readSealOf(store, name);
    const source = seal && (await deps.openPlain(seal.segment.hash));
    return source && { source, segment: seal.segment };
  });

  transport.handle(
    SEGMENTS_PROTOCOL,
    { maxFrameBytes: SEGMENT_FRAME_BYTES_MAX, maxStreamsPerPeer: STREAMS_PER_PEER_MAX },
    (stream) =>
      serveSegments(
        {
          folder: served,
          gate,
          count,
          async mayServe(peer, name) {
            const seal = await readSealOf(store, name);
            const opened = await spaces.opened();
            const device = fromHex(peer);
            return seal?.spaces.some((space) => (opened.get(space)?.access.levelNow(device) ?? null) !== null) ?? false;
          },
        },
        toHex(stream.peer),
        stream as PeerStream & { close(): void },
        { signal: stopped.signal },
      ),
  );

  /** Asks every connected peer that shares a space, too. */
  async function askPeers(): Promise<void> {
    if (stopped.signal.aborted || fetcher.status().length === 0) return;
    for (const { peer } of transport.peers()) {
      const device = toHex(peer);
      if (asked.has(device) || spaces.viewsFor(peer).length === 0) continue;
      asked.add(device);
      try {
        const options = { signal: stopped.signal, maxFrameBytes: SEGMENT_FRAME_BYTES_MAX };
        const stream = await transport.open(peer, SEGMENTS_PROTOCOL, options);
        fetcher.addPeer(
          device,
          channelOf(stream, () => asked.delete(device)),
        );
      } catch (error) {
        asked.delete(device);
        if (!stopped.signal.aborted) count(`open-${asGranaryError(error).code}`);
      }
    }
  }

  const stopListening = transport.onChange(({ kind, peer }) => {
    if (kind === 'disconnected') asked.delete(toHex(peer));
    if (kind === 'connected') void askPeers();
  });

  async function fetchSegment(
    asset: CatalogAsset,
    ref: SegmentRef,
    urgency: Urgency,
    options: FetchWhole,
  ): Promise<void> {
    const hash = ref.id as SegmentHash;
    const seal = await readSeal(store, hash);
    if (!seal) throw notSealed(asset, hash);
    const here = await deps.openPlain(hash);
    await here?.close();
    if (!here) {
      const work = fetchPlain({ ...deps, fetcher, onDamaged: () => count('damaged-here') }, seal.segment, {
        urgency,
        signal: options.signal,
        wholeBytes: options.wholeBytes,
      });
      await askPeers();
      await work;
    }
    const { refused } = await catalog.confirmSegments(asset.id, [await deps.describe(hash)]);
    if (refused.length > 0) throw contradicts(asset, hash);
  }

  const fetchAsset: SegmentExchange['fetchAsset'] = async (asset, urgency, { signal, report } = {}) => {
    const any = AbortSignal.any([stopped.signal, ...(signal ? [signal] : [])]);
    const segments = asset.version === 0 ? [] : await catalog.getManifest(asset.id, asset.version, { signal: any });
    const missing = segments.filter(({ remote }) => remote);
    const total = missing.reduce((sum, { byteCount }) => sum + byteCount, 0);
    let done = 0;
    await Promise.all(
      missing.map(async (ref) => {
        await fetchSegment(asset, ref, urgency, { signal: any, wholeBytes: total });
        done += ref.byteCount;
        report?.({ stage: 'fetching', subject: asset.name, done, total, unit: 'bytes' });
      }),
    );
    if (missing.length > 0) await deps.afterFetch(await catalog.getAsset(asset.id));
    return { segmentCount: segments.length, fetchedCount: missing.length, byteCount: total };
  };

  async function fetchSubscribed(): Promise<void> {
    for (const { asset: id } of await readSharedAssets(store)) {
      if (subscribed.has(id) || (await spaces.subscription(id)) !== 'data') continue;
      const asset = await spaces.findAsset(id);
      if (!asset || asset.version === 0) continue;
      const isWhole = (await catalog.getManifest(id, asset.version)).every(({ remote }) => !remote);
      if (isWhole) continue;
      const work = fetchAsset(asset, 'background')
        .then(() => undefined)
        .catch((error: unknown) => {
          if (stopped.signal.aborted) return;
          logger.warn('The rows of an asset could not be fetched.', {
            asset: id,
            cause: asGranaryError(error).message,
          });
        })
        .finally(() => subscribed.delete(id));
      subscribed.set(id, work);
    }
  }

  return {
    fetchAsset,
    fetchSubscribed,
    status: () => fetcher.status(),
    counts,
    async [Symbol.asyncDispose]() {
      stopListening();
      stopped.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      await fetcher.close();
      await Promise.allSettled(subscribed.values());
    },
  };
}

interface FetchWhole {
  readonly signal: AbortSignal;
  readonly wholeBytes: number;
}

/** The stream as the fetcher has it; `onEnd` is called once it is gone. */
function channelOf(stream: PeerStream, onEnd: () => void) {
  async function* frames() {
    try {
      yield* stream.frames;
    } finally {
      onEnd();
    }
  }
  return { send: (frame: Uint8Array) => stream.send(frame), frames: frames(), close: () => stream.abort() };
}

const notSealed = ({ name }: CatalogAsset, segment: SegmentHash) =>
  new GranaryError(
    'SEGMENT_MISSING',
    `The space does not say under which name a segment of ${JSON.stringify(name)} travels. Ask whoever made the version.`,
    { segment },
  );

const contradicts = ({ name }: CatalogAsset, segment: SegmentHash) =>
  new GranaryError(
    'SEGMENT_CORRUPT',
    `A segment of ${JSON.stringify(name)} has other counts than its version says. Ask whoever made the version.`,
    { segment },
  );
