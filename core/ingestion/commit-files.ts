import type { RecordBatch } from 'apache-arrow';
import type { AssetVersion, CommitOutcome, MaxErrors, SegmentRef } from '#core/catalog/index.ts';
import { withErrorBounds } from '#core/columnar/index.ts';
import { GranaryError, isGranaryError, throwIfAborted, type Uuid, uuidv7 } from '#core/kernel/index.ts';
import { type LineageSource, recordLineage } from '#core/lineage/index.ts';
import type { IngestRun } from './ingest-files.ts';
import type { OpenedFile } from './open-files.ts';

/** Somebody who commits to the same asset all the time must not keep an append waiting for ever. */
export const COMMIT_ATTEMPTS_MAX = 10;

export interface CommittedFiles extends AssetVersion {
  /** Stored bytes of the rows that came in. */
  readonly bytesAdded: number;
}

/** Writes the rows of the files into the asset's store and makes them a version. Nothing is visible before the end. */
export async function commitFiles(run: IngestRun, files: readonly OpenedFile[]): Promise<CommittedFiles> {
  const { stores, target, context } = run;
  const schema = withErrorBounds(files[0]!.source.schema, boundsOf(run));
  const store = stores[target.storageFormat];
  const writeTarget = { assetId: target.id, assetName: target.name, schema };
  const segments: SegmentRef[] = [];
  for await (const segment of store.write(writeTarget, rowsOf(files, context.signal), context)) segments.push(segment);
  const outcome = await commit(run, files, segments);
  if (outcome.kind === 'known-content') {
    // Another call stored the same content while this one was reading it.
    const [known] = outcome.known;
    throw new GranaryError(
      'VERSION_CONFLICT',
      `"${known!.name}" has meanwhile been stored in "${target.name}" as version ${known!.version}. Nothing was stored twice.`,
    );
  }
  await run.afterCommit(outcome.asset);
  const bytesAdded = segments.reduce((sum, { byteCount }) => sum + byteCount, 0);
  return { ...outcome.version, bytesAdded };
}

async function* rowsOf(files: readonly OpenedFile[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
  for (const file of files) {
    for await (const batch of file.source.batches) {
      throwIfAborted(signal);
      file.rowCount += batch.numRows;
      yield batch;
    }
  }
}

/** Appends are independent of each other: when somebody else was first, the commit is tried on the newer version. */
async function commit(
  run: IngestRun,
  files: readonly OpenedFile[],
  added: readonly SegmentRef[],
): Promise<CommitOutcome> {
  const { catalog, input, context, target, quarantine } = run;
  const schema = withErrorBounds(files[0]!.source.schema, boundsOf(run));
  const job = uuidv7(run);
  let parentVersion = target.asset?.version ?? 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await catalog.commitSegments(
        {
          assetId: target.id,
          create: target.asset
            ? undefined
            : {
                name: target.name,
                description: input.description,
                assetType: input.assetType ?? 'STRUCTURED',
                storageFormat: target.storageFormat,
                tags: input.tags,
                maxErrors: input.maxErrors,
              },
          parentVersion,
          schema,
          added,
          sources: files.map(({ file, source, rowCount }) => ({
            name: file.name,
            kind: 'file',
            contentHash: source.contentHash,
            rowCount,
          })),
          repeatContent: input.again,
          quarantine,
          jobs: [describeJob(run, job, files)],
          contribute: (contribution) =>
            recordLineage(
              run,
              contribution,
              files.map((file) => lineageOf(file, job, boundsOf(run))),
            ),
        },
        { actor: context.caller, signal: context.signal },
      );
    } catch (error) {
      if (!isGranaryError(error, 'VERSION_CONFLICT') || attempt === COMMIT_ATTEMPTS_MAX || !target.asset) throw error;
      parentVersion = (await catalog.getAsset(target.id)).version;
    }
  }
}

const boundsText = (maxErrors: MaxErrors): string =>
  Object.entries(maxErrors)
    .map(([column, bound]) => `${column}=${bound}`)
    .join(' ');

/** The error bounds under which rows come into the asset. */
const boundsOf = ({ target, input }: IngestRun): MaxErrors =>
  target.asset ? (target.asset.maxErrors ?? {}) : input.maxErrors;

const lineageOf = (
  { file, source, rowCount, quarantinedCount }: OpenedFile,
  job: Uuid,
  maxErrors: MaxErrors,
): LineageSource => ({
  from: { kind: 'file', name: file.name, contentHash: source.contentHash },
  job,
  rowCount,
  detail: {
    format: source.format,
    quarantinedCount,
    ...(Object.keys(maxErrors).length > 0 ? { maxErrors: boundsText(maxErrors) } : {}),
  },
});

const describeJob = (run: IngestRun, id: Uuid, files: readonly OpenedFile[]) => ({
  id,
  name: `ingest into ${run.target.name}`,
  source: { kind: 'FileDrop', files: files.map(({ file }) => file.name) },
  targetAssetId: run.target.id,
  schedule: null,
  transformationLogic: null,
  status: 'SUCCEEDED' as const,
  lastRun: run.clock.now(),
  nextRun: null,
  errorCount: 0,
  maxErrors: 0,
  lastResult: { rowCount: files.reduce((sum, { rowCount }) => sum + rowCount, 0) },
});
