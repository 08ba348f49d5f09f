import { z } from 'zod';
import { schemaToJson } from '#core/columnar/index.ts';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { DATA_ASSET_TYPES, STORAGE_FORMATS, type StorageFormat } from './asset.ts';
import type { AssetVersion } from './asset-version.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogAsset } from './catalog-asset.ts';
import type { RowStore } from './ports.ts';
import { verifyAssets } from './verify-assets.ts';

/** Assets in one answer; whoever has more asks for the next page. */
export const LIST_ASSETS_MAX = 100_000;

const field = z.object({ name: z.string(), type: z.looseObject({ name: z.string() }), nullable: z.boolean() });

const asset = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  assetType: z.enum(DATA_ASSET_TYPES),
  storageFormat: z.enum(STORAGE_FORMATS),
  schema: z.looseObject({ fields: z.array(field) }),
  tags: z.array(z.string()),
  /** By column, how far stored values may be from those that came in. */
  maxErrors: z.record(z.string(), z.string()),
  createdAt: z.string(),
  updatedAt: z.string(),
  version: z.int(),
  rowCount: z.int(),
  byteCount: z.int(),
  lineage: z.object({ sources: z.array(z.string()), edgeCount: z.int() }),
  /** The space that it is in, and how many segments of its current version are not on this node; null for one in no space. */
  space: z.object({ name: z.string(), segmentCount: z.int(), missingSegmentCount: z.int() }).nullable(),
});

const listAssetsOutput = z.object({ assets: z.array(asset), totalCount: z.int() });

const version = z.object({
  version: z.int(),
  parent: z.int().nullable(),
  kind: z.string(),
  createdAt: z.string(),
  rowCount: z.int(),
  byteCount: z.int(),
  segmentsAdded: z.int(),
  segmentsRemoved: z.int(),
  sources: z.array(z.string()),
  operationId: z.string().nullable(),
});

const listVersionsOutput = z.object({ versions: z.array(version) });

const verifyOutput = z.object({
  assetCount: z.int(),
  segmentCount: z.int(),
  /** Segments that have not come to this node. */
  remoteCount: z.int(),
  faults: z.array(
    z.object({
      asset: z.string(),
      segmentId: z.string(),
      code: z.enum(['SEGMENT_MISSING', 'SEGMENT_CORRUPT']),
      column: z.string().nullable(),
      rowGroup: z.int().nullable(),
      message: z.string(),
    }),
  ),
});

export type AssetOutput = z.output<typeof asset>;
export type ListAssetsOutput = z.output<typeof listAssetsOutput>;
export type ListVersionsOutput = z.output<typeof listVersionsOutput>;
export type VerifyOutput = z.output<typeof verifyOutput>;

export interface CatalogOperationsDeps {
  readonly catalog: Catalog;
  readonly stores: Readonly<Record<StorageFormat, RowStore>>;
  /** Called once an asset is gone: removes what stands beside the journal. */
  readonly afterRemoval: (asset: CatalogAsset) => Promise<void>;
}

export function catalogOperations(deps: CatalogOperationsDeps): readonly Operation[] {
  const { catalog } = deps;
  return [
    defineOperation({
      name: 'listAssets',
      description: 'The assets in order of their names, with what is known of their current versions.',
      input: z.strictObject({
        types: z.array(z.enum(DATA_ASSET_TYPES)).optional(),
        tags: z.array(z.string()).optional(),
        limit: z.int().min(1).max(LIST_ASSETS_MAX).default(LIST_ASSETS_MAX),
        offset: z.int().min(0).default(0),
      }),
      output: listAssetsOutput,
      permission: 'read',
      async handler(query, { signal }) {
        const { assets, totalCount } = await catalog.listAssets(query, { signal });
        return { assets: await Promise.all(assets.map((found) => describeAsset(catalog, found))), totalCount };
      },
    }),
    defineOperation({
      name: 'getAsset',
      description: 'One asset by its name or id.',
      input: z.strictObject({ name: z.string() }),
      output: asset,
      permission: 'read',
      handler: async ({ name }) => describeAsset(catalog, await catalog.getAsset(name)),
    }),
    defineOperation({
      name: 'updateAsset',
      description: 'Changes what is said about an asset: name, description, type, tags, error bounds of columns.',
      input: z.strictObject({
        name: z.string(),
        newName: z.string().optional(),
        description: z.string().nullable().optional(),
        assetType: z.enum(DATA_ASSET_TYPES).optional(),
        addTags: z.array(z.string()).default([]),
        removeTags: z.array(z.string()).default([]),
        maxErrors: z.record(z.string(), z.string().nullable()).optional(),
      }),
      output: asset,
      permission: 'write',
      async handler({ name, newName, addTags, removeTags, ...changes }, { caller, signal }) {
        const found = await catalog.getAsset(name);
        const tags = [...found.tags.filter((tag) => !removeTags.includes(tag)), ...addTags];
        const updated = await catalog.updateAsset(
          found.id,
          { ...changes, name: newName, tags },
          { actor: caller, signal, expectedUpdatedAt: found.updatedAt },
        );
        return describeAsset(catalog, updated);
      },
    }),
    defineOperation({
      name: 'removeAsset',
      description: 'Removes an asset; its journal, lineage and audit entries stay.',
      input: z.strictObject({ name: z.string() }),
      output: z.object({ removed: z.string() }),
      permission: 'write',
      async handler({ name }, { caller, signal }) {
        const found = await catalog.getAsset(name);
        await catalog.removeAsset(found.id, { actor: caller, signal });
        await deps.afterRemoval(found);
        return { removed: found.name };
      },
    }),
    defineOperation({
      name: 'listVersions',
      description: 'The versions of an asset, newest first.',
      input: z.strictObject({ name: z.string() }),
      output: listVersionsOutput,
      permission: 'read',
      async handler({ name }) {
        const { id } = await catalog.getAsset(name);
        return { versions: (await catalog.listVersions(id)).map(describeVersion) };
      },
    }),
    defineOperation({
      name: 'verifyAssets',
      description: 'Reads every stored byte of one asset or of all and compares it with its checksums.',
      input: z.strictObject({ name: z.string().optional() }),
      output: verifyOutput,
      permission: 'read',
      handler: ({ name }, context) => verifyAssets(deps, name, context),
    }),
  ];
}

const describeAsset = async (catalog: Catalog, found: CatalogAsset): Promise<AssetOutput> => ({
  id: found.id,
  name: found.name,
  description: found.description,
  assetType: found.assetType,
  storageFormat: found.storageFormat,
  schema: schemaToJson(found.schema) as AssetOutput['schema'],
  tags: [...found.tags],
  maxErrors: { ...found.maxErrors },
  createdAt: new Date(found.createdAt).toISOString(),
  updatedAt: new Date(found.updatedAt).toISOString(),
  version: found.version,
  rowCount: found.rowCount,
  byteCount: found.byteCount,
  lineage: { sources: [...found.lineage.sources], edgeCount: found.lineage.edgeCount },
  space: await describeSpace(catalog, found),
});

async function describeSpace(catalog: Catalog, { id, version, origin }: CatalogAsset): Promise<AssetOutput['space']> {
  if (!origin) return null;
  const segments = await catalog.getManifest(id, version);
  const missing = segments.filter(({ remote }) => remote);
  return { name: origin.spaceName, segmentCount: segments.length, missingSegmentCount: missing.length };
}

const describeVersion = (found: AssetVersion) => ({
  version: found.version,
  parent: found.parentVersion === 0 ? null : found.parentVersion,
  kind: found.kind,
  createdAt: new Date(found.createdAt).toISOString(),
  rowCount: found.rowCount,
  byteCount: found.byteCount,
  segmentsAdded: found.segmentsAdded,
  segmentsRemoved: found.segmentsRemoved,
  sources: found.sources.map(({ name }) => name),
  operationId: found.operationId,
});
