/** Follows the journal of the catalog and tells the spaces what was changed on this node. */
import type { Catalog } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  canonicalJson,
  type ErrorCode,
  isGranaryError,
  type Logger,
  readRecord,
  throwIfAborted,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit, type KeyValueStore } from '#core/platform/ports.ts';
import { requireMembership } from './find-removal.ts';
import type { OpenSpace } from './open-space.ts';
import { projectOperations } from './project-operations.ts';
import { publishAsset, type PublishDeps } from './publish-asset.ts';
import { readSharedAsset, type SharedAsset } from './shared-asset.ts';
import { PUBLISHED, untoldKey } from './space-keys.ts';
import { readUntold } from './untold.ts';

/** Keeps this device from signing, until peers were asked what it has signed before. */
export interface SigningHold {
  readonly isHeld: boolean;
  /** Resolves once it is not held; at once when it is not. Errors: `CANCELLED` when the node stops before. */
  whenReleased(): Promise<void>;
}

export interface FollowDeps extends PublishDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly logger: Logger;
  readonly hold: SigningHold;
}

export interface PublishReport {
  /** The last entry of the journal that was looked at. */
  readonly toldUntil: number;
  /** Spaces that were told something. */
  readonly told: ReadonlySet<Uuid>;
  /** Why nothing that is changed here goes into a space. */
  readonly faults: ReadonlyMap<Uuid, string>;
  /** Why a change of one asset does not. */
  readonly assetFaults: ReadonlyMap<Uuid, string>;
}

/** These say something of the device in its space, and hold for all of its assets. */
const OF_THE_SPACE: readonly ErrorCode[] = ['KEY_MISSING', 'FORBIDDEN'];
/** These say something of the machine, and what failed is repeated as a whole. */
const OF_THE_MACHINE: readonly ErrorCode[] = ['IO_FAILED', 'DISK_FULL', 'STORE_DAMAGED', 'CANCELLED', 'INTERNAL'];

const isOneOf = (error: unknown, codes: readonly ErrorCode[]): boolean =>
  codes.some((code) => isGranaryError(error, code));

/** The last entry of the catalog's journal that the spaces have been told. Errors: `JOURNAL_CORRUPT`. */
export async function readToldUntil(store: KeyValueStore): Promise<number> {
  const stored = await store.get(PUBLISHED);
  return stored ? readRecord<number>(PUBLISHED, stored) : 0;
}

/**
 * Tells the spaces what the journal of the catalog has since the last time, and what could not be told then. An asset of
 * which its space cannot be told now, for want of a right or a key, is remembered; it holds up no other.
 */
export async function publishChanges(
  deps: FollowDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  options: AbortOptions,
): Promise<PublishReport> {
  const { store, catalog, logger } = deps;
  const faults = new Map<Uuid, string>();
  const assetFaults = new Map<Uuid, string>();
  const told = new Set<Uuid>();
  const start = await readToldUntil(store);
  // What the catalog has and nobody was told stays as it is meanwhile.
  if (deps.hold.isHeld) return { toldUntil: start, told, faults, assetFaults };
  const last = await catalog.lastSequence();
  const commit = new Commit();

  /** True when the space knows all that it is to know of the asset. */
  async function isTold(space: OpenSpace, shared: SharedAsset): Promise<boolean> {
    if (faults.has(shared.space)) return false;
    try {
      await requireMembership(deps, space);
      if ((await publishOnce(deps, space, shared, options)) > 0) told.add(shared.space);
      return true;
    } catch (error) {
      if (isOneOf(error, OF_THE_MACHINE)) throw error;
      const { message } = asGranaryError(error);
      if (isOneOf(error, OF_THE_SPACE)) faults.set(shared.space, message);
      else assetFaults.set(shared.asset, message);
      return false;
    }
  }

  const seen = new Set<Uuid>();
  for (const [id, space] of spaces) {
    for (const asset of await readUntold(store, id)) {
      throwIfAborted(options.signal);
      seen.add(asset);
      const shared = await readSharedAsset(store, asset);
      if (shared?.space !== id || (await isTold(space, shared))) commit.delete(untoldKey(id, asset));
    }
  }
  if (last > start) {
    for await (const { assetId, isReplica } of catalog.changesAfter(start, options)) {
      if (isReplica || seen.has(assetId)) continue;
      seen.add(assetId);
      const shared = await readSharedAsset(store, assetId);
      const space = shared && spaces.get(shared.space);
      if (!space || (await isTold(space, shared))) continue;
      commit.put(untoldKey(shared.space, assetId), new Uint8Array());
      const cause = faults.get(shared.space) ?? assetFaults.get(assetId);
      logger.warn('A change is not told to its space yet.', { asset: assetId, cause });
    }
    commit.put(PUBLISHED, canonicalJson(last));
  }
  if (commit.writes.length > 0) await store.write(commit, { sync: true });
  return { toldUntil: last, told, faults, assetFaults };
}

/** After a fork of this device's log, what it said there is gone: it is said once more, in a new one. */
async function publishOnce(
  deps: PublishDeps,
  space: OpenSpace,
  shared: SharedAsset,
  options: AbortOptions,
): Promise<number> {
  try {
    return await publishAsset(deps, space, shared, options);
  } catch (error) {
    if (!isGranaryError(error, 'LOG_FORKED')) throw error;
    await projectOperations(deps, space, options);
    return publishAsset(deps, space, shared, options);
  }
}
