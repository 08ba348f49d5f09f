import { sequenceKey } from '#core/audit/index.ts';
import type { LineageEdge } from '#core/catalog/index.ts';

/**
 * | key                                                    | value                                             |
 * | ------------------------------------------------------ | ------------------------------------------------- |
 * | `lineage-to/<asset>/<version>/<place>/<edge>`          | an edge that leads to the version                 |
 * | `lineage-from/<source asset>/<asset>/<version>/<edge>` | the same edge, under the asset that it comes from |
 *
 * The place is the source's among those of its commit, so that they are listed as they were given.
 */
export const toAssetPrefix = (assetId: string) => `lineage-to/${assetId}/`;
export const toAssetKey = ({ id, to }: LineageEdge, place: number) =>
  `${toAssetPrefix(to.assetId)}${sequenceKey(to.version)}/${sequenceKey(place)}/${id}`;
export const fromAssetPrefix = (assetId: string) => `lineage-from/${assetId}/`;
export const fromAssetKey = (sourceId: string, { id, to }: LineageEdge) =>
  `${fromAssetPrefix(sourceId)}${to.assetId}/${sequenceKey(to.version)}/${id}`;
