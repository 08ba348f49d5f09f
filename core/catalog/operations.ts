import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { DATA_ASSET_TYPES, STORAGE_FORMATS } from './asset.ts';

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
  createdAt: z.string(),
  updatedAt: z.string(),
  version: z.int(),
  rowCount: z.int(),
  byteCount: z.int(),
  lineage: z.object({ sources: z.array(z.string()), edgeCount: z.int() }),
});

const listAssetsOutput = z.object({ assets: z.array(asset) });

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
  operationId: z.string(),
});

const listVersionsOutput = z.object({ versions: z.array(version) });

const verifyOutput = z.object({
  assetCount: z.int(),
  segmentCount: z.int(),
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
