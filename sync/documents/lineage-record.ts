import { LINEAGE_SOURCE_KINDS, type LineageSourceKind } from '#core/catalog/index.ts';
import { canonicalJson, isUuid } from '#core/kernel/index.ts';
import { z } from 'zod';
import { EDGE_DETAILS_MAX } from './limits.ts';
import { countSchema, operationIdSchema, textSchema } from './record.ts';

/** One edge: a version of the asset was made from a source. */
export const LINEAGE_SCHEMA = 'granary.lineage.v1';

/** An edge as devices tell it to each other: versions are named by the operations that made them. */
export interface AssetEdge {
  /** A UUID of the edge's own. */
  readonly id: string;
  readonly from: {
    readonly kind: LineageSourceKind;
    readonly name: string;
    readonly contentHash: string | null;
    /** With kind `asset`. */
    readonly assetId: string | null;
    /** The version that was read, by its operation; null when no operation told of it. */
    readonly version: string | null;
  };
  readonly to: {
    /** The name of the asset at that moment. */
    readonly name: string;
    readonly version: string | null;
  };
  readonly job: string | null;
  readonly rowCount: number;
  /** Milliseconds since the UNIX epoch. */
  readonly at: number;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

const uuidSchema = z.string().refine(isUuid, 'This is no UUID.');

export const edgeSchema: z.ZodType<AssetEdge> = z.strictObject({
  id: uuidSchema,
  from: z.strictObject({
    kind: z.enum(LINEAGE_SOURCE_KINDS),
    name: z.string(),
    contentHash: textSchema.nullable(),
    assetId: uuidSchema.nullable(),
    version: operationIdSchema.nullable(),
  }),
  to: z.strictObject({ name: textSchema, version: operationIdSchema.nullable() }),
  job: uuidSchema.nullable(),
  rowCount: countSchema,
  at: countSchema,
  detail: z
    .record(textSchema, z.union([textSchema, z.number(), z.boolean(), z.null()]))
    .refine((detail) => Object.keys(detail).length <= EDGE_DETAILS_MAX, 'There are too many details.'),
});

export const encodeEdge = (edge: AssetEdge): Uint8Array => canonicalJson(edge);
