import { type AbortOptions, GranaryError, type ReportProgress } from '#core/kernel/index.ts';
import type { AppendOutcome } from '#sync/reconcile/index.ts';
import { bundleDamaged, bundleForeign } from './bundle-fault.ts';
import { isBundleOf } from './frontier.ts';
import { findMissing, type ImportReport, type MissingSegment, OperationTally } from './import-report.ts';
import { type BundleListing, listingOf } from './list-bundle.ts';
import { type OpenBundle, type OpenDeps, type Section, unexpected, withBundle } from './open-bundle.ts';
import type { BundleFiles, BundleTarget, FindTarget } from './ports.ts';
import { receiveSegment, type SegmentReceipt, type SegmentReceiver } from './receive-segment.ts';
import { decodePayload, SECTION_TYPES } from './sections.ts';

export interface ImportDeps extends OpenDeps {
  readonly files: Pick<BundleFiles, 'open'>;
}

export interface ImportOptions extends AbortOptions {
  /** In bytes of operations and segments. */
  readonly report?: ReportProgress | undefined;
}

/**
 * Takes in what the bundle at `path` holds and is not here yet, in one pass and bounded memory. Everything is checked:
 * operations by the target, leaves of segments by their names. Whatever ends an import, what it stored stays, and the
 * next one goes on from there.
 * Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED`, `BUNDLE_FOREIGN` when `findTarget` knows no space for it,
 * `CANCELLED`, those of the target and the file system.
 */
export const importBundle = (
  deps: ImportDeps,
  findTarget: FindTarget,
  path: string,
  options: ImportOptions = {},
): Promise<ImportReport> =>
  withBundle(deps, path, options, async (bundle) => {
    const target = await findTarget(bundle.header);
    if (!target || !isBundleOf(deps.blake3, bundle.header, target.spaceId)) {
      throw bundleForeign('The bundle is of a space that is not on this node');
    }
    return takeIn(deps, bundle, target, options);
  });

async function takeIn(
  { blake3 }: ImportDeps,
  bundle: OpenBundle,
  target: BundleTarget,
  { signal, report }: ImportOptions,
): Promise<ImportReport> {
  const listing = listingOf(bundle);
  const tally = new OperationTally(blake3);
  const forkProofs = { stored: 0, known: 0, refused: 0 };
  const receipts: SegmentReceipt[] = [];
  const expected = bundle.index.segments.filter(({ byteCount }) => byteCount > 0);
  const progress = countBytes(listing, report);
  let receiver: SegmentReceiver | undefined;
  let lastType = 0;

  async function endSegment(): Promise<void> {
    if (receiver) receipts.push(await receiver.end());
    receiver = undefined;
  }

  async function append(operations: readonly Uint8Array[]): Promise<readonly AppendOutcome[]> {
    // A section is one piece of memory; a store that keeps a part of it must not keep all of it.
    const outcomes = await target.append(operations.map((bytes) => bytes.slice()));
    if (outcomes.length !== operations.length) throw new GranaryError('INTERNAL', 'An outcome is missing.');
    return outcomes;
  }

  async function take(section: Section): Promise<void> {
    const { name, payload } = section;
    const type = name === 'page' || name === 'leaves' ? SECTION_TYPES.segment : SECTION_TYPES[name];
    if (type < lastType) throw unexpected(section);
    lastType = type;
    switch (name) {
      case 'operations': {
        const { operations } = decodePayload(name, payload);
        const outcomes = await append(operations);
        for (const [i, bytes] of operations.entries()) {
          tally.count(bytes, outcomes[i]!);
          progress.add(bytes.length);
        }
        return;
      }
      case 'proofs':
        for (const { outcome } of await append(decodePayload(name, payload).proofs)) {
          forkProofs[outcome === 'fork' ? 'refused' : outcome] += 1;
        }
        return;
      case 'segment': {
        await endSegment();
        const next = expected[receipts.length];
        if (!next) throw unexpected(section);
        receiver = await receiveSegment(blake3, target, next, payload);
        return;
      }
      case 'page':
      case 'leaves':
        if (!receiver) throw unexpected(section);
        if (name === 'page') return receiver.takePage(payload);
        progress.add(payload.length);
        return receiver.takeLeaves(payload);
      default:
        throw unexpected(section);
    }
  }

  try {
    for await (const section of bundle.contents({ signal })) await take(section);
    await endSegment();
  } finally {
    await receiver?.close();
  }
  await bundle.body.checkDigest({ signal });
  checkIndex(listing, tally, forkProofs, receipts);
  return {
    bundle: listing,
    storedCount: tally.storedCount,
    knownCount: tally.knownCount,
    refused: tally.refused,
    forkProofs,
    segments: receipts,
    missingOperations: await findMissing(target.store, listing, tally),
    missingSegments: await findMissingSegments(listing, target, receipts),
  };
}

function countBytes({ logs, segments }: BundleListing, report: ReportProgress | undefined) {
  let total = 0;
  for (const { byteCount } of logs) total += byteCount;
  for (const { byteCount } of segments) total += byteCount ?? 0;
  let done = 0;
  return {
    add(byteCount: number) {
      done += byteCount;
      report?.({ stage: 'importing', done: Math.min(done, total), total, unit: 'bytes' });
    },
  };
}

/** What was found must be as much as the index says. */
function checkIndex(
  listing: BundleListing,
  tally: OperationTally,
  proofs: ImportReport['forkProofs'],
  receipts: readonly SegmentReceipt[],
): void {
  let operationCount = tally.storedCount + tally.knownCount;
  for (const count of tally.refused.values()) operationCount += count;
  const isRight =
    operationCount === listing.logs.reduce((sum, log) => sum + log.operationCount, 0) &&
    proofs.stored + proofs.known + proofs.refused === listing.forkProofCount &&
    receipts.length === listing.segments.filter(({ byteCount }) => byteCount !== undefined).length;
  if (!isRight) throw bundleDamaged('index-mismatch', 'it holds other things than its index says');
}

async function findMissingSegments(
  { segments }: BundleListing,
  { folder }: BundleTarget,
  receipts: readonly SegmentReceipt[],
): Promise<MissingSegment[]> {
  const missing: MissingSegment[] = [];
  for (const { name, outcome } of receipts) {
    if (outcome === 'damaged' || outcome === 'unwanted') missing.push({ name, reason: outcome });
  }
  for (const { name, byteCount } of segments) {
    if (byteCount !== undefined) continue;
    const whole = await folder?.open(name);
    if (whole) await whole.close();
    else missing.push({ name, reason: 'left-out' });
  }
  return missing;
}
