import type { Catalog, CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type AssetId,
  type Clock,
  fromHex,
  GranaryError,
  isGranaryError,
  type Logger,
  type ReportProgress,
  type SegmentHash,
  toHex,
  type Uuid,
  type Wait,
} from '#core/kernel/index.ts';
import { type ByteSource, Commit, type KeyValueStore } from '#core/platform/ports.ts';
import {
  createSegmentFetcher,
  createServedSegments,
  createServeGate,
  type FetchBudget,
  fetchPlain,
  rebuildTree,
  type SealedName,
  type SealedSegment,
  type SealedSourceDeps,
  SEGMENT_FRAME_BYTES_MAX,
  serveSegments,
  type ServeLimits,
  type StorePlain,
  type Urgency,
  type WantedStatus,
} from '#sync/segments/index.ts';
import {
  putProved,
  readAllSeals,
  readProved,
  readRowsHere,
  readSeals,
  readSharedAsset,
  type Spaces,
  spacesAnnouncing,
} from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';

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
  /** What is fetched because members are to have it, by asset. */
  const subscribed = new Map<AssetId, SubscribedFetch>();
  /** Those of them that have got another version since; the journal of the catalog was read up to `readUntil`. */
  const renewed = new Set<AssetId>();
  let readUntil: number | undefined;
  /** All fetches of these assets that have not ended, those of older versions as well. */
  const running = new Set<Promise<void>>();

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

  /** Under which names members may have a segment. One of another size is not the one that the version means. */
  async function sealsFor({ id, origin }: CatalogAsset, { id: segment, byteCount }: SegmentRef) {
    const space = (await readSharedAsset(store, id))?.space ?? origin?.space;
    const all = space ? await readAllSeals(store, { space, asset: id, segment }) : [];
    return { space, seals: all.filter((seal) => seal.byteCount === byteCount) };
  }

  /**
   * Finds out under which of the names that its document claims an asset's rows can be served, where they are here for another
   * asset of the space. False when their file is not here.
   */
  async function proveHere({ id }: CatalogAsset, segment: SegmentHash): Promise<boolean> {
    const source = await deps.openPlain(segment);
    if (!source) return false;
    try {
      const space = (await readSharedAsset(store, id))!.space;
      for (const seal of await readSeals(store, { space, asset: id, segment })) {
        if (await readProved(store, seal.name)) continue;
        try {
          await rebuildTree(deps, source, seal, { signal: stopped.signal });
          await store.write(putProved(new Commit(), seal), { sync: true });
        } catch (error) {
          if (!isGranaryError(error, 'SEGMENT_CORRUPT')) throw error;
          count('seal-wrong');
        }
      }
      return true;
    } finally {
      await source.close();
    }
  }

  /** Asks for the segment under all of its names; the first that turns out to be it counts. Errors: those of `fetchPlain`. */
  async function fetchAny(
    seals: readonly SealedSegment[],
    urgency: Urgency,
    { signal, wholeBytes }: FetchWhole,
  ): Promise<void> {
    const found = new AbortController();
    const any = AbortSignal.any([found.signal, signal]);
    const plain = { ...deps, fetcher, onDamaged: () => count('damaged-here') };
    const attempts = seals.map(async (seal) => {
      try {
        await fetchPlain(plain, seal, { urgency, signal: any, wholeBytes });
        await store.write(putProved(new Commit(), seal), { sync: true });
      } catch (error) {
        // Another name may be the right one, but no other disk.
        if (!isGranaryError(error, 'SEGMENT_CORRUPT')) found.abort(error);
        throw error;
      }
    });
    const first = Promise.any(attempts);
    first.catch(() => undefined);
    await askPeers();
    try {
      await first;
    } catch (error) {
      const { errors } = error as AggregateError;
      throw errors.find((each) => !isGranaryError(each, 'SEGMENT_CORRUPT')) ?? errors[0];
    } finally {
      found.abort(new GranaryError('CANCELLED', 'The segment is here.'));
      await Promise.allSettled(attempts);
    }
  }

  async function fetchSegment(
    asset: CatalogAsset,
    ref: SegmentRef,
    urgency: Urgency,
    options: FetchWhole,
  ): Promise<void> {
    const hash = ref.id as SegmentHash;
    const { space, seals } = await sealsFor(asset, ref);
    const isHere = (await readRowsHere(deps, hash)).some((here) => here.space === space);
    if (!isHere || !(await proveHere(asset, hash))) {
      if (seals.length === 0) throw notSealed(asset, hash);
      await fetchAny(seals, urgency, options);
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
      for (const { name } of (await sealsFor(asset, ref)).seals) names.set(name, ref);
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
      await fetchSegment(asset, ref, urgency, { signal: any, wholeBytes: total });
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

  /** Which of the assets that are fetched have got another version, as far as the journal says so now. */
  async function followVersions(): Promise<void> {
    const last = await catalog.lastSequence();
    for await (const { sequence, assetId } of catalog.changesAfter(readUntil ?? last, { signal: stopped.signal })) {
      if (sequence > last) break;
      if (subscribed.has(assetId)) renewed.add(assetId);
    }
    readUntil = Math.max(readUntil ?? 0, last);
  }

  async function fetchSubscribed(): Promise<void> {
    await followVersions();
    const due = [...renewed];
    const lacking = await spaces.lackingRows((asset) => subscribed.has(asset) && !renewed.has(asset), stopped);
    const assets = await catalog.getAssets(lacking);
    for (const id of due) {
      renewed.delete(id);
      const fetch = subscribed.get(id);
      // What an older version had, and nobody has any more, must not keep back what the present one has.
      if (fetch && fetch.version !== assets.get(id)?.version) {
        subscribed.delete(id);
        fetch.stop.abort(isOld());
      }
    }
    for (const asset of assets.values()) {
      if (stopped.signal.aborted) return;
      if (!subscribed.has(asset.id)) beginSubscribed(asset);
    }
  }

  function beginSubscribed(asset: CatalogAsset): void {
    const { id, version } = asset;
    const stop = new AbortController();
    const work = fetchAsset(asset, 'background', { signal: stop.signal })
      .then(() => undefined)
      .catch((error: unknown) => {
        if (stopped.signal.aborted || stop.signal.aborted) return;
        logger.warn('The rows of an asset could not be fetched.', {
          asset: id,
          cause: asGranaryError(error).message,
        });
      })
      .finally(() => {
        running.delete(work);
        if (subscribed.get(id)?.stop === stop) subscribed.delete(id);
      });
    running.add(work);
    subscribed.set(id, { version, stop });
  }

  return {
    fetchAsset,
    fetchSealed,
    askAgain,
    fetchSubscribed,
    status: () => fetcher.status(),
    counts,
    async [Symbol.asyncDispose]() {
      stopListening();
      stopped.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      await fetcher.close();
      await askingAgain;
      await Promise.all(running);
    },
  };
}

interface SubscribedFetch {
  readonly version: number;
  readonly stop: AbortController;
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

const isOld = () => new GranaryError('CANCELLED', 'The asset has another version by now.');

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
