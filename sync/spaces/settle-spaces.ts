/**
 * Brings the spaces of this node and its catalog together: signatures are checked, operations folded, changes of the
 * catalog signed, and the catalog given what others changed. Each step can be repeated after a crash.
 */
import type { Catalog } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type AssetId,
  canonicalJson,
  type Clock,
  isGranaryError,
  type Logger,
  readRecord,
  throwIfAborted,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import type { LogStore } from '#sync/log/index.ts';
import { type ApplyDeps, applyReplicas } from './apply-replicas.ts';
import type { OpenSpace } from './open-space.ts';
import { type ProjectionReport, projectOperations } from './project-operations.ts';
import { publishAsset, type PublishDeps } from './publish-asset.ts';
import { readSharedAsset } from './shared-asset.ts';
import { PUBLISHED } from './space-keys.ts';

export interface SettleDeps extends ApplyDeps, PublishDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets others run between two batches of work. */
  readonly breathe: () => Promise<void>;
}

/** What one settling found in one space. */
export interface SettleReport {
  readonly projection: ProjectionReport;
  /** Assets that the catalog cannot take in, with the reason. */
  readonly refusedAssets: ReadonlyMap<Uuid, string>;
  /** Why changes of this node do not go into the space; undefined when they do. */
  readonly publishFault: string | undefined;
}

export interface SettleOutcome {
  /** By space. */
  readonly reports: ReadonlyMap<Uuid, SettleReport>;
  /** Spaces in which peers may find something new. */
  readonly changed: ReadonlySet<Uuid>;
}

/** How much longer a device waits than the one before it that could sign the same keys. Milliseconds. */
const HEAL_TURN_MS = 30_000;

/** A device to whose turn it is to sign keys has been there so long, since the plan was made. */
export function createTurns(clock: Clock): (space: Uuid, plan: { readonly rank: number }) => boolean {
  const since = new Map<Uuid, number>();
  return (space, { rank }) => {
    const start = since.get(space) ?? clock.monotonic();
    since.set(space, start);
    if (clock.monotonic() - start < rank * HEAL_TURN_MS) return false;
    since.delete(space);
    return true;
  };
}

export async function settleSpaces(
  deps: SettleDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  isTurn: ReturnType<typeof createTurns>,
  options: AbortOptions = {},
): Promise<SettleOutcome> {
  await checkSignatures(deps, spaces, options);
  const changed = new Set<Uuid>();
  const projections = new Map<Uuid, ProjectionReport>();
  for (const [id, space] of spaces) {
    if (await space.healKeys((plan) => isTurn(id, plan))) changed.add(id);
    const report = await projectOperations(deps, space, options);
    if (report.appliedCount > 0) changed.add(id);
    projections.set(id, report);
    await deps.breathe();
  }
  const { toldUntil, faults, told } = await publishChanges(deps, spaces, options);
  for (const id of told) changed.add(id);
  const reports = new Map<Uuid, SettleReport>();
  for (const [id, space] of spaces) {
    const { refused } = await applyReplicas(deps, space, toldUntil, options);
    reports.set(id, { projection: projections.get(id)!, refusedAssets: refused, publishFault: faults.get(id) });
  }
  return { reports, changed };
}

async function checkSignatures(
  { logs, logger, breathe }: SettleDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  options: AbortOptions,
): Promise<void> {
  for (;;) {
    throwIfAborted(options.signal);
    const report = await logs.verifyNext(options);
    if (!report) return;
    if (report.cut) {
      logger.warn('An operation is not signed by its author; its log ends before it.', { seq: report.cut.seq });
      for (const space of spaces.values()) await space.refresh();
    }
    await breathe();
  }
}

/**
 * Tells the spaces what the journal of the catalog has since the last time. A space that cannot be told now, for want of a
 * right or a key, keeps the journal waiting, so that nothing is lost; what can be told is.
 */
async function publishChanges(deps: SettleDeps, spaces: ReadonlyMap<Uuid, OpenSpace>, options: AbortOptions) {
  const { store, catalog, logger } = deps;
  const faults = new Map<Uuid, string>();
  const told = new Set<Uuid>();
  const stored = await store.get(PUBLISHED);
  const start = stored ? readRecord<number>(PUBLISHED, stored) : 0;
  const last = await catalog.lastSequence();
  const assets = new Set<AssetId>();
  for await (const { assetId, isReplica } of catalog.changesAfter(start, options)) if (!isReplica) assets.add(assetId);
  for (const asset of assets) {
    throwIfAborted(options.signal);
    const shared = await readSharedAsset(store, asset);
    const space = shared && spaces.get(shared.space);
    if (!shared || !space || faults.has(shared.space)) continue;
    try {
      if ((await publishAsset(deps, space, shared, options)) > 0) told.add(shared.space);
    } catch (error) {
      if (!isGranaryError(error, 'KEY_MISSING') && !isGranaryError(error, 'FORBIDDEN')) throw error;
      faults.set(shared.space, asGranaryError(error).message);
      logger.warn('A change is not told to its space yet.', { cause: error.message });
    }
  }
  if (faults.size > 0) return { toldUntil: start, faults, told };
  if (last > start) await store.write(new Commit().put(PUBLISHED, canonicalJson(last)), { sync: true });
  return { toldUntil: last, faults, told };
}
