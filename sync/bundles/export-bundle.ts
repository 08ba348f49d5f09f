import {
  type AbortOptions,
  type Clock,
  equalBytes,
  fromHex,
  GranaryError,
  type Random,
  type ReportProgress,
  throwIfAborted,
} from '#core/kernel/index.ts';
import type { Blake3, SigningKey } from '#sync/log/index.ts';
import { type LogTip, TipTree } from '#sync/reconcile/index.ts';
import { type CreatePlainHasher, type LeafCipher, sealedByteCount, type SealedName } from '#sync/segments/index.ts';
import { plainStart, sealedStart } from './bundle-seal.ts';
import { bundleForeign } from './bundle-fault.ts';
import { bundleSpaceTag, signFrontier } from './frontier.ts';
import { BUNDLE_LOGS_MAX, BUNDLE_SEGMENTS_MAX } from './limits.ts';
import type { BundleListing } from './list-bundle.ts';
import { type ExportPlan, planExport } from './plan-export.ts';
import type { BundleFiles, BundleSource, NewFile, SealKey, SegmentSource } from './ports.ts';
import { encodePayload, encodeSection, type IndexEntries, toLogEnd } from './sections.ts';
import { startBody } from './write-body.ts';
import { writeForkProofs, writeIndex, writeItems, writeOperations, writeSegment } from './write-contents.ts';

export interface ExportDeps {
  readonly files: Pick<BundleFiles, 'create'>;
  /** Signs the frontier. */
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly blake3: Blake3;
  readonly createHasher: CreatePlainHasher;
  readonly cipher: LeafCipher;
}

export interface ExportOptions extends AbortOptions {
  /** Leaves out what whoever has taken in this bundle, or written it, has. */
  readonly since?: BundleListing | undefined;
  readonly segments?: SegmentSource | undefined;
  /** Seals the bundle to the X25519 keys of these devices. */
  readonly recipients?: { readonly sealing: SealKey; readonly keys: readonly Uint8Array[] } | undefined;
  /** In bytes of operations and segments. */
  readonly report?: ReportProgress | undefined;
}

export interface ExportReport {
  readonly byteCount: number;
  readonly operationCount: number;
  readonly operationBytes: number;
  readonly forkProofCount: number;
  readonly segmentCount: number;
  /** Bytes of ciphertext. */
  readonly segmentBytes: number;
  /** Segments that were asked for and are not here. */
  readonly segmentsNotHere: readonly SealedName[];
}

/**
 * Writes what a space has into a file at `path`, which is there whole or not at all. Operations and segments stream
 * through; the tips of all logs are held in memory.
 * Errors: `BUNDLE_FOREIGN` when `since` is of another space, `SEGMENT_CORRUPT`, `LIMIT_EXCEEDED`, `CANCELLED`, those of the
 * store and the file system.
 */
export async function exportBundle(
  deps: ExportDeps,
  source: BundleSource,
  path: string,
  options: ExportOptions = {},
): Promise<ExportReport> {
  const { since } = options;
  if (since && !equalBytes(since.spaceTag, bundleSpaceTag(deps.blake3, source.spaceId))) {
    throw bundleForeign('The bundle to go on from is of another space');
  }
  const tips = await readTips(source, options.signal);
  const segments = options.segments?.segments ?? [];
  if (segments.length > BUNDLE_SEGMENTS_MAX) throw tooMany('segments', segments.length, BUNDLE_SEGMENTS_MAX);
  const plan = planExport(tips, segments, (author, logId) => source.store.rank(author, logId), since);
  const file = await deps.files.create(path);
  try {
    const report = await writeBundle(deps, source, plan, file, options);
    throwIfAborted(options.signal);
    await file.publish();
    return report;
  } catch (error) {
    // The first failure is the one to report.
    await file.discard().catch(() => undefined);
    throw error;
  }
}

async function readTips({ store }: BundleSource, signal: AbortSignal | undefined): Promise<LogTip[]> {
  const tips: LogTip[] = [];
  for await (const tip of store.tips()) {
    throwIfAborted(signal);
    tips.push(tip);
    if (tips.length > BUNDLE_LOGS_MAX) throw tooMany('logs', tips.length, BUNDLE_LOGS_MAX);
  }
  return tips;
}

const tooMany = (what: string, count: number, limit: number) =>
  new GranaryError('LIMIT_EXCEEDED', `A bundle cannot take ${count} ${what}: the limit is ${limit}.`, { count, limit });

async function writeBundle(
  deps: ExportDeps,
  source: BundleSource,
  plan: ExportPlan,
  file: NewFile,
  options: ExportOptions,
): Promise<ExportReport> {
  const { blake3 } = deps;
  const { since, recipients, report } = options;
  const start = recipients
    ? await sealedStart({ ...deps, sealing: recipients.sealing }, recipients.keys)
    : plainStart();
  const body = await startBody(deps, file, start);
  const header = signFrontier(deps.key, {
    spaceTag: bundleSpaceTag(blake3, source.spaceId),
    createdAt: deps.clock.now(),
    base: since ? [since.root] : [],
    logCount: plan.frontier.length,
    root: TipTree.of(blake3, plan.frontier).root,
  });
  await body.write(encodeSection('header', encodePayload('header', header)));
  await writeItems(body, 'tips', plan.frontier, (part) => ({ tips: part.map(toLogEnd) }));

  let total = await measure(source, plan);
  let done = 0;
  const onBytes = (byteCount: number) => {
    done += byteCount;
    report?.({ stage: 'exporting', done: Math.min(done, total), total, unit: 'bytes' });
  };
  const writer = { body, blake3, onBytes };
  const logs = await writeOperations(writer, source.store, plan.logs, options);
  const proofCount = await writeForkProofs(writer, source.store, plan.frontier, options);
  const segments: IndexEntries['segments'][number][] = [];
  const segmentsNotHere: SealedName[] = [];
  for (const { name, byteCount: plainBytes } of plan.segments) {
    const byteCount = await writeSegment(writer, options.segments!.open, name, options);
    if (byteCount === undefined) {
      segmentsNotHere.push(name);
      total -= sealedByteCount(plainBytes);
    } else segments.push({ name: fromHex(name), byteCount });
  }
  const leftOut = plan.leftOut.map(({ name }) => ({ name: fromHex(name), byteCount: 0 }));
  await writeIndex(body, { proofCount, logs, segments: [...segments, ...leftOut] });
  return {
    byteCount: await body.end(),
    operationCount: logs.reduce((sum, log) => sum + log.operationCount, 0),
    operationBytes: logs.reduce((sum, log) => sum + log.byteCount, 0),
    forkProofCount: proofCount,
    segmentCount: segments.length,
    segmentBytes: segments.reduce((sum, segment) => sum + segment.byteCount, 0),
    segmentsNotHere,
  };
}

/** Bytes of operations and segments that will be written, if all of them are here. */
async function measure({ store }: BundleSource, { logs, segments }: ExportPlan): Promise<number> {
  let byteCount = segments.reduce((sum, segment) => sum + sealedByteCount(segment.byteCount), 0);
  for (const { tip, seqStart, baseId } of logs) {
    const start = baseId ? seqStart + 1 : seqStart;
    if (start <= tip.seq) byteCount += await store.byteCount(tip.author, tip.logId, start, tip.seq);
  }
  return byteCount;
}
