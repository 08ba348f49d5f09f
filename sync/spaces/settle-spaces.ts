/**
 * Brings the spaces of this node and its catalog together: signatures are checked, operations folded, changes of the
 * catalog signed, and the catalog given what others changed. Each step can be repeated after a crash.
 */
import { type AbortOptions, throwIfAborted, type Uuid } from '#core/kernel/index.ts';
import { type ApplyDeps, applyReplicas, openNewAssets } from './apply-replicas.ts';
import { carrySpace, isCarried } from './carry-space.ts';
import { isLeft } from './find-removal.ts';
import type { KeyTurns } from './key-turns.ts';
import type { OpenSpace } from './open-space.ts';
import { NOTHING_PROJECTED, type ProjectionReport, projectOperations } from './project-operations.ts';
import { type FollowDeps, publishChanges, readToldUntil } from './publish-changes.ts';
import type { RetellDeps, Retelling } from './retell-lost.ts';
import { readUntaken } from './untaken.ts';

export interface SettleDeps extends ApplyDeps, FollowDeps, RetellDeps {}

/** What is remembered from one settling to the next, as long as the node runs. */
export interface SettleMemory {
  readonly isTurn: KeyTurns;
  readonly retell: Retelling;
}

/** What one settling found in one space. */
export interface SettleReport {
  readonly projection: ProjectionReport;
  /** Assets that the catalog cannot take in, with the reason. */
  readonly refusedAssets: ReadonlyMap<Uuid, string>;
  /** Why nothing that is changed on this node goes into the space; undefined when it does. */
  readonly publishFault: string | undefined;
  /** Assets of which a change cannot be told, with the reason. */
  readonly untoldAssets: ReadonlyMap<Uuid, string>;
}

export interface SettleOutcome {
  /** By space. */
  readonly reports: ReadonlyMap<Uuid, SettleReport>;
  /** Spaces in which peers may find something new. */
  readonly changed: ReadonlySet<Uuid>;
}

export async function settleSpaces(
  deps: SettleDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  { isTurn, retell }: SettleMemory,
  options: AbortOptions = {},
): Promise<SettleOutcome> {
  // Before a peer was met nothing is told again that a fork took away: the catalog keeps it until then.
  const { isHeld } = deps.hold;
  await checkSignatures(deps, spaces, options);
  const changed = new Set<Uuid>();
  const projections = new Map<Uuid, ProjectionReport>();
  for (const [id, space] of spaces) {
    if (isLeft(space)) {
      projections.set(id, NOTHING_PROJECTED);
      continue;
    }
    if (isCarried(space)) {
      if ((await carrySpace(deps, space, options)).hasNews) changed.add(id);
      projections.set(id, NOTHING_PROJECTED);
      await deps.breathe();
      continue;
    }
    while (!deps.hold.isHeld && (await space.healKeys((plan) => isTurn(id, plan)))) changed.add(id);
    const onStored = isHeld ? undefined : await openNewAssets(deps, space, await readToldUntil(deps.store), options);
    const report = await projectOperations(deps, space, { ...options, onStored });
    if (report.appliedCount > 0) changed.add(id);
    projections.set(id, report);
    if ((await retell(deps, space, report, options)) > 0) changed.add(id);
    await deps.breathe();
  }
  const { toldUntil, told, faults, assetFaults } = await publishChanges(deps, spaces, options);
  for (const id of told) changed.add(id);
  const reports = new Map<Uuid, SettleReport>();
  for (const [id, space] of spaces) {
    // A space that goes on without this device stays here as it is.
    if (!isHeld && !isLeft(space)) await applyReplicas(deps, space, toldUntil, options);
    const [projection, refusedAssets] = [projections.get(id)!, await readUntaken(deps.store, id)];
    reports.set(id, { projection, refusedAssets, publishFault: faults.get(id), untoldAssets: assetFaults });
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
