/** The segments of a space's assets, as bundles carry them. */
import type { Catalog, CatalogAsset, SegmentRef } from '#core/catalog/index.ts';
import { type AbortOptions, type SegmentHash, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import type { ByteSource, KeyValueStore } from '#core/platform/ports.ts';
import type { BundleTarget, SegmentReceipt, SegmentSource } from '#sync/bundles/index.ts';
import {
  type CreatePlainHasher,
  fetchPlain,
  type SealedName,
  type SealedSourceDeps,
  type StorePlain,
} from '#sync/segments/index.ts';
import { readSeal, readSealOf, readSharedAssets, readWanted, type Spaces } from '#sync/spaces/index.ts';

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

/** What of the rows of a space's assets can go into a bundle, and how many segments cannot as they are not here. */
export async function listSegments(
  deps: BundleSegmentsDeps,
  space: Uuid,
  options: AbortOptions,
): Promise<{ readonly segments: SegmentSource['segments']; readonly missingCount: number }> {
  const segments: { name: SealedName; byteCount: number }[] = [];
  let missingCount = 0;
  for (const [id, { ref }] of await segmentsOf(deps, space, options)) {
    const seal = ref.remote ? undefined : await readSeal(deps.store, id);
    if (seal?.spaces.includes(space)) segments.push({ name: seal.segment.name, byteCount: seal.segment.byteCount });
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
  let named: Promise<Map<string, NamedSegment>> | undefined;

  /** What names the segments came before them in the bundle and has to be applied first. */
  const readNamed = () => (named ??= spaces.settle().then(() => segmentsOf(deps, space, options)));

  async function find(name: SealedName) {
    const seal = await readSealOf(store, name);
    const found = seal && (await readNamed()).get(seal.segment.hash);
    return found && { ...found, segment: seal.segment };
  }

  async function refusalOf(name: SealedName): Promise<SegmentRefusal | undefined> {
    await readNamed();
    const found = await find(name);
    if (!found) return 'unnamed';
    const wanted = await Promise.all(found.assets.map(({ id }) => readWanted(store, id)));
    if (wanted.every((each) => each === 'metadata')) return 'evicted';
    return deps.isFetching(name) ? 'fetching' : undefined;
  }

  /** The assets that have these rows now and had not before. */
  async function keepOne(name: SealedName, { signal }: AbortOptions): Promise<CatalogAsset[]> {
    const found = await find(name);
    if (!found?.ref.remote) return [];
    const { segment, assets } = found;
    const here = await openPlain(segment.hash);
    await here?.close();
    // It was received already: there is nothing to wait for.
    const fetcher = { fetch: async () => undefined };
    if (!here) await fetchPlain({ ...deps, fetcher, onDamaged: () => undefined }, segment, { signal });
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
        const seal = sealed ? undefined : await readSealOf(store, name);
        return sealed ?? (seal && openPlain(seal.segment.hash));
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
