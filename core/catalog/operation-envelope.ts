import { type AssetId, GranaryError, canonicalJson } from '#core/kernel/index.ts';
import type { HybridTime } from './hybrid-time.ts';

/** Names the meaning of the records below; a change of meaning gets a new name. */
export const CATALOG_OPERATION_SCHEMA = 'granary.catalog.v1';

/** A body travels in one frame between nodes; larger things travel as segments. */
export const OPERATION_BODY_BYTES_MAX = 256 * 1024;

/** Segments that one operation names; with an id of up to 100 bytes they stay well below the limit of a body. */
export const OPERATION_SEGMENTS_MAX = 1_000;

/** What the body of a signed operation says about one asset. */
export interface CatalogOperation {
  readonly schema: typeof CATALOG_OPERATION_SCHEMA;
  readonly asset: AssetId;
  readonly kind: 'asset-created' | 'asset-changed' | 'asset-removed' | 'version-committed' | 'lineage-recorded';
  readonly clock: HybridTime;
  /** Ids of the operations this one builds on: the newest about the same asset. */
  readonly dependencies: readonly string[];
  readonly record: Readonly<Record<string, unknown>>;
}

/** The body: canonical JSON. Errors: `LIMIT_EXCEEDED` over {@link OPERATION_BODY_BYTES_MAX}. */
export function encodeCatalogOperation(operation: CatalogOperation): Uint8Array {
  const body = canonicalJson(operation);
  if (body.length > OPERATION_BODY_BYTES_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `What is to be recorded about the asset ${operation.asset} takes ${body.length} bytes; ` +
        `an operation carries at most ${OPERATION_BODY_BYTES_MAX}. Use shorter names, or fewer columns.`,
      { limit: OPERATION_BODY_BYTES_MAX },
    );
  }
  return body;
}
