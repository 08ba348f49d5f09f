import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
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
});

const space = z.object({
  space: z.string(),
  name: z.string(),
  /** Of this device; null for one that was removed. */
  level: z.enum(LEVELS).nullable(),
  memberCount: z.int(),
  assetCount: z.int(),
});

const member = device.extend({
  /** Null for a device that was removed. */
  level: z.enum(LEVELS).nullable(),
  isThisDevice: z.boolean(),
  grantedBy: z.string().nullable(),
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

const explanation = z.object({
  asset: z.string(),
  isHere: z.boolean(),
  /** One finding a line, from the space to the rows. */
  lines: z.array(z.string()),
});

export type IdentityOutput = z.output<typeof identityOutput>;
export type SpaceSummary = z.output<typeof space>;
export type SpaceDescription = z.output<typeof spaceDescription>;
export type MemberOutput = z.output<typeof member>;
export type ListSpacesOutput = { readonly spaces: readonly SpaceSummary[] };
export type ListMembersOutput = { readonly members: readonly MemberOutput[] };
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
      input: z.strictObject({ name: spaceName }),
      output: space,
      permission: 'admin',
      handler: ({ name }) => spaces.createSpace(name),
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
      description: 'Changes what a member may do. New members come by an invitation.',
      input: z.strictObject({ space: spaceName, device: deviceName, level: z.enum(LEVELS) }),
      output: member,
      permission: 'admin',
      handler: (input) => spaces.grantAccess(input.space, input.device, input.level),
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
      name: 'explainSync',
      description: 'Why an asset, or its rows, are on this node, or are not.',
      input: z.strictObject({ asset: z.string() }),
      output: explanation,
      permission: 'read',
      handler: (input) => spaces.explainSync(input.asset),
    }),
  ];
}
