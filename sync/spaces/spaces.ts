import type { AuditActor } from '#core/audit/index.ts';
import type { CatalogAsset } from '#core/catalog/index.ts';
import {
  type AssetId,
  type Clock,
  createMutex,
  GranaryError,
  type Logger,
  type OperationContext,
  throwIfAborted,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import { Commit } from '#core/platform/ports.ts';
import {
  encodeGrantRecord,
  encodeRevokeRecord,
  GRANT_SCHEMA,
  includesLevel,
  type Level,
  type Member,
  REVOKE_SCHEMA,
} from '#sync/access/index.ts';
import { type Incarnation, keyFingerprint, openIncarnation } from '#sync/log/index.ts';
import { projectAsset } from '#sync/documents/index.ts';
import type { SpaceView } from '#sync/reconcile/index.ts';
import { findAsset } from './apply-replicas.ts';
import { describeSpace, subscriptionOf } from './describe-space.ts';
import { explainSync } from './explain-sync.ts';
import { foundSpace } from './found-space.ts';
import { type JoinedSpace, joinSpace } from './join-space.ts';
import { type OpenSpace, openSpace, type SpaceDeps } from './open-space.ts';
import type { IdentityOutput, MemberOutput, SpaceDescription, SpaceSummary, SyncExplanation } from './operations.ts';
import { createTurns, type SettleDeps, type SettleReport, settleSpaces } from './settle-spaces.ts';
import { readReplica } from './project-operations.ts';
import { putSharedAsset, putWanted, readSharedAsset, readSharedAssets, type Subscription } from './shared-asset.ts';
import { readSpaceRecords, type SpaceRecord } from './space-record.ts';

export interface SpacesDeps extends Omit<SpaceDeps, 'incarnation'>, SettleDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What other members see this device called. */
  readonly deviceName: string;
  /** This device as libp2p writes it. */
  readonly peerId: () => Promise<string>;
}

/** The spaces of this node. Opened by the first use; the node keeps one of these as long as it runs. */
export interface Spaces {
  identity(): Promise<IdentityOutput>;
  createSpace(name: string): Promise<SpaceSummary>;
  listSpaces(): Promise<SpaceSummary[]>;
  describeSpace(space: string): Promise<SpaceDescription>;
  listMembers(space: string): Promise<MemberOutput[]>;
  grantAccess(space: string, device: string, level: Level): Promise<MemberOutput>;
  revokeAccess(space: string, device: string): Promise<MemberOutput>;
  shareAssets(
    space: string,
    assets: readonly string[],
    subscribe: Subscription,
    context: OperationContext,
  ): Promise<{ shared: string[] }>;
  explainSync(asset: string): Promise<SyncExplanation>;

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
  /** Applies what came, and tells the spaces what was changed here; calls at the same time are one. */
  settle(): Promise<void>;
  /** Resolves once no settling runs. */
  idle(): Promise<void>;
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
  /** An asset of this node; undefined when there is none of the id. */
  findAsset(asset: AssetId): Promise<CatalogAsset | undefined>;
  /** What this node gets of an asset by itself; undefined for one that is in no space. */
  subscription(asset: AssetId): Promise<Subscription | undefined>;
  /** A person wants the rows of an asset here from now on, or only what is known about it. */
  subscribe(asset: AssetId, subscription: Subscription): Promise<void>;
}

/** A device that is let into a space. */
export interface NewMember {
  readonly device: Uint8Array;
  readonly level: Level;
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

export function createSpaces(deps: SpacesDeps): Spaces {
  const { key, store, catalog, clock, blake3 } = deps;
  const self = toHex(key.publicKey);
  const listeners = new Set<() => void>();
  const isTurn = createTurns(clock);
  const oneAtATime = createMutex();
  let incarnation: Promise<Incarnation> | undefined;
  let opening: Promise<Map<Uuid, OpenSpace>> | undefined;
  let spaces: ReadonlyMap<Uuid, OpenSpace> = new Map();
  let lastReports: ReadonlyMap<Uuid, SettleReport> = new Map();
  let settling: Promise<void> | undefined;
  let isAgainWanted = false;

  const tell = () => {
    for (const listener of listeners) listener();
  };

  const withIncarnation = async (): Promise<SpaceDeps> => ({
    ...deps,
    incarnation: await (incarnation ??= openIncarnation(deps)),
  });
  const open = async (record: SpaceRecord): Promise<OpenSpace> => openSpace(await withIncarnation(), record, tell);

  function opened(): Promise<Map<Uuid, OpenSpace>> {
    opening ??= openAll().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function openAll(): Promise<Map<Uuid, OpenSpace>> {
    const all = new Map<Uuid, OpenSpace>();
    for (const record of await readSpaceRecords(store)) all.set(record.space, await open(record));
    spaces = all;
    return all;
  }

  async function find(name: string): Promise<OpenSpace> {
    const all = [...(await opened()).values()];
    const found =
      all.find(({ record }) => record.space === name) ??
      all.find(({ record }) => record.name === name) ??
      all.find(({ record }) => record.name.toLowerCase() === name.toLowerCase());
    if (found) return found;
    const known = all.map(({ record }) => JSON.stringify(record.name)).join(', ') || 'none';
    throw new GranaryError('SPACE_NOT_FOUND', `There is no space ${JSON.stringify(name)}. The spaces are: ${known}.`, {
      space: name,
    });
  }

  function findMember({ access, record }: OpenSpace, device: string): Member {
    const wanted = device.toLowerCase();
    const members = [...access.members.values()];
    const byKey = members.filter(
      (member) => toHex(member.device).startsWith(wanted) || keyFingerprint(blake3, member.device).startsWith(wanted),
    );
    const found = byKey.length > 0 ? byKey : members.filter(({ name }) => name === device);
    if (found.length === 1) return found[0]!;
    const problem = found.length === 0 ? 'has no device' : 'has several devices';
    throw new GranaryError(
      'DEVICE_NOT_FOUND',
      `The space ${JSON.stringify(record.name)} ${problem} ${JSON.stringify(device)}. List the members.`,
      { device, space: record.space },
    );
  }

  function requireManager({ access, record }: OpenSpace): void {
    if (includesLevel(access.levelNow(key.publicKey), 'manage')) return;
    throw new GranaryError('FORBIDDEN', `This device does not manage the space ${JSON.stringify(record.name)}.`, {
      space: record.space,
    });
  }

  const memberOutput = ({ device, name, level, grantedBy }: Member): MemberOutput => ({
    device: toHex(device),
    fingerprint: keyFingerprint(blake3, device),
    name,
    level,
    isThisDevice: toHex(device) === self,
    grantedBy: toHex(grantedBy) === toHex(device) ? null : toHex(grantedBy),
  });

  async function summary({ record, access }: OpenSpace): Promise<SpaceSummary> {
    const shared = await readSharedAssets(store);
    return {
      space: record.space,
      name: record.name,
      level: access.levelNow(key.publicKey),
      memberCount: [...access.members.values()].filter(({ level }) => level !== null).length,
      assetCount: shared.filter(({ space }) => space === record.space).length,
    };
  }

  async function freeName(name: string): Promise<void> {
    for (const { record } of (await opened()).values()) {
      if (record.name.toLowerCase() !== name.toLowerCase()) continue;
      throw new GranaryError('SPACE_EXISTS', `There is a space ${JSON.stringify(name)} already. Choose another name.`, {
        name,
      });
    }
  }

  async function grant(space: OpenSpace, { device, level, encryptionKey, name }: NewMember): Promise<void> {
    requireManager(space);
    const known = space.access.members.get(toHex(device));
    if (known?.level === null) throw removedForGood(space, known);
    const content = encodeGrantRecord({ device, level, encryptionKey, name });
    await space.signControl([{ schema: GRANT_SCHEMA, content }]);
    await space.healKeys(() => true);
    tell();
  }

  async function revoke(space: OpenSpace, member: Member): Promise<void> {
    requireManager(space);
    const frontier = [];
    for (const { author, logId } of space.store.logs()) {
      if (toHex(author) !== toHex(member.device)) continue;
      const head = await deps.logs.tip(author, logId);
      if (head?.tip) frontier.push({ logId, seq: head.tip.seq, operationId: head.tip.operationId });
    }
    await space.signControl([
      { schema: REVOKE_SCHEMA, content: encodeRevokeRecord({ device: member.device, frontier }) },
    ]);
    // What is written from now on is not for this device.
    await space.healKeys(() => true);
    tell();
  }

  async function settleOnce(): Promise<void> {
    const { reports, changed } = await settleSpaces(deps, await opened(), isTurn);
    lastReports = reports;
    if (changed.size > 0) tell();
  }

  return {
    identity: async () => ({
      device: self,
      fingerprint: keyFingerprint(blake3, key.publicKey),
      name: deps.deviceName,
      peerId: await deps.peerId(),
    }),
    async createSpace(name) {
      return oneAtATime(async () => {
        await freeName(name);
        const all = await opened();
        const record = await foundSpace(await withIncarnation(), { name, deviceName: deps.deviceName });
        const space = await open(record);
        all.set(record.space, space);
        await space.healKeys(() => true);
        tell();
        return summary(space);
      });
    },
    listSpaces: async () => Promise.all([...(await opened()).values()].map(summary)),
    describeSpace: async (name) => {
      await settle();
      const space = await find(name);
      return describeSpace(deps, space, lastReports.get(space.record.space), await summary(space));
    },
    listMembers: async (name) => [...(await find(name)).access.members.values()].map(memberOutput),
    async grantAccess(name, device, level) {
      const space = await find(name);
      const member = findMember(space, device);
      await grant(space, { ...member, level });
      return memberOutput(findMember(space, toHex(member.device)));
    },
    async revokeAccess(name, device) {
      const space = await find(name);
      const member = findMember(space, device);
      if (member.level === null) return memberOutput(member);
      await revoke(space, member);
      return memberOutput(findMember(space, toHex(member.device)));
    },
    async shareAssets(name, assets, subscribe, { caller, signal }) {
      const space = await find(name);
      if (!includesLevel(space.access.levelNow(key.publicKey), 'write')) throw mayNotWrite(space);
      const found = await Promise.all(assets.map((asset) => catalog.getAsset(asset)));
      for (const { id, name: assetName } of found) {
        const shared = await readSharedAsset(store, id);
        if (shared && shared.space !== space.record.space) throw isElsewhere(assetName);
      }
      const origin = { space: space.record.space, spaceName: space.access.name };
      for (const { id } of found) {
        throwIfAborted(signal);
        const shared = (await readSharedAsset(store, id)) ?? { asset: id, space: space.record.space, told: undefined };
        await store.write(putSharedAsset(new Commit(), { ...shared, subscribe }), { sync: true });
        await catalog.setOrigin(id, origin, { actor: caller satisfies AuditActor, signal });
      }
      await settle();
      return { shared: found.map(({ name: assetName }) => assetName) };
    },
    explainSync: async (asset) => explainSync(deps, await opened(), lastReports, asset),
    opened,
    find,
    findMember,
    admit: grant,
    join: (input) =>
      oneAtATime(async () => {
        const all = await opened();
        const known = all.get(input.space);
        if (known) return known;
        const names = [...all.values()].map(({ record }) => record.name);
        const space = await joinSpace({ ...(await withIncarnation()), open }, input, names);
        all.set(input.space, space);
        tell();
        return space;
      }),
    settle,
    idle: async () => {
      await settling?.catch(() => undefined);
    },
    reports: () => lastReports,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    viewsFor: (device) =>
      [...spaces.values()]
        .filter(({ access }) => access.levelNow(device) !== null && access.levelNow(key.publicKey) !== null)
        .map(({ view }) => view),
    peers() {
      const peers = new Map<string, { name: string; spaces: string[] }>();
      for (const { access, record } of spaces.values()) {
        if (access.levelNow(key.publicKey) === null) continue;
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
      for (const { access } of spaces.values()) {
        if (access.levelNow(device) === null || access.levelNow(key.publicKey) === null) continue;
        for (const [name, member] of access.members) if (member.level !== null) members.set(name, member.device);
      }
      return [...members.values()];
    },
    findAsset: (asset) => findAsset(catalog, asset),
    async subscription(asset) {
      const shared = await readSharedAsset(store, asset);
      const replica = shared && (await readReplica(deps, shared.space, asset));
      return replica && subscriptionOf(store, asset, projectAsset(deps, replica));
    },
    subscribe: (asset, subscription) => store.write(putWanted(new Commit(), asset, subscription), { sync: true }),
  };

  /** What is wanted while one settling runs is done by the next. */
  function settle(): Promise<void> {
    isAgainWanted = true;
    settling ??= (async () => {
      try {
        while (isAgainWanted) {
          isAgainWanted = false;
          await settleOnce();
        }
      } finally {
        settling = undefined;
      }
    })();
    return settling;
  }
}

const removedForGood = ({ record }: OpenSpace, { name }: Member) =>
  new GranaryError(
    'FORBIDDEN',
    `The device ${JSON.stringify(name)} was removed from the space ${JSON.stringify(record.name)} for good. ` +
      'Give it a new home and invite that one.',
    { space: record.space },
  );

const mayNotWrite = ({ record }: OpenSpace) =>
  new GranaryError(
    'FORBIDDEN',
    `This device may not write in the space ${JSON.stringify(record.name)}. Ask somebody who manages it.`,
    { space: record.space },
  );

const isElsewhere = (name: string) =>
  new GranaryError('ASSET_EXISTS', `The asset ${JSON.stringify(name)} is in another space already. Copy it first.`, {
    name,
  });
