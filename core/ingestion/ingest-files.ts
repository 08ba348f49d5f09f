import type { Schema } from 'apache-arrow';
import type { AuditLog } from '#core/audit/index.ts';
import type { Catalog, CatalogAsset, QuarantineRun, RowStore, StorageFormat } from '#core/catalog/index.ts';
import {
  asGranaryError,
  type AssetId,
  type Clock,
  GranaryError,
  type InputFile,
  isGranaryError,
  type OperationContext,
  type Random,
  uuidv7,
} from '#core/kernel/index.ts';
import { commitFiles } from './commit-files.ts';
import { type OpenedFile, openFiles } from './open-files.ts';
import type { IngestInput, IngestOutput } from './operations.ts';
import type { OpenBatchSource } from './ports.ts';

export interface IngestDeps {
  readonly catalog: Catalog;
  readonly auditLog: AuditLog;
  readonly stores: Readonly<Record<StorageFormat, RowStore>>;
  readonly openBatchSource: OpenBatchSource;
  /** Copies a file that can be read only once into a folder. */
  readonly spoolFile: (file: InputFile, folder: string, signal: AbortSignal) => Promise<InputFile>;
  /** An empty folder that is removed when it is disposed. */
  readonly temporaryFolder: () => Promise<AsyncDisposable & { readonly path: string }>;
  /** Called after a commit: brings what stands beside the journal up to date before the caller is answered. */
  readonly afterCommit: (asset: CatalogAsset) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where the rows go. */
export interface IngestTarget {
  readonly id: AssetId;
  readonly name: string;
  readonly storageFormat: StorageFormat;
  /** The asset as it is; undefined when this ingestion creates it. */
  readonly asset: CatalogAsset | undefined;
  /** The columns its rows have already. */
  readonly schema: Schema | undefined;
}

/** One call in the making. */
export interface IngestRun extends IngestDeps {
  readonly input: IngestInput;
  readonly context: OperationContext;
  readonly target: IngestTarget;
  readonly folder: string;
  readonly quarantine: QuarantineRun;
  /** Disposed when the call ends, however it ends. */
  readonly resources: AsyncDisposableStack;
}

/**
 * Stores the files of a call as one new version of an asset: all of them or nothing. Content that the asset holds
 * already is recognised by its hash and left out, unless `again` is set. Errors: those of the readers, the stores and
 * the catalog; `INPUT_INVALID` when no file came or the asset has another storage format.
 */
export async function ingestFiles(
  deps: IngestDeps,
  input: IngestInput,
  context: OperationContext,
): Promise<IngestOutput> {
  const startedAt = deps.clock.monotonic();
  const target = await findTarget(deps, input);
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await deps.temporaryFolder());
  const quarantine = deps.catalog.openQuarantine();
  const run: IngestRun = { ...deps, input, context, target, folder: folder.path, quarantine, resources };
  try {
    const files = await openFiles(run);
    const fresh = files.filter(({ knownVersion }) => knownVersion === null);
    const version = fresh.length > 0 ? await commitFiles(run, fresh) : undefined;
    return {
      asset: target.name,
      assetId: target.id,
      storageFormat: target.storageFormat,
      version: version?.version ?? null,
      rowCount: version?.rowsAdded ?? 0,
      byteCount: version?.bytesAdded ?? 0,
      elapsedMilliseconds: deps.clock.monotonic() - startedAt,
      files: files.map(describeFile),
    };
  } catch (error) {
    await quarantine.discard();
    const { code } = asGranaryError(error);
    const { name: assetName } = target;
    const assetId = target.asset?.id ?? null;
    await deps.auditLog.record([
      {
        actor: context.caller,
        assetId,
        assetName,
        action: 'WRITE',
        outcome: 'failed',
        detail: { operation: 'ingest', code },
      },
    ]);
    throw error;
  }
}

async function findTarget(deps: IngestDeps, input: IngestInput): Promise<IngestTarget> {
  // The exact name: a new asset may differ from another in case alone.
  const asset = await deps.catalog.getAsset(input.asset).catch((error: unknown) => {
    if (isGranaryError(error, 'ASSET_NOT_FOUND')) return undefined;
    throw error;
  });
  if (!asset) {
    const storageFormat = input.storageFormat ?? 'WEBM_COLUMNAR';
    const id = uuidv7<AssetId>(deps);
    return { id, name: input.asset, storageFormat, asset: undefined, schema: undefined };
  }
  const { id, name, storageFormat } = asset;
  if (input.storageFormat !== undefined && input.storageFormat !== storageFormat) {
    throw new GranaryError(
      'INPUT_INVALID',
      `"${name}" is stored as ${storageFormat}; it cannot take rows as ${input.storageFormat}. Choose another asset.`,
      { field: 'storageFormat' },
    );
  }
  if (Object.entries(input.maxErrors).some(([column, bound]) => asset.maxErrors?.[column] !== bound)) {
    throw new GranaryError(
      'INPUT_INVALID',
      `"${name}" has error bounds of its own. Change them first: granary assets set ${name} --max-error COLUMN=BOUND`,
      { field: 'maxErrors' },
    );
  }
  return { id, name, storageFormat, asset, schema: asset.version > 0 ? asset.schema : undefined };
}

const describeFile = ({ file, source, knownVersion, rowCount, quarantinedCount }: OpenedFile) => ({
  name: file.name,
  outcome: knownVersion === null ? ('stored' as const) : ('known' as const),
  knownVersion,
  format: source.format,
  rowCount,
  quarantinedCount,
  notes: [...source.notes],
});
