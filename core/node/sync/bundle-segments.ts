/** The segments of a space's assets, as bundles carry them. */
import type { Catalog, CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  isGranaryError,
  type SegmentHash,
  throwIfAborted,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import { type ByteSource, Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { BundleTarget, SegmentReceipt, SegmentSource } from '#sync/bundles/index.ts';
import {
  type CreatePlainHasher,
  fetchPlain,
  type SealedName,
  type SealedSegment,
  type SealedSourceDeps,
  type StorePlain,
} from '#sync/segments/index.ts';
import {
  isProved,
  putProved,
  readProved,
  readSeals,
  readSharedAssets,
  readToldSeals,
  readWanted,
  type Spaces,
} from '#sync/spaces/index.ts';

export interface BundleSegmentsDeps extends SealedSourceDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly createHasher: CreatePlainHasher;
  readonly storePlain: StorePlain;
  /** The opened segment; undefined when it is not on this node. */
  readonly openPlain: (segment: string) => Promise<ByteSource | undefined>;
  /** What the file of a segment says of itself. Errors: `SEGMENT_CORRUPT`, `FORMAT_INVALID`. */
  readonly describe: (segment: SegmentHash) => Promise<SegmentRef>;
  /** True while the segment is being fetched from peers. */
  readonly isFetching: (name: SealedName) => boolean;
  /** Rows of an asset have come: tables that are made of them can follow. */
  readonly afterFetch: (asset: CatalogAsset) => Promise<void>;
}

interface NamedSegment {
  readonly ref: SegmentRef;
  readonly assets: CatalogAsset[];
}

/** The segments of the current versions of a space's assets, each once. Rows of EDGE assets are not shared. */
async function segmentsOf(
  { store, catalog }: BundleSegmentsDeps,
  space: Uuid,
  { signal }: AbortOptions,
): Promise<Map<string, NamedSegment>> {
  const segments = new Map<string, NamedSegment>();
  const shared = (await readSharedAssets(store, { signal })).filter((one) => one.space === space);
  const assets = await catalog.getAssets(shared.map(({ asset }) => asset));
  for (const asset of assets.values()) {
    throwIfAborted(signal);
    if (asset.version === 0 || asset.storageFormat === 'EDGE') continue;
    for (const ref of await catalog.getManifest(asset.id, asset.version, { signal })) {
      const known = segments.get(ref.id);
      if (known) known.assets.push(asset);
      else segments.set(ref.id, { ref, assets: [asset] });
    }
  }
  return segments;
}

interface ClaimedSegment extends NamedSegment {
  readonly segment: SealedSegment;
}

/** What documents say of each name; of several claims one at most is true. */
async function claimsOf(
  deps: BundleSegmentsDeps,
  space: Uuid,
  options: AbortOptions,
): Promise<ReadonlyMap<SealedName, readonly ClaimedSegment[]>> {
  const claims = new Map<SealedName, ClaimedSegment[]>();
  for (const [id, named] of await segmentsOf(deps, space, options)) {
    const seals = new Map<string, SealedSegment>();
    for (const asset of named.assets) {
      for (const seal of await readSeals(deps.store, { space, asset: asset.id, segment: id })) {
        seals.set(`${seal.name} ${toHex(seal.key)}`, seal);
      }
    }
    for (const segment of seals.values()) {
      claims.set(segment.name, [...(claims.get(segment.name) ?? []), { ...named, segment }]);
    }
  }
  return claims;
}

/** What of the rows of a space's assets can go into a bundle, and how many segments cannot as they are not here. */
export async function listSegments(
  deps: BundleSegmentsDeps,
  space: Uuid,
  options: AbortOptions,
): Promise<{ readonly segments: SegmentSource['segments']; readonly missingCount: number }> {
  const segments: { name: SealedName; byteCount: number }[] = [];
  let missingCount = 0;
  for (const [segment, { ref, assets }] of await segmentsOf(deps, space, options)) {
    const told: SealedSegment[] = [];
    if (!ref.remote) {
      for (const { id } of assets) told.push(...(await readToldSeals(deps.store, { space, asset: id, segment })));
    }
    if (told[0]) segments.push({ name: told[0].name, byteCount: told[0].byteCount });
    else missingCount += 1;
  }
  return { segments, missingCount };
}

/**
 * Why a segment of a bundle was not taken: no asset that this device can read names it, a person has evicted its rows here,
 * a peer is sending it, or it is not what its version says.
 */
export type SegmentRefusal = 'unnamed' | 'evicted' | 'fetching' | 'damaged';

/** Takes the segments of one bundle in. */
export interface SegmentIntake extends Pick<BundleTarget, 'folder' | 'wantsSegment'> {
  readonly refused: ReadonlyMap<SealedName, SegmentRefusal>;
  /** Opens what came into the store of opened segments; returns how many were not here before. */
  keep(receipts: readonly SegmentReceipt[], options: AbortOptions): Promise<number>;
}

export function createSegmentIntake(deps: BundleSegmentsDeps, space: Uuid, options: AbortOptions): SegmentIntake {
  const { store, catalog, spaces, folder, openPlain } = deps;
  const refused = new Map<SealedName, SegmentRefusal>();
  let named: Promise<ReadonlyMap<SealedName, readonly ClaimedSegment[]>> | undefined;

  /** What names the segments came before them in the bundle and has to be applied first. */
  const readNamed = () => (named ??= spaces.settle().then(() => claimsOf(deps, space, options)));
  const find = async (name: SealedName) => (await readNamed()).get(name) ?? [];

  async function refusalOf(name: SealedName): Promise<SegmentRefusal | undefined> {
    const found = await find(name);
    if (found.length === 0) return 'unnamed';
    const assets = found.flatMap((claim) => claim.assets);
    const wanted = await Promise.all(assets.map(({ id }) => readWanted(store, id)));
    if (wanted.every((each) => each === 'metadata')) return 'evicted';
    return deps.isFetching(name) ? 'fetching' : undefined;
  }

  /** False when the file is not the segment that is claimed to be sealed as it. */
  async function open(segment: SealedSegment, { signal }: AbortOptions): Promise<boolean> {
    const here = (await isProved(store, segment)) ? await openPlain(segment.hash) : undefined;
    await here?.close();
    if (here) return true;
    // It was received already: there is nothing to wait for.
    const fetcher = { fetch: async () => undefined };
    try {
      await fetchPlain({ ...deps, fetcher, onDamaged: () => undefined }, segment, { signal });
    } catch (error) {
      if (isGranaryError(error, 'SEGMENT_CORRUPT')) return false;
      throw error;
    }
    await store.write(putProved(new Commit(), segment), { sync: true });
    return true;
  }

  /** The assets that have these rows now and had not before. */
  async function keepOne(name: SealedName, keepOptions: AbortOptions): Promise<CatalogAsset[]> {
    const claims = (await find(name)).filter(({ ref }) => ref.remote);
    for (const claim of claims) if (await open(claim.segment, keepOptions)) return confirm(name, claim);
    if (claims.length > 0) refused.set(name, 'damaged');
    return [];
  }

  async function confirm(name: SealedName, { segment, assets }: ClaimedSegment): Promise<CatalogAsset[]> {
    const file = await deps.describe(segment.hash);
    const confirmed: CatalogAsset[] = [];
    for (const asset of assets) {
      const { refused: wrong } = await catalog.confirmSegments(asset.id, [file]);
      if (wrong.length > 0) refused.set(name, 'damaged');
      else confirmed.push(asset);
    }
    return confirmed;
  }

  return {
    refused,
    folder: {
      async open(name) {
        const sealed = await folder.open(name);
        const segment = sealed ? undefined : await readProved(store, name);
        return sealed ?? (segment && openPlain(segment.hash));
      },
      // A file of its own, as a peer may send the same segment meanwhile.
      async openPartial() {
        const draft = await folder.createDraft();
        return { ...draft, close: () => draft.discard() };
      },
    },
    async wantsSegment(name) {
      const refusal = await refusalOf(name);
      if (refusal) refused.set(name, refusal);
      return refusal === undefined;
    },
    async keep(receipts, keepOptions) {
      let keptCount = 0;
      const changed = new Map<string, CatalogAsset>();
      for (const { name, outcome } of receipts) {
        throwIfAborted(keepOptions.signal);
        if (outcome !== 'stored' && outcome !== 'known') continue;
        const assets = await keepOne(name, keepOptions);
        if (assets.length > 0) keptCount += 1;
        for (const asset of assets) changed.set(asset.id, asset);
      }
      for (const asset of changed.values()) await deps.afterFetch(asset);
      return keptCount;
    },
  };
}
