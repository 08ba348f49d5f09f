import { allSegments, type CatalogAsset, type SegmentRef } from '#core/catalog/index.ts';
import { GranaryError, type OperationContext, type SegmentHash, throwIfAborted, toHex } from '#core/kernel/index.ts';
import { type EvictionRules, pledgesNeeded, type SealedName } from '#sync/segments/index.ts';
import { type OpenSpace, readProvedSeals, readSharedAsset, readToldSeals } from '#sync/spaces/index.ts';
import type { EvictOutput } from './operations.ts';
import { askMembers, type PledgeDeps } from './pledge-exchange.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** For so long members are asked to keep what this node lets go. */
const PLEDGE_MS = 31 * DAY_MS;
/** A promise of an earlier time counts that holds for so much longer. */
const PLEDGE_LEFT_MS = 7 * DAY_MS;

/**
 * Why a segment stays: nobody could be asked (`no-peer`), not enough members hold it (`too-few`), this device has promised
 * others to keep it (`bound`), another asset of this node has the same rows (`in-use`), or the space was never told of it, so
 * that nobody else can have it (`unshared`).
 */
export type KeptReason = 'no-peer' | 'too-few' | 'bound' | 'in-use' | 'unshared';

export interface EvictDeps extends PledgeDeps {
  /** Removes the opened segment and its sealed files, whose names these are, from the disk. */
  readonly removeSegment: (segment: SegmentHash, names: readonly SealedName[]) => Promise<void>;
  /** Rows of the asset are gone: tables that are made of them have to go as well. */
  readonly afterEviction: (asset: CatalogAsset) => Promise<void>;
}

/**
 * Removes the rows of an asset from this node as far as other members have promised to keep them, and follows only what is
 * known about the asset from then on. A crash leaves files that the catalog does not count on.
 * Errors: `ASSET_NOT_FOUND`, `UNSUPPORTED` for rows that are on this node alone, `CANCELLED`.
 */
export async function evictAsset(
  deps: EvictDeps,
  name: string,
  { signal, report }: OperationContext,
): Promise<EvictOutput> {
  const { store, catalog, spaces, clock, book } = deps;
  const asset = await catalog.getAsset(name);
  const shared = await readSharedAsset(store, asset.id);
  const space = shared && (await spaces.opened()).get(shared.space);
  if (!shared || !space) throw notShared(asset);
  if (asset.storageFormat === 'EDGE') throw isEdge(asset);
  await spaces.settle();

  const kept = new Map<KeptReason, number>();
  const keep = (reason: KeptReason) => kept.set(reason, (kept.get(reason) ?? 0) + 1);
  /** With the names under which members may have them. */
  const leaving: { readonly ref: SegmentRef; readonly names: readonly SealedName[] }[] = [];
  for (const ref of await allSegments(catalog, asset, { signal })) {
    throwIfAborted(signal);
    if (ref.remote) continue;
    const told = await readToldSeals(store, { space: shared.space, asset: asset.id, segment: ref.id });
    const isAlone = (await catalog.assetsNaming(ref.id)).every((id) => id === asset.id);
    if (!isAlone) keep('in-use');
    else if (told.length === 0) keep('unshared');
    else leaving.push({ ref, names: told.map(({ name: sealed }) => sealed) });
  }

  const before = (await spaces.subscription(asset.id)) ?? 'metadata';
  // From here on nothing is fetched again, and nothing of it is promised to others.
  await spaces.subscribe(asset.id, 'metadata');
  const now = clock.now();
  const members = membersOf(space, deps.key.publicKey);
  const names = leaving.flatMap((each) => each.names);
  const asked = names.length === 0 ? 0 : await askMembers(deps, members, { names, until: now + PLEDGE_MS }, { signal });
  const rules: EvictionRules = {
    until: now + PLEDGE_LEFT_MS,
    needed: pledgesNeeded(members.length + 1),
    counts: (holder) => members.includes(toHex(holder)),
  };
  const total = leaving.reduce((sum, { ref }) => sum + ref.byteCount, 0);
  let [done, evictedCount, byteCount] = [0, 0, 0];
  for (const { ref } of leaving) {
    throwIfAborted(signal);
    const segment = ref.id as SegmentHash;
    let isInUse = false;
    // This device may have promised it under a name that it has in another space.
    const everyName = (await readProvedSeals(store, segment)).map(({ name: sealed }) => sealed);
    const verdict = await book.evict(everyName, rules, async () => {
      // Another asset may have been given the same rows while members were asked.
      isInUse = !(await catalog.evictSegment(asset.id, segment, () => deps.removeSegment(segment, everyName)));
      return !isInUse;
    });
    if (isInUse) keep('in-use');
    else if (verdict.kind === 'free') [evictedCount, byteCount] = [evictedCount + 1, byteCount + ref.byteCount];
    else if (verdict.kind === 'bound') keep('bound');
    else keep(asked === 0 ? 'no-peer' : 'too-few');
    done += ref.byteCount;
    report({ stage: 'evicting', subject: asset.name, done, total, unit: 'bytes' });
  }
  if (evictedCount > 0) await deps.afterEviction(asset);
  else if (kept.size > 0) await spaces.subscribe(asset.id, before);
  return { asset: asset.name, evictedCount, byteCount, kept: Object.fromEntries(kept) };
}

/** The other members of a space, in hexadecimal digits. */
const membersOf = ({ access }: OpenSpace, self: Uint8Array): string[] =>
  [...access.members.values()]
    .filter(({ device, level }) => level !== null && toHex(device) !== toHex(self))
    .map(({ device }) => toHex(device));

const notShared = ({ name }: CatalogAsset) =>
  new GranaryError(
    'UNSUPPORTED',
    `The asset ${JSON.stringify(name)} is in no space: its rows are on this node alone. Share it first, or remove it.`,
    { asset: name },
  );

const isEdge = ({ name }: CatalogAsset) =>
  new GranaryError(
    'UNSUPPORTED',
    `The storage format of the asset ${JSON.stringify(name)} is EDGE: its rows are not shared, and are on this node alone.`,
    { asset: name },
  );
