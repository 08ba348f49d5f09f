import {
  type AssetId,
  type Clock,
  createMutex,
  GranaryError,
  type OperationContext,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { decodeIdentity, encodeIdentity, type Level, type Member } from '#sync/access/index.ts';
import { projectAsset } from '#sync/documents/index.ts';
import { keyFingerprint } from '#sync/log/index.ts';
import type { SpaceView } from '#sync/reconcile/index.ts';
import { addReports, type CompactionReport, createCompaction, NOTHING_COMPACTED } from './compact-space.ts';
import { listWaiting } from './describe-compaction.ts';
import { describeSpace, subscriptionOf } from './describe-space.ts';
import { explainSync } from './explain-sync.ts';
import { findRemoval, isForgotten, isLeft } from './find-removal.ts';
import { createFreshProjections } from './fresh-projections.ts';
import type { JoinedSpace } from './join-space.ts';
import { findLackingRows, markLacking } from './lacking-rows.ts';
import { listForks } from './list-forks.ts';
import { createKeyTurns } from './key-turns.ts';
import { findMember, grantLevel, memberOutput, type NewMember, revokeMember } from './members.ts';
import { listHeads, mergeHeads } from './merge-versions.ts';
import type { OpenSpace } from './open-space.ts';
import type {
  CompactionOutput,
  ForkOutput,
  HeadsOutput,
  IdentityOutput,
  MemberOutput,
  MergeOutput,
  SpaceDescription,
  SpaceSummary,
  SyncExplanation,
} from './operations.ts';
import { createRecoveryKeys, recoverSpace, type RecoveryRule } from './recover-space.ts';
import { readReplica } from './replicas.ts';
import { createRetelling, retellLost } from './retell-lost.ts';
import { createSettleLoop } from './settle-loop.ts';
import { type SettleDeps, type SettleReport, settleSpaces } from './settle-spaces.ts';
import { shareAssets } from './share-assets.ts';
import { putWanted, readSharedAsset, readSharedAssets, type Subscription } from './shared-asset.ts';
import { createSpaceRegistry, type FaultySpace, type RegistryDeps } from './space-registry.ts';

export interface SpacesDeps extends RegistryDeps, Omit<SettleDeps, 'fresh'> {
  readonly clock: Clock;
  /** This device as libp2p writes it. */
  readonly peerId: () => Promise<string>;
}

/** The spaces of this node. Opened by the first use; the node keeps one of these as long as it runs. */
export interface Spaces {
  identity(): Promise<IdentityOutput>;
  /**
   * Founds a space. With a rule for its recovery, the texts of the recovery keys come with it, and are kept nowhere.
   * Errors: `SPACE_EXISTS`, `INPUT_INVALID`.
   */
  createSpace(name: string, rule?: RecoveryRule): Promise<SpaceSummary & { readonly recoveryKeys: string[] }>;
  /** See `recoverSpace`. */
  recoverSpace(space: string, keys: readonly string[]): Promise<SpaceSummary>;
  listSpaces(): Promise<SpaceSummary[]>;
  describeSpace(space: string): Promise<SpaceDescription>;
  listMembers(space: string): Promise<MemberOutput[]>;
  grantAccess(space: string, device: string, level: Level): Promise<MemberOutput>;
  /** Makes a device a member by its identity. Errors: `FORBIDDEN`, `INPUT_INVALID`. */
  admitDevice(space: string, identity: string, level: Level): Promise<MemberOutput>;
  revokeAccess(space: string, device: string): Promise<MemberOutput>;
  shareAssets(
    space: string,
    assets: readonly string[],
    subscribe: Subscription,
    context: OperationContext,
  ): Promise<{ shared: string[] }>;
  listForks(space: string): Promise<ForkOutput[]>;
  /** Returns how many operations were signed. Errors: see `retellLost`. */
  adoptFork(space: string, device: string): Promise<number>;
  /** Takes and acknowledges snapshots, and drops bodies, without waiting for anything. Errors: `SPACE_NOT_FOUND`. */
  compactSpace(space: string): Promise<CompactionOutput>;
  explainSync(asset: string): Promise<SyncExplanation>;
  /** See `listHeads`. */
  listHeads(asset: string): Promise<HeadsOutput>;
  /** See `mergeHeads`. */
  mergeHeads(asset: string, take: string | undefined): Promise<MergeOutput>;

  /** All spaces, opened. */
  opened(): Promise<ReadonlyMap<Uuid, OpenSpace>>;
  /** A space by its name or UUID. Errors: `SPACE_NOT_FOUND`. */
  find(space: string): Promise<OpenSpace>;
  /** A member by its name, key, fingerprint, or the start of one. Errors: `DEVICE_NOT_FOUND`. */
  findMember(space: OpenSpace, device: string): Member;
  /** Lets a device into a space. Errors: `FORBIDDEN`. */
  admit(space: OpenSpace, device: NewMember): Promise<void>;
  /** Takes a space in whose control operations a member has handed over. Errors: see `joinSpace`. */
  join(input: JoinedSpace): Promise<OpenSpace>;
  /** Applies what came, and tells the spaces what was changed here; calls at the same time are one. Errors: `CANCELLED`. */
  settle(): Promise<void>;
  /** What compaction did since the start, of all spaces: snapshots, operations whose bodies were dropped, and bytes. */
  compactionCounts(): Record<string, number>;
  /** Ends the settling that runs, at its next step, and settles no more; resolves once none runs. */
  close(): Promise<void>;
  /** What the last settling found. */
  reports(): ReadonlyMap<Uuid, SettleReport>;
  /** Calls the listener when peers may find something new in a space, or its members changed. */
  onChange(listener: () => void): () => void;
  /** The views that a device may read. */
  viewsFor(device: Uint8Array): readonly SpaceView[];
  /** Devices that are members of a space with this one, in hexadecimal digits, with the names of those spaces. */
  peers(): ReadonlyMap<string, { readonly name: string; readonly spaces: readonly string[] }>;
  /** The members, this device among them, of the spaces that it and another one are both in. */
  membersSharedWith(device: Uint8Array): Uint8Array[];
  /** What this node gets of an asset by itself; undefined for one that is in no space. */
  subscription(asset: AssetId): Promise<Subscription | undefined>;
  /** A person wants the rows of an asset here from now on, or only what is known about it. */
  subscribe(asset: AssetId, subscription: Subscription): Promise<void>;
  /**
   * Assets whose rows are to come to this node by themselves and are not all here, without those that `isKnown` names. Costs
   * as much as has changed of them.
   */
  lackingRows(isKnown: (asset: AssetId) => boolean, options: { readonly signal: AbortSignal }): Promise<AssetId[]>;
}

/** Opens nothing before it is used. */
export function createSpaces(given: SpacesDeps): Spaces {
  const deps = { ...given, fresh: createFreshProjections() };
  const { key, store, clock, blake3 } = deps;
  const self = toHex(key.publicKey);
  const listeners = new Set<() => void>();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const registry = createSpaceRegistry(deps, tell);
  const { opened, find } = registry;
  const memory = { isTurn: createKeyTurns(clock), retell: createRetelling(), compact: createCompaction() };
  /** What is shared is not written while it is told. */
  const oneAtATime = createMutex();
  let reports: ReadonlyMap<Uuid, SettleReport> = new Map();
  const closed = new AbortController();

  const compacted = new Map<Uuid, CompactionReport>();
  const countCompaction = (space: Uuid, report: CompactionReport) =>
    compacted.set(space, addReports(compacted.get(space) ?? NOTHING_COMPACTED, report));

  const { settle, idle } = createSettleLoop(() =>
    oneAtATime(async () => {
      const outcome = await settleSpaces(deps, await opened(), memory, { signal: closed.signal });
      reports = outcome.reports;
      for (const [id, { compaction }] of reports) countCompaction(id, compaction);
      if (outcome.changed.size > 0) tell();
    }),
  );

  async function summaries(spaces: readonly OpenSpace[]): Promise<SpaceSummary[]> {
    const assetCounts = new Map<Uuid, number>();
    for (const { space } of await readSharedAssets(store)) assetCounts.set(space, (assetCounts.get(space) ?? 0) + 1);
    const summarise = async (space: OpenSpace): Promise<SpaceSummary> => ({
      space: space.record.space,
      name: space.record.name,
      level: space.access.levelNow(key.publicKey),
      removal: await findRemoval(deps, space),
      memberCount: [...space.access.members.values()].filter(({ level }) => level !== null).length,
      assetCount: assetCounts.get(space.record.space) ?? 0,
      fault: null,
    });
    return Promise.all(spaces.map(summarise));
  }
  const summary = async (space: OpenSpace): Promise<SpaceSummary> => (await summaries([space]))[0]!;

  async function faultySummary({ record: { space, name }, fault }: FaultySpace): Promise<SpaceSummary> {
    const shared = await readSharedAssets(store);
    const assetCount = shared.filter((asset) => asset.space === space).length;
    return { space, name, level: null, removal: null, memberCount: 0, assetCount, fault: fault.message };
  }

  async function admit(space: OpenSpace, member: NewMember): Promise<void> {
    await deps.hold.whenReleased();
    await grantLevel(space, member);
    tell();
  }

  async function subscription(asset: AssetId): Promise<Subscription | undefined> {
    const shared = await readSharedAsset(store, asset);
    const replica = shared && (await readReplica(deps, shared.space, asset));
    return replica && subscriptionOf(store, asset, projectAsset(deps, replica));
  }

  const output = (space: OpenSpace, member: Member): MemberOutput => memberOutput(blake3, space, member);
  const isMember = ({ access }: OpenSpace, device: Uint8Array) => access.levelNow(device) !== null;
  const meetsOthers = (space: OpenSpace) => !isLeft(space) || isForgotten(space);

  return {
    identity: async () => ({
      device: self,
      fingerprint: keyFingerprint(blake3, key.publicKey),
      name: deps.deviceName,
      peerId: await deps.peerId(),
      identity: encodeIdentity(key, { encryptionKey: deps.agreementKey.publicKey, name: deps.deviceName }),
    }),
    async createSpace(name, rule) {
      const keys = rule && createRecoveryKeys(deps, rule);
      const space = await registry.create(name, keys?.recovery);
      tell();
      return { ...(await summary(space)), recoveryKeys: [...(keys?.texts ?? [])] };
    },
    async recoverSpace(name, keys) {
      const space = await find(name);
      await deps.hold.whenReleased();
      await recoverSpace(deps, space, keys);
      tell();
      return summary(space);
    },
    async listSpaces() {
      const usable = await summaries([...(await opened()).values()]);
      return [...usable, ...(await Promise.all([...registry.faulty.values()].map(faultySummary)))];
    },
    async describeSpace(name) {
      await settle();
      const space = await find(name);
      return describeSpace(deps, space, reports.get(space.record.space), await summary(space));
    },
    async listMembers(name) {
      const space = await find(name);
      return [...space.access.members.values()].map((member) => output(space, member));
    },
    async grantAccess(name, device, level) {
      const space = await find(name);
      const member = findMember(blake3, space, device);
      await admit(space, { ...member, level });
      return output(space, findMember(blake3, space, toHex(member.device)));
    },
    async admitDevice(name, text, level) {
      const space = await find(name);
      const identity = decodeIdentity(deps.ed25519, text);
      if (toHex(identity.device) === self) throw ownIdentity();
      await admit(space, { ...identity, level });
      return output(space, findMember(blake3, space, toHex(identity.device)));
    },
    async revokeAccess(name, device) {
      const space = await find(name);
      const member = findMember(blake3, space, device);
      if (member.level === null) return output(space, member);
      await deps.hold.whenReleased();
      await revokeMember(deps, space, member);
      tell();
      return output(space, findMember(blake3, space, toHex(member.device)));
    },
    async shareAssets(name, assets, subscribe, context) {
      const space = await find(name);
      const shared = await oneAtATime(() => shareAssets(deps, space, assets, subscribe, context));
      await settle();
      return { shared };
    },
    async listForks(name) {
      await settle();
      return listForks(deps, await find(name));
    },
    async adoptFork(name, device) {
      const space = await find(name);
      const { device: whose } = findMember(blake3, space, device);
      await deps.hold.whenReleased();
      await settle();
      const count = await oneAtATime(() => retellLost(deps, space, { whose: toHex(whose) }));
      await settle();
      return count;
    },
    async compactSpace(name) {
      await settle();
      const space = await find(name);
      const { space: id } = space.record;
      await deps.hold.whenReleased();
      const before = compacted.get(id) ?? NOTHING_COMPACTED;
      const done = await oneAtATime(() => memory.compact(deps, space, { isAsked: true }));
      countCompaction(id, done);
      // What was acknowledged may count now, and is followed.
      await settle();
      const after = compacted.get(id)!;
      return {
        space: id,
        taken: done.takenCount,
        acknowledged: done.acknowledgedCount,
        droppedOperations: after.droppedOperations - before.droppedOperations,
        droppedBytes: after.droppedBytes - before.droppedBytes,
        waiting: await listWaiting(deps, space),
      };
    },
    explainSync: async (asset) => explainSync(deps, await opened(), reports, asset),
    async listHeads(asset) {
      await settle();
      return listHeads(deps, await opened(), asset);
    },
    async mergeHeads(asset, take) {
      // What was changed here has to stand among the versions before they are joined.
      await settle();
      const merged = await oneAtATime(async () => mergeHeads(deps, await opened(), asset, take));
      if (merged) await settle();
      return { ...(await listHeads(deps, await opened(), asset)), merged };
    },
    opened,
    find,
    findMember: (space, device) => findMember(blake3, space, device),
    admit,
    async join(input) {
      const space = await registry.join(input);
      tell();
      return space;
    },
    settle,
    compactionCounts() {
      const { takenCount, acknowledgedCount, droppedOperations, droppedBytes } = [...compacted.values()].reduce(
        addReports,
        NOTHING_COMPACTED,
      );
      return { taken: takenCount, acknowledged: acknowledgedCount, operations: droppedOperations, bytes: droppedBytes };
    },
    close() {
      closed.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      return idle();
    },
    reports: () => reports,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    viewsFor: (device) =>
      [...registry.now.values()]
        .filter((space) => isMember(space, device) && meetsOthers(space))
        .map(({ view }) => view),
    peers() {
      const peers = new Map<string, { name: string; spaces: string[] }>();
      for (const space of registry.now.values()) {
        if (!meetsOthers(space)) continue;
        const { access, record } = space;
        for (const [device, { name, level }] of access.members) {
          if (level === null || device === self) continue;
          const known = peers.get(device) ?? { name, spaces: [] };
          peers.set(device, { ...known, spaces: [...known.spaces, record.name] });
        }
      }
      return peers;
    },
    membersSharedWith(device) {
      const members = new Map<string, Uint8Array>();
      for (const { access } of registry.now.values()) {
        if (access.levelNow(device) === null || access.levelNow(key.publicKey) === null) continue;
        for (const [name, member] of access.members) if (member.level !== null) members.set(name, member.device);
      }
      return [...members.values()];
    },
    subscription,
    subscribe: (asset, wanted) =>
      store.write(markLacking(putWanted(new Commit(), asset, wanted), asset), { sync: true }),
    // Settling marks assets.
    lackingRows: (isKnown, { signal }) =>
      oneAtATime(() => findLackingRows({ store, catalog: deps.catalog, subscription }, isKnown, signal)),
  };
}

const ownIdentity = () =>
  new GranaryError('INPUT_INVALID', 'The identity is of this device. Enter the one that the other device shows.');
