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
  type Uuid,
  type Wait,
} from '#core/kernel/index.ts';
import type { ByteSource, KeyValueStore } from '#core/platform/ports.ts';
import {
  createSegmentFetcher,
  createServedSegments,
  createServeGate,
  type FetchBudget,
  type FetchPlainDeps,
  type SealedName,
  type SealedSourceDeps,
  SEGMENT_FRAME_BYTES_MAX,
  serveSegments,
  type ServeLimits,
  type StorePlain,
  type Urgency,
  type WantedStatus,
} from '#sync/segments/index.ts';
import { readProved, readRowsHere, type Spaces, spacesAnnouncing } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { fetchBySeals, type FetchWhole, proveSeals, sealsOf } from './fetch-by-seals.ts';
import { createSubscribedFetches } from './fetch-subscribed.ts';

export const SEGMENTS_PROTOCOL = '/granary/segments/1';

/** Streams that one peer fetches over: the one that it uses, and one that it has just given up. */
const STREAMS_PER_PEER_MAX = 2;

/** How often it is told how far a fetch is. Milliseconds. */
export const WATCH_MS = 200;
/** A person who waits for rows hears after so long without any that nobody has them who can be reached. Milliseconds. */
const FETCH_SILENCE_MS_MAX = 20_000;
/** Peers may have got since what they did not have, and streams may have ended: all are asked again this often. Milliseconds. */
const ASK_AGAIN_MS = 2_000;

export interface SegmentExchangeDeps extends SealedSourceDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly wait: Wait;
  readonly logger: Logger;
  readonly createHasher: FetchPlainDeps['createHasher'];
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
  /** Of those. */
  readonly byteCount: number;
  /** Segments that did not come, by reason. */
  readonly missing: Readonly<Record<string, number>>;
}

/** Fetches segments from peers and serves them those that this node has. */
export interface SegmentExchange extends AsyncDisposable {
  /**
   * Brings the rows of the asset's current version here. For a person it ends when nothing has come for a while and says
   * what is missing; in the background it waits as long as it takes. Errors: `SEGMENT_CORRUPT`, `DISK_FULL`, `IO_FAILED`,
   * `CANCELLED`.
   */
  fetchAsset(
    asset: CatalogAsset,
    urgency: Urgency,
    options?: AbortOptions & { readonly report?: ReportProgress | undefined },
  ): Promise<FetchReport>;
  /**
   * Brings a sealed file here as it is, for devices that keep it for others. `byteCount` is that of the opened segment. Errors:
   * `SEGMENT_CORRUPT` when it has another size, `DISK_FULL`, `IO_FAILED`, `CANCELLED`.
   */
  fetchSealed(name: SealedName, byteCount: number, options: AbortOptions): Promise<void>;
  /** Asks peers once more for what no connected one had: by now one may have it. */
  askAgain(): Promise<void>;
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
  const served = createServedSegments(deps, async (name) => {
    const segment = await readProved(store, name);
    const source = segment && (await deps.openPlain(segment.hash));
    return source && { source, segment };
  });

  /**
   * Members get rows that are here for an asset of their space, whatever else names them, and sealed files that are kept for the
   * others.
   */
  async function mayServe(peer: string, name: SealedName): Promise<boolean> {
    const opened = await spaces.opened();
    const device = fromHex(peer);
    const isMember = (space: Uuid) => (opened.get(space)?.access.levelNow(device) ?? null) !== null;
    const segment = await readProved(store, name);
    const here = segment ? await readRowsHere(deps, segment.hash) : [];
    if (here.some(({ space }) => isMember(space))) return true;
    if (!(await spacesAnnouncing(store, name)).some(isMember)) return false;
    if (!segment) return true;
    // Otherwise it would be made from rows that are not theirs.
    const sealed = await folder.open(name);
    await sealed?.close();
    return sealed !== undefined;
  }

  transport.handle(
    SEGMENTS_PROTOCOL,
    { maxFrameBytes: SEGMENT_FRAME_BYTES_MAX, maxStreamsPerPeer: STREAMS_PER_PEER_MAX },
    (stream) =>
      serveSegments(
        { folder: served, gate, count, mayServe },
        toHex(stream.peer),
        stream as PeerStream & { close(): void },
        {
          signal: stopped.signal,
        },
      ),
  );

  /** Asks every connected peer that shares a space, too. */
  async function askPeers(): Promise<void> {
    if (stopped.signal.aborted) return;
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
    if (kind === 'connected' && fetcher.status().length > 0) void askPeers();
  });

  async function askAgain(): Promise<void> {
    if (fetcher.status().length === 0) return;
    fetcher.askAgain();
    await askPeers();
  }

  const askingAgain = (async () => {
    for (;;) {
      await wait(ASK_AGAIN_MS, { signal: stopped.signal });
      await askAgain();
    }
  })().catch(() => undefined);

  async function fetchSegment(asset: CatalogAsset, ref: SegmentRef, options: FetchWhole): Promise<void> {
    const hash = ref.id as SegmentHash;
    const { space, seals } = await sealsOf(store, asset, ref);
    const prove = () => proveSeals({ ...deps, count }, asset, hash, { signal: options.signal });
    const isHere = (await readRowsHere(deps, hash)).some((here) => here.space === space);
    if (!isHere || !(await prove())) {
      if (seals.length === 0) throw notSealed(asset, hash);
      const onDamaged = () => count('damaged-here');
      await Promise.all([fetchBySeals({ ...deps, fetcher, onDamaged }, seals, options), askPeers()]);
      await prove();
    }
    const { refused } = await catalog.confirmSegments(asset.id, [await deps.describe(hash)]);
    if (refused.length > 0) throw contradicts(asset, hash);
  }

  async function fetchSealed(name: SealedName, byteCount: number, { signal }: AbortOptions): Promise<void> {
    const any = AbortSignal.any([stopped.signal, ...(signal ? [signal] : [])]);
    const work = fetcher.fetch(name, { urgency: 'background', byteCount, signal: any });
    await Promise.all([work, askPeers()]);
  }

  const fetchAsset: SegmentExchange['fetchAsset'] = async (asset, urgency, { signal, report } = {}) => {
    const given = new AbortController();
    const any = AbortSignal.any([stopped.signal, given.signal, ...(signal ? [signal] : [])]);
    const segments = asset.version === 0 ? [] : await catalog.getManifest(asset.id, asset.version, { signal: any });
    const remote = segments.filter((segment) => segment.remote);
    const total = remote.reduce((sum, { byteCount }) => sum + byteCount, 0);
    const came = new Set<SegmentRef>();
    const names = new Map<string, SegmentRef>();
    for (const ref of remote) {
      for (const { name } of (await sealsOf(store, asset, ref)).seals) names.set(name, ref);
    }
    /** Bytes that are here, those of parts as well. */
    const countBytes = () => {
      let done = 0;
      for (const ref of came) done += ref.byteCount;
      for (const { name, haveBytes } of fetcher.status()) {
        const ref = names.get(name);
        if (ref && !came.has(ref)) done += Math.min(ref.byteCount, haveBytes);
      }
      return done;
    };
    const tell = (done: number) => report?.({ stage: 'fetching', subject: asset.name, done, total, unit: 'bytes' });
    const isPatient = urgency === 'background';
    // It costs as much as all that is waited for: not where nobody is told of it, nor gives it up.
    const isWatched = remote.length > 0 && (report !== undefined || !isPatient);
    const watching = isWatched ? watch(countBytes, tell, isPatient ? undefined : given, any) : undefined;
    const work = remote.map(async (ref) => {
      await fetchSegment(asset, ref, { urgency, signal: any, wholeBytes: total });
      came.add(ref);
    });
    const results = await Promise.allSettled(work);
    const isGivenUp = given.signal.aborted;
    given.abort();
    await watching;
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected' && !isGivenUp) throw failed.reason;
    if (report) tell(countBytes());
    if (came.size > 0) await deps.afterFetch(await catalog.getAsset(asset.id));
    const missingCount = remote.length - came.size;
    return {
      segmentCount: segments.length,
      fetchedCount: came.size,
      byteCount: [...came].reduce((sum, { byteCount }) => sum + byteCount, 0),
      missing: missingCount === 0 ? {} : { 'nobody-has': missingCount },
    };
  };

  /** Tells how far a fetch is, until the signal fires; gives it up once nothing has come for too long. */
  async function watch(
    countBytes: () => number,
    tell: (done: number) => void,
    given: AbortController | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    let last = -1;
    let since = clock.monotonic();
    try {
      for (;;) {
        await wait(WATCH_MS, { signal });
        const done = countBytes();
        if (done !== last) {
          [last, since] = [done, clock.monotonic()];
          tell(done);
        } else if (given && clock.monotonic() - since > FETCH_SILENCE_MS_MAX) given.abort(nobodyHas());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  const subscribed = createSubscribedFetches({
    catalog,
    spaces,
    logger,
    fetch: (asset, options) => fetchAsset(asset, 'background', options),
    stopped: stopped.signal,
  });

  return {
    fetchAsset,
    fetchSealed,
    askAgain,
    fetchSubscribed: subscribed.begin,
    status: () => fetcher.status(),
    counts,
    async [Symbol.asyncDispose]() {
      stopListening();
      stopped.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      await fetcher.close();
      await askingAgain;
      await subscribed.whenEnded();
    },
  };
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

const nobodyHas = () => new GranaryError('TIMED_OUT', 'No device that has the rows was reached.');

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
