import { assertSegmentsHere, type CatalogAsset, type Catalog, type SegmentRef } from '#core/catalog/index.ts';
import { readSegmentHeader, type SegmentHeader } from '#core/columnar/index.ts';
import { GranaryError, type OperationContext, throwIfAborted } from '#core/kernel/index.ts';
import type { FileSystem } from '#core/platform/ports.ts';

export interface SegmentHeadersDeps {
  readonly catalog: Catalog;
  readonly segmentPath: (segmentId: string) => string;
  readonly files: FileSystem;
}

/** An asset and the segments of its current version. Errors: `ASSET_NOT_FOUND`, `SEGMENT_MISSING`, `UNSUPPORTED` for EDGE. */
export async function findSegments(
  { catalog }: SegmentHeadersDeps,
  name: string,
  { signal }: OperationContext,
): Promise<{ readonly asset: CatalogAsset; readonly segments: readonly SegmentRef[] }> {
  const asset = await catalog.getAsset(name);
  if (asset.storageFormat === 'EDGE') {
    throw new GranaryError(
      'UNSUPPORTED',
      `"${asset.name}" is stored as EDGE: rows in LevelDB, which have no columns to inspect. Export it as webm instead.`,
    );
  }
  const segments = await catalog.getManifest(asset.id, asset.version, { signal });
  assertSegmentsHere(asset.name, segments);
  return { asset, segments };
}

/** The headers of segments in order; nothing else of the files is read. */
export async function readSegmentHeaders(
  deps: SegmentHeadersDeps,
  { asset, segments }: { readonly asset: CatalogAsset; readonly segments: readonly SegmentRef[] },
  { signal, report }: OperationContext,
): Promise<SegmentHeader[]> {
  const headers: SegmentHeader[] = [];
  for (const [index, { id }] of segments.entries()) {
    throwIfAborted(signal);
    const source = await deps.files.open(deps.segmentPath(id));
    try {
      headers.push(await readSegmentHeader(source));
    } finally {
      await source.close();
    }
    report({ stage: 'inspecting', subject: asset.name, done: index + 1, total: segments.length, unit: 'segments' });
  }
  return headers;
}
