import type { Schema } from 'apache-arrow';
import { GranaryError, type InputFile, throwIfAborted } from '#core/kernel/index.ts';
import type { IngestRun } from './ingest-files.ts';
import { mergeSchemas, sameSchema } from './merge-schemas.ts';
import type { BatchSource } from './ports.ts';
import { parseSchemaFile } from './schema-file.ts';

/** A file whose columns are known and whose rows are still to be read. */
export interface OpenedFile {
  readonly file: InputFile;
  readonly source: BatchSource;
  /** The version of the asset that holds this content already; 0 for a file earlier in the same call. */
  readonly knownVersion: number | null;
  /** Rows read so far, and rows set aside so far. */
  rowCount: number;
  quarantinedCount: number;
}

/**
 * Opens every file of the call, finds the ones whose content is known, and gives all others the same columns: those of
 * the schema file, of the asset, or the ones that can hold the values of every file.
 */
export async function openFiles(run: IngestRun): Promise<OpenedFile[]> {
  const { input, context, target } = run;
  const fixed = input.schemaFile === undefined ? target.schema : parseSchemaFile(input.schemaFile);
  const opened: OpenedFile[] = [];
  for await (const file of context.files) {
    throwIfAborted(context.signal);
    const replayable = file.replayable ? file : await run.spoolFile(file, run.folder, context.signal);
    opened.push(await openFile(run, replayable, fixed, opened));
  }
  if (opened.length === 0) throw new GranaryError('INPUT_INVALID', 'No file came with the call.');
  return fixed ? opened : withCommonSchema(run, opened);
}

async function openFile(
  run: IngestRun,
  file: InputFile,
  schema: Schema | undefined,
  before: readonly OpenedFile[],
): Promise<OpenedFile> {
  const { catalog, input, context, target } = run;
  const opened = { file, rowCount: 0, quarantinedCount: 0 };
  const source = run.resources.use(
    await run.openBatchSource(file, {
      schema,
      onError: input.onError,
      temporaryFolder: run.folder,
      signal: context.signal,
      report: context.report,
      quarantine: async (row) => {
        opened.quarantinedCount++;
        await run.quarantine.add(row);
      },
    }),
  );
  const { contentHash } = source;
  let knownVersion: number | null = null;
  if (!input.again) {
    const known = target.asset && (await catalog.findContent(target.id, contentHash));
    if (known) knownVersion = known.version;
    else if (before.some((earlier) => earlier.source.contentHash === contentHash)) knownVersion = 0;
  }
  return Object.assign(opened, { source, knownVersion });
}

/** Files whose values were read more narrowly than others of the call allow are opened again with the wider columns. */
async function withCommonSchema(run: IngestRun, opened: readonly OpenedFile[]): Promise<OpenedFile[]> {
  const fresh = opened.filter(({ knownVersion }) => knownVersion === null);
  if (fresh.length < 2) return [...opened];
  const schema = mergeSchemas(fresh.map(({ file, source }) => ({ name: file.name, schema: source.schema })));
  const reopened: OpenedFile[] = [];
  for (const entry of opened) {
    const stays = entry.knownVersion !== null || sameSchema(entry.source.schema, schema);
    reopened.push(stays ? entry : await openFile(run, entry.file, schema, []));
  }
  return reopened;
}
