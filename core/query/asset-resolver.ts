import { assertSegmentsHere, type Catalog, type RowStore, type StorageFormat } from '#core/catalog/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { AssetResolver } from './ports.ts';

export interface ResolverDeps {
  readonly catalog: Catalog;
  readonly stores: Readonly<Record<StorageFormat, RowStore>>;
  /** Path of a segment file. */
  readonly segmentPath: (segmentId: string) => string;
}

/** An asset that a statement named, at the version it reads. */
export interface AssetAccess {
  readonly id: AssetId;
  readonly name: string;
  readonly version: number;
}

/** Finds the assets of a statement in the catalog and tells `onAccess` of each. */
export function createAssetResolver(
  { catalog, stores, segmentPath }: ResolverDeps,
  onAccess: (access: AssetAccess) => void,
): AssetResolver {
  return {
    async resolve(name, asOf) {
      const asset = await catalog.findAsset(name);
      if (!asset) return undefined;
      const { id, storageFormat } = asset;
      const { version, schema } = await catalog.resolveAsOf(id, asOf);
      const segments = await catalog.getManifest(id, version);
      onAccess({ id, name: asset.name, version });
      assertSegmentsHere(asset.name, segments);
      const target = { assetId: id, assetName: asset.name, schema };
      return {
        id,
        name: asset.name,
        version,
        storageFormat,
        schema,
        segments,
        ...(storageFormat === 'WEBM_COLUMNAR' ? { segmentPath } : {}),
        scan: (request, options) => stores[storageFormat].scan(target, segments, request, options),
      };
    },
    names: () => catalog.assetNames(),
  };
}
