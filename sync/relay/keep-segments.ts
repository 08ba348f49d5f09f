/**
 * A relay keeps the sealed segments of spaces that it may not read, so that members who never meet get rows from each other:
 * it fetches what they announced from whoever has it, as much as its disk is to give, and serves it as any node does.
 */
import {
  asGranaryError,
  type Clock,
  createMutex,
  GranaryError,
  isGranaryError,
  type Logger,
  type Uuid,
  type Wait,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { type PledgeBook, type SealedFolder, sealedFileBytes, type SealedName } from '#sync/segments/index.ts';
import {
  carriedUntil,
  forgetAnnounced,
  isCarried,
  type KnownAnnouncement,
  readAnnounced,
  type Spaces,
} from '#sync/spaces/index.ts';
import { deleteHeld, type HeldSegment, putHeld, readHeld } from './held-segments.ts';
import { planHoldings } from './plan-holdings.ts';

/** Segments that are asked for at once; others take their turn, so that what nobody has keeps none waiting. */
export const RELAY_FETCHES_MAX = 256;
/** After the disk failed or was full, nothing is fetched for so long. Milliseconds. */
const DISK_PAUSE_MS = 60_000;
/** What came within this time is told to members together. Milliseconds. */
const TELL_MS = 1_000;

export interface RelayDeps {
  readonly store: KeyValueStore;
  readonly spaces: Pick<Spaces, 'opened'>;
  readonly folder: Pick<SealedFolder, 'open' | 'remove'>;
  readonly book: Pick<PledgeBook, 'isBound' | 'letGo'>;
  readonly clock: Clock;
  readonly wait: Wait;
  readonly logger: Logger;
  /** Bytes of sealed files for each space. */
  readonly bytesMax: number;
  /** See `fetchSealed` of the segment exchange. */
  readonly fetchSealed: (
    name: SealedName,
    byteCount: number,
    options: { readonly signal: AbortSignal },
  ) => Promise<void>;
  /** Segments that no connected peer has, of those that are fetched. */
  readonly unavailable: () => ReadonlySet<SealedName>;
  /** Members may find segments here that they did not find before. */
  readonly onKept: () => void;
}

/** `refused`: it was not what its announcement says. `failed`: the disk did not take it. */
export type RelayEvent = 'kept' | 'evicted' | 'refused' | 'failed';

export interface Relay extends AsyncDisposable {
  /** Brings what is held in line with what is announced now; fetching goes on after it resolves. */
  keep(): Promise<void>;
  /** What was counted since the start. */
  readonly counts: ReadonlyMap<RelayEvent, number>;
}

interface Fetch {
  readonly stop: AbortController;
  readonly work: Promise<void>;
}

export function startRelay(deps: RelayDeps): Relay {
  const { store, spaces, folder, book, clock, wait, logger } = deps;
  const counts = new Map<RelayEvent, number>();
  const count = (event: RelayEvent) => counts.set(event, (counts.get(event) ?? 0) + 1);
  const inOrder = createMutex();
  const stopped = new AbortController();
  const fetches = new Map<SealedName, Fetch>();
  /** What is to be here and is not, in the order in which it is fetched, with all sizes that were announced of it. */
  let wanted = new Map<SealedName, readonly KnownAnnouncement[]>();
  let pausedUntil = 0;
  let telling: Promise<void> | undefined;

  /** What the last plan was made for; each plan reads all that is announced. */
  let planned: string | undefined;

  async function keepNow(): Promise<void> {
    const carried = [...(await spaces.opened())].filter(([, space]) => isCarried(space)).map(([id]) => id);
    const heard = await Promise.all(carried.map(async (id) => `${id} ${await carriedUntil(store, id)}`));
    if (heard.join() !== planned) await plan(carried);
    planned = heard.join();
    giveTurns();
    fetchMore();
  }

  async function plan(carried: readonly Uuid[]): Promise<void> {
    const here = await readHeld(store);
    const bound = new Set<SealedName>();
    for (const name of here.keys()) if (await book.isBound(name)) bound.add(name);
    const chosen = new Map<SealedName, KnownAnnouncement[]>();
    for (const id of carried) {
      const announced: KnownAnnouncement[] = [];
      for await (const segment of readAnnounced(store, id)) {
        const held = here.get(segment.name);
        // What is whole has one size: another one that is said of it takes no place of others.
        if (!held?.isWhole || held.fileBytes === sealedFileBytes(segment.byteCount)) announced.push(segment);
      }
      const { held } = planHoldings({ announced, isBound: (name) => bound.has(name), bytesMax: deps.bytesMax });
      for (const segment of held) chosen.set(segment.name, [...(chosen.get(segment.name) ?? []), segment]);
    }
    wanted = new Map([...chosen].filter(([name]) => !here.get(name)?.isWhole));
    for (const [name, { stop }] of fetches) if (!chosen.has(name)) stop.abort(given());
    for (const held of here.values()) if (!chosen.has(held.name)) await evict(held);
  }

  async function evict({ name, isWhole }: HeldSegment): Promise<void> {
    const fetch = fetches.get(name);
    fetch?.stop.abort(given());
    await fetch?.work;
    const isGone = await book.letGo(name, () => folder.remove(name));
    if (!isGone) return;
    await deleteHeld(store, name);
    if (isWhole) count('evicted');
  }

  /** What nobody has makes place for what somebody may have. */
  function giveTurns(): void {
    if (wanted.size <= RELAY_FETCHES_MAX) return;
    for (const name of deps.unavailable()) {
      const claims = wanted.get(name);
      if (!claims) continue;
      fetches.get(name)?.stop.abort(given());
      wanted.delete(name);
      wanted.set(name, claims);
    }
  }

  function fetchMore(): void {
    if (stopped.signal.aborted || clock.monotonic() < pausedUntil) return;
    for (const [name, [segment]] of wanted) {
      if (fetches.size >= RELAY_FETCHES_MAX) return;
      if (!segment || fetches.has(name)) continue;
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, stopped.signal]);
      const work = fetchOne(segment, signal).finally(() => {
        fetches.delete(name);
        fetchMore();
      });
      fetches.set(name, { stop, work });
    }
  }

  /** Never rejects. */
  async function fetchOne(segment: KnownAnnouncement, signal: AbortSignal): Promise<void> {
    const { name, byteCount } = segment;
    try {
      const held = { name, fileBytes: sealedFileBytes(byteCount), isWhole: false };
      await putHeld(store, held);
      await deps.fetchSealed(name, byteCount, { signal });
      await putHeld(store, { ...held, isWhole: true });
      wanted.delete(name);
      count('kept');
      tellSoon();
    } catch (error) {
      if (signal.aborted) return;
      if (isGranaryError(error, 'SEGMENT_CORRUPT')) {
        count('refused');
        const others = wanted.get(name)?.filter((other) => other.byteCount !== byteCount) ?? [];
        if (others.length > 0) wanted.set(name, others);
        else wanted.delete(name);
        await forget(segment);
        return;
      }
      count('failed');
      pausedUntil = clock.monotonic() + DISK_PAUSE_MS;
      logger.warn('A relayed segment could not be kept; fetching pauses.', { cause: asGranaryError(error).message });
    }
  }

  async function forget(segment: KnownAnnouncement): Promise<void> {
    const commit = new Commit();
    for (const id of (await spaces.opened()).keys()) await forgetAnnounced(store, commit, id, segment);
    await store.write(commit, { sync: false });
  }

  function tellSoon(): void {
    telling ??= wait(TELL_MS, { signal: stopped.signal })
      .then(() => deps.onKept())
      .catch(() => undefined)
      .finally(() => {
        telling = undefined;
      });
  }

  return {
    keep: () => inOrder(keepNow),
    counts,
    async [Symbol.asyncDispose]() {
      stopped.abort(given());
      await inOrder(async () => undefined);
      await Promise.all(Array.from(fetches.values(), ({ work }) => work));
      await telling;
    },
  };
}

const given = () => new GranaryError('CANCELLED', 'The segment is not wanted any more.');
