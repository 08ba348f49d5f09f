import { z } from 'zod';
import { parseMaxError, type SchemaJson, schemaFromJson, schemaToJson } from '#core/columnar/index.ts';
import { type AssetId, GranaryError, isSegmentHash, isUuid } from '#core/kernel/index.ts';
import { type AssetSpace, type DataAsset, DATA_ASSET_TYPES, STORAGE_FORMATS } from './asset.ts';
import { normaliseAssetName } from './asset-name.ts';
import type { VersionSource } from './asset-version.ts';
import { checkDescription, normaliseTags } from './describe-asset.ts';
import { LINEAGE_SOURCE_KINDS, type LineageEdge } from './lineage-edge.ts';
import type { SegmentRef } from './ports.ts';

/** A version of an asset as a space tells it. */
export interface ReplicaVersion {
  /** Of the space's operation that made it: 64 hexadecimal digits; null when the space has no version, and this no rows. */
  readonly operationId: string | null;
  /** The operation whose version this one changes; null when `added` are all of its segments. */
  readonly base: string | null;
  readonly added: readonly SegmentRef[];
  /** Ids of segments of the base that it leaves out. */
  readonly removed: readonly string[];
  /** Of the whole version. */
  readonly rowCount: number;
  readonly byteCount: number;
  readonly schema: SchemaJson;
  /** Milliseconds since the UNIX epoch, by the clock of the node that made it. */
  readonly createdAt: number;
  readonly sources: readonly VersionSource[];
}

/** What an asset of a space should be on this node. */
export interface AssetReplicaState {
  readonly assetId: AssetId;
  readonly origin: AssetSpace;
  readonly fields: Pick<DataAsset, 'name' | 'description' | 'assetType' | 'storageFormat' | 'tags' | 'maxErrors'>;
  /**
   * In order; the last is the one to be shown. The base of each is null or the operation before it in the list; that of
   * the first may be the one that was applied last. Those that are here already are passed over. None for EDGE, whose rows
   * do not travel.
   */
  readonly versions: readonly ReplicaVersion[];
  /** Those that lead to the asset. Edges that are recorded already are passed over. */
  readonly edges: readonly LineageEdge[];
  readonly removed: boolean;
  /** With `removed`: nobody has removed it, only nothing says any more that it is there. Its rows stay on the disk. */
  readonly keepsRows?: boolean | undefined;
}

const count = z.int().min(0);
const uuid = z.string().refine(isUuid, 'is no UUID');
const text = z.string().refine((value) => value.isWellFormed(), 'is not valid Unicode text');
const operationId = z.string().regex(/^[0-9a-f]{64}$/, 'is no id of an operation');
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const segment = z.object({
  id: z.string().refine(isSegmentHash, 'is no hash of a segment'),
  rowCount: count,
  byteCount: count,
  columns: z.array(z.object({ min: scalar.optional(), max: scalar.optional(), nullCount: count })),
});

const version = z.object({
  operationId: operationId.nullable(),
  base: operationId.nullable(),
  added: z.array(segment),
  removed: z.array(z.string()),
  rowCount: count,
  byteCount: count,
  schema: z.unknown().transform((json) => schemaToJson(schemaFromJson(json))),
  createdAt: count,
  sources: z.array(z.object({ name: text, kind: text, contentHash: text.nullable(), rowCount: count })),
});

const edge = z.object({
  id: uuid,
  from: z.object({
    kind: z.enum(LINEAGE_SOURCE_KINDS),
    name: z.string(),
    contentHash: z.string().optional(),
    assetId: uuid.optional(),
    version: count.optional(),
  }),
  to: z.object({ assetId: uuid, name: z.string(), version: count }),
  job: uuid.nullable(),
  rowCount: count,
  at: count,
  detail: z.record(z.string(), scalar),
});

const replica = z.object({
  assetId: uuid,
  origin: z.object({ space: uuid, spaceName: z.string() }),
  fields: z.object({
    name: z.string(),
    description: z.string().nullable(),
    assetType: z.enum(DATA_ASSET_TYPES),
    storageFormat: z.enum(STORAGE_FORMATS),
    tags: z.array(z.string()),
    maxErrors: z.record(z.string(), z.string()).optional(),
  }),
  versions: z.array(version),
  edges: z.array(edge),
  removed: z.boolean(),
  keepsRows: z.boolean().optional(),
});

/**
 * The state in normal form. It was made by another node, and is taken for nothing until it is checked. Errors:
 * `INPUT_INVALID`, `ASSET_NAME_INVALID`, `LIMIT_EXCEEDED`, `FORMAT_INVALID` for a schema.
 */
export function checkReplica(state: AssetReplicaState): AssetReplicaState {
  const parsed = replica.safeParse(state);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { assetId, origin, fields, versions, edges, removed, keepsRows } = parsed.data as unknown as AssetReplicaState;
  for (const { to } of edges) if (to.assetId !== assetId) throw invalid('an edge leads to another asset');
  if (fields.storageFormat === 'EDGE' && versions.length > 0) throw invalid('rows of EDGE assets do not travel');
  for (const [i, { operationId, base, added, removed: gone, schema }] of versions.entries()) {
    if (operationId === null && (added.length > 0 || base !== null)) throw invalid('no version has rows');
    if (i > 0 && base !== null && base !== versions[i - 1]!.operationId) throw invalid('its versions do not follow');
    if (base === null && gone.length > 0) throw invalid('a whole version removes segments');
    const width = schema.fields.length;
    if (added.some(({ columns }) => columns.length !== width))
      throw invalid('a segment has not the columns of its version');
  }
  return {
    assetId,
    origin: { space: origin.space, spaceName: normaliseAssetName(origin.spaceName) },
    fields: normaliseFields({ fields }),
    versions,
    edges,
    removed,
    keepsRows,
  };
}

/** The fields as the catalog keeps them. Errors: those of {@link checkReplica}. */
export function normaliseFields({ fields }: Pick<AssetReplicaState, 'fields'>): AssetReplicaState['fields'] {
  const { maxErrors = {} } = fields;
  // Whether a column is there and can have its bound is asked when rows come: the columns may be others tomorrow.
  for (const bound of Object.values(maxErrors)) parseMaxError(bound);
  return {
    name: normaliseAssetName(fields.name),
    description: checkDescription(fields.description),
    assetType: fields.assetType,
    storageFormat: fields.storageFormat,
    tags: normaliseTags(fields.tags),
    ...(Object.keys(maxErrors).length > 0 ? { maxErrors } : {}),
  };
}

const invalid = (fault: string): GranaryError =>
  new GranaryError('INPUT_INVALID', `What a space says of an asset cannot be taken in: ${fault}.`);
