import { sequenceKey } from '#core/audit/index.ts';

/**
 * | key                                          | value                                              |
 * | -------------------------------------------- | -------------------------------------------------- |
 * | `lineage-to/<asset>/<version>/<edge>`        | an edge that leads to the version                  |
 * | `lineage-from/<source asset>/<asset>/<edge>` | the same edge, under the asset that it comes from  |
 */
export const toAssetPrefix = (assetId: string) => `lineage-to/${assetId}/`;
export const toAssetKey = (assetId: string, version: number, edgeId: string) =>
  `${toAssetPrefix(assetId)}${sequenceKey(version)}/${edgeId}`;
export const fromAssetPrefix = (assetId: string) => `lineage-from/${assetId}/`;
export const fromAssetKey = (sourceId: string, assetId: string, edgeId: string) =>
  `${fromAssetPrefix(sourceId)}${assetId}/${edgeId}`;
