import type { RecordBatch, Table } from 'apache-arrow';
import type { StorageFormat } from '#core/catalog/index.ts';
import type { AssetId } from '#core/kernel/index.ts';
import type { AssetResolver, QueryableAsset } from '../ports.ts';

export interface FakeAssetOptions {
  readonly storageFormat?: StorageFormat;
  /** Called for each scan, before the first batch. */
  readonly onScan?: (request: Parameters<QueryableAsset['scan']>[0]) => void;
  /** Waited for before each batch. */
  readonly beforeBatch?: () => Promise<void>;
}

/** An asset whose rows lie in memory; filters are taken for the hints that they are, and not applied. */
export function fakeAsset(name: string, table: Table, options: FakeAssetOptions = {}): QueryableAsset {
  const { storageFormat = 'POSTGRESQL', onScan, beforeBatch } = options;
  return {
    id: `00000000-0000-7000-8000-${Buffer.from(name).toString('hex').padStart(12, '0').slice(-12)}` as AssetId,
    name,
    version: 1,
    storageFormat,
    schema: table.schema,
    segments: [
      { id: name, rowCount: table.numRows, byteCount: 0, columns: table.schema.fields.map(() => ({ nullCount: 0 })) },
    ],
    async *scan(request, { signal } = {}) {
      onScan?.(request);
      for (const batch of table.batches) {
        await beforeBatch?.();
        signal?.throwIfAborted();
        const indexes = request.columns.map((column) =>
          table.schema.fields.findIndex((field) => field.name === column),
        );
        yield batch.selectAt(indexes) as RecordBatch;
      }
    },
  };
}

/** Finds assets as the catalog does: exactly first, then without regard to case. */
export function fakeResolver(assets: readonly QueryableAsset[]): AssetResolver {
  return {
    resolve: async (name) =>
      assets.find((asset) => asset.name === name) ??
      assets.find((asset) => asset.name.toLowerCase() === name.toLowerCase()),
    names: async () => assets.map((asset) => asset.name).sort(),
  };
}
