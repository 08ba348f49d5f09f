import { profileColumn } from '#core/columnar/index.ts';
import type { OperationContext } from '#core/kernel/index.ts';
import type { ProfileOutput } from './operations.ts';
import { findSegments, readSegmentHeaders, type SegmentHeadersDeps } from './segment-headers.ts';

/**
 * What the compressed sizes and statistics of an asset's current version say about its columns, from the headers of its
 * segments alone. Errors: `ASSET_NOT_FOUND`, `UNSUPPORTED` for EDGE.
 */
export async function profileAsset(
  deps: SegmentHeadersDeps,
  name: string,
  context: OperationContext,
): Promise<ProfileOutput> {
  const found = await findSegments(deps, name, context);
  const headers = await readSegmentHeaders(deps, found, context);
  const groups = headers.flatMap(({ rowGroups }) => rowGroups);
  const { asset } = found;
  return {
    name: asset.name,
    rowCount: asset.rowCount,
    columns: asset.schema.fields.map(({ name: column, type }, index) => ({
      name: column,
      type: String(type),
      ...profileColumn(groups, index),
    })),
  };
}
