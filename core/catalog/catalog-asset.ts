import type { Schema } from 'apache-arrow';
import { type SchemaJson, schemaFromJson } from '#core/columnar/index.ts';
import type { DataAsset } from './asset.ts';

/** An asset with what is known of its current version. */
export interface CatalogAsset extends DataAsset {
  readonly rowCount: number;
  readonly byteCount: number;
  readonly segmentCount: number;
  /** Rows set aside by any version. */
  readonly quarantinedCount: number;
}

/** An asset as it is stored. */
export interface AssetRecord extends Omit<CatalogAsset, 'schema' | 'lineage'> {
  readonly schema: SchemaJson;
  /** The version whose manifest holds the schema; 0 before the first. */
  readonly schemaVersion: number;
  readonly sources: readonly string[];
  readonly edgeCount: number;
  /** Id of the newest signed operation about the asset: the next one depends on it. */
  readonly operationId: string | null;
  /** Of an asset that was removed: its segments count as referenced, since it may come back. */
  readonly keepsRows?: true | undefined;
}

/** The asset of a record. The schema is built when it is asked for: lists of many assets rarely look at it. */
export function toCatalogAsset(record: AssetRecord): CatalogAsset {
  const { schema, schemaVersion: _, sources, edgeCount, operationId: __, keepsRows: ___, ...rest } = record;
  let built: Schema | undefined;
  return {
    ...rest,
    get schema() {
      built ??= schemaFromJson(schema);
      return built;
    },
    lineage: { sources, edgeCount },
  };
}
