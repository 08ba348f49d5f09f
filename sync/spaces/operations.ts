import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { IDENTITY_CHARACTERS_MAX } from '#sync/access/index.ts';
import { SUBSCRIPTIONS } from './shared-asset.ts';
import type { Spaces } from './spaces.ts';

/** What a member may do; each level includes those before it. */
export const LEVELS = ['pull', 'read', 'write', 'manage'] as const;

const device = z.object({
  /** Public key, 64 hexadecimal digits. */
  device: z.string(),
  fingerprint: z.string(),
  name: z.string(),
});

const identityOutput = device.extend({
  /** As libp2p writes the public key: what the address of a relay ends in. */
  peerId: z.string(),
  /** What this device hands on to be let into a space without a line, see `encodeIdentity`. */
  identity: z.string(),
});

const removal = z.object({
  /** Who signed it, as it is known here. */
  device: z.string(),
  name: z.string(),
  /** By the clock of that device, ISO 8601. */
  at: z.string(),
});

const space = z.object({
  space: z.string(),
  name: z.string(),
  /** Of this device; null for one that is no member any more. */
  level: z.enum(LEVELS).nullable(),
  /** Of this device; null also when it is no member because whoever let it in was removed or came back from a backup. */
  removal: removal.nullable(),
  memberCount: z.int(),
  assetCount: z.int(),
  /** Why this node can do nothing in it, and what helps; null for all others. Nothing else is known of such a space. */
  fault: z.string().nullable(),
});

const foundedSpace = space.extend({
  /** To be written down and kept apart from each other; this node does not have them. */
  recoveryKeys: z.array(z.string()),
});

const member = device.extend({
  /** Null for a device that was removed. */
  level: z.enum(LEVELS).nullable(),
  isThisDevice: z.boolean(),
  grantedBy: z.string().nullable(),
});

const compactionState = z.object({
  /** Snapshots that assets are folded from here. */
  snapshots: z.int(),
  /** Operations of which only the header is here, and the bytes that their bodies would take. */
  prunedOperations: z.int(),
  prunedBytes: z.int(),
  /** Snapshots that do not count yet. */
  waiting: z.array(
    z.object({
      asset: z.string(),
      /** Id of its operation, 64 hexadecimal digits. */
      snapshot: z.string(),
      acknowledgements: z.int(),
      needed: z.int(),
    }),
  ),
});

const spaceDescription = space.extend({
  founder: z.string(),
  /** Same on every device that has the same operations and keys. */
  projectionHash: z.string(),
  logCount: z.int(),
  operationCount: z.int(),
  /** Operations that are here and have no effect, by reason. */
  refused: z.record(z.string(), z.int()),
  /** Operations that wait, by what they wait for. */
  waiting: z.record(z.string(), z.int()),
  /** Assets that were changed here in a way that the space cannot be told; they stay as they are, whatever others change. */
  untold: z.array(z.object({ asset: z.string(), name: z.string(), reason: z.string().nullable() })),
  compaction: compactionState,
  assets: z.array(
    z.object({
      asset: z.string(),
      name: z.string(),
      subscription: z.enum(SUBSCRIPTIONS),
      versionCount: z.int(),
      /** More than one: made without knowledge of each other, and nobody has chosen yet. */
      headCount: z.int(),
      segmentCount: z.int(),
      missingSegmentCount: z.int(),
    }),
  ),
});

const fork = device.extend({
  isThisDevice: z.boolean(),
  /** Of the log that ended: who may do what, or what is said of assets. */
  kind: z.enum(['control', 'data']),
  /** The place in the log for which two operations were signed; they and what follows them count no more. */
  seq: z.int(),
  /** Ids of the two. */
  operationIds: z.array(z.string()),
  /** How many operations of one of the branches this node has. */
  lostCount: z.int(),
  /** What assets they are about. */
  assets: z.array(z.string()),
});

const compaction = compactionState.pick({ waiting: true }).extend({
  space: z.string(),
  /** Snapshots that this device took and acknowledged now. */
  taken: z.int(),
  acknowledged: z.int(),
  /** Operations whose bodies were dropped here now, and the bytes that they took. */
  droppedOperations: z.int(),
  droppedBytes: z.int(),
});

const explanation = z.object({
  asset: z.string(),
  isHere: z.boolean(),
  /** One finding a line, from the space to the rows. */
  lines: z.array(z.string()),
});

const head = z.object({
  /** Id of the operation that made it, 64 hexadecimal digits. */
  version: z.string(),
  /** All nodes show the same one meanwhile. */
  isShown: z.boolean(),
  /** Who made it. */
  device: z.string(),
  isThisDevice: z.boolean(),
  createdAt: z.string(),
  rowCount: z.int(),
  byteCount: z.int(),
});

const heads = z.object({
  asset: z.string(),
  /** That which is shown first. More than one: made without knowledge of each other. */
  heads: z.array(head),
});

const merge = heads.extend({
  /** False when there was one version only. */
  merged: z.boolean(),
});

export type IdentityOutput = z.output<typeof identityOutput>;
export type RemovalOutput = z.output<typeof removal>;
export type FoundedSpace = z.output<typeof foundedSpace>;
export type SpaceSummary = z.output<typeof space>;
export type SpaceDescription = z.output<typeof spaceDescription>;
export type MemberOutput = z.output<typeof member>;
export type ListSpacesOutput = { readonly spaces: readonly SpaceSummary[] };
export type ListMembersOutput = { readonly members: readonly MemberOutput[] };
export type ForkOutput = z.output<typeof fork>;
export type ListForksOutput = { readonly forks: readonly ForkOutput[] };
export type HeadOutput = z.output<typeof head>;
export type HeadsOutput = z.output<typeof heads>;
export type MergeOutput = z.output<typeof merge>;
export type CompactionState = z.output<typeof compactionState>;
export type CompactionOutput = z.output<typeof compaction>;
export type SyncExplanation = z.output<typeof explanation>;

/** Names a space: its name, or its UUID. */
const spaceName = z.string().min(1).max(200);
/** Names a member: its public key or fingerprint or the start of one, or its name. */
const deviceName = z.string().min(1).max(200);

/** What people do with spaces; peers have operations of their own. */
export function spaceOperations(spaces: Spaces): readonly Operation[] {
  return [
    defineOperation({
      name: 'getIdentity',
      description: 'The key by which other devices know this one.',
      input: z.strictObject({}),
      output: identityOutput,
      permission: 'read',
      handler: () => spaces.identity(),
    }),
    defineOperation({
      name: 'createSpace',
      description: 'Founds a space in which members share assets; this device manages it.',
      input: z.strictObject({
        name: spaceName,
        /** So many of so many keys, together, give the space new managers when those it has are lost. */
        recovery: z.strictObject({ threshold: z.int().min(1), keyCount: z.int().min(1) }).optional(),
      }),
      output: foundedSpace,
      permission: 'admin',
      handler: ({ name, recovery }) => spaces.createSpace(name, recovery),
    }),
    defineOperation({
      name: 'recoverSpace',
      description: 'Makes this device the manager of a space by the recovery keys it was founded with.',
      input: z.strictObject({ space: spaceName, keys: z.array(z.string().max(200)).min(1).max(16) }),
      output: space,
      permission: 'admin',
      handler: (input) => spaces.recoverSpace(input.space, input.keys),
    }),
    defineOperation({
      name: 'listSpaces',
      description: 'The spaces this device is, or was, a member of.',
      input: z.strictObject({}),
      output: z.object({ spaces: z.array(space) }),
      permission: 'read',
      handler: async () => ({ spaces: await spaces.listSpaces() }),
    }),
    defineOperation({
      name: 'describeSpace',
      description: 'One space: its assets, its operations, and what has no effect or waits.',
      input: z.strictObject({ space: spaceName }),
      output: spaceDescription,
      permission: 'read',
      handler: (input) => spaces.describeSpace(input.space),
    }),
    defineOperation({
      name: 'listMembers',
      description: 'The devices of a space and what each may do.',
      input: z.strictObject({ space: spaceName }),
      output: z.object({ members: z.array(member) }),
      permission: 'read',
      handler: async (input) => ({ members: await spaces.listMembers(input.space) }),
    }),
    defineOperation({
      name: 'grantAccess',
      description: 'Changes what a member may do. New members come by an invitation, or by their identity.',
      input: z.strictObject({ space: spaceName, device: deviceName, level: z.enum(LEVELS) }),
      output: member,
      permission: 'admin',
      handler: (input) => spaces.grantAccess(input.space, input.device, input.level),
    }),
    defineOperation({
      name: 'admitDevice',
      description: 'Makes a device a member by the identity that it shows; it joins by a bundle of the space.',
      input: z.strictObject({
        space: spaceName,
        identity: z.string().max(IDENTITY_CHARACTERS_MAX),
        level: z.enum(LEVELS).default('write'),
      }),
      output: member,
      permission: 'admin',
      handler: (input) => spaces.admitDevice(input.space, input.identity, input.level),
    }),
    defineOperation({
      name: 'revokeAccess',
      description:
        'Removes a device from a space for good, and changes the key that later operations are sealed under.',
      input: z.strictObject({ space: spaceName, device: deviceName }),
      output: member,
      permission: 'admin',
      handler: (input) => spaces.revokeAccess(input.space, input.device),
    }),
    defineOperation({
      name: 'shareAssets',
      description: 'Puts assets of this node into a space.',
      input: z.strictObject({
        space: spaceName,
        assets: z.array(z.string()).min(1).max(10_000),
        subscribe: z.enum(SUBSCRIPTIONS).default('metadata'),
      }),
      output: z.object({ shared: z.array(z.string()) }),
      permission: 'write',
      handler: (input, context) => spaces.shareAssets(input.space, input.assets, input.subscribe, context),
    }),
    defineOperation({
      name: 'listForks',
      description: 'The logs of a space that ended because their device signed two operations for one place.',
      input: z.strictObject({ space: spaceName }),
      output: z.object({ forks: z.array(fork) }),
      permission: 'read',
      handler: async (input) => ({ forks: await spaces.listForks(input.space) }),
    }),
    defineOperation({
      name: 'adoptFork',
      description:
        'Says again, in the name of this device, what another device had said of assets and a fork of its log took away.',
      input: z.strictObject({ space: spaceName, device: deviceName }),
      output: z.object({ operations: z.int() }),
      permission: 'write',
      handler: async (input) => ({ operations: await spaces.adoptFork(input.space, input.device) }),
    }),
    defineOperation({
      name: 'compactSpace',
      description:
        'Has assets stand for what came before them in this space, now and not when they have grown: takes and acknowledges ' +
        'snapshots, and drops what those stand for that enough members acknowledged.',
      input: z.strictObject({ space: spaceName }),
      output: compaction,
      permission: 'admin',
      handler: (input) => spaces.compactSpace(input.space),
    }),
    defineOperation({
      name: 'explainSync',
      description: 'Why an asset, or its rows, are on this node, or are not.',
      input: z.strictObject({ asset: z.string() }),
      output: explanation,
      permission: 'read',
      handler: (input) => spaces.explainSync(input.asset),
    }),
    defineOperation({
      name: 'listHeads',
      description:
        'The newest versions of an asset of a space: several when devices made some without knowing of each other.',
      input: z.strictObject({ asset: z.string() }),
      output: heads,
      permission: 'read',
      handler: (input) => spaces.listHeads(input.asset),
    }),
    defineOperation({
      name: 'mergeHeads',
      description:
        'Joins the newest versions of an asset: with the rows that all of them added and kept, or those of one of them.',
      input: z.strictObject({ asset: z.string(), take: z.string().min(4).max(64).optional() }),
      output: merge,
      permission: 'write',
      handler: (input) => spaces.mergeHeads(input.asset, input.take),
    }),
  ];
}
