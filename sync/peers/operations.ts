import { z } from 'zod';
import { defineOperation, type Operation } from '#core/kernel/index.ts';
import { TICKET_CHARACTERS_MAX } from '#sync/access/index.ts';
import { LEVELS } from '#sync/spaces/index.ts';
import type { Peers } from './peers.ts';

const reasons = z.record(z.string(), z.int());

const spaceContact = z.object({
  space: z.string(),
  isEqual: z.boolean(),
  /** False when the peer did not name the space, though it is a member as far as is known here. */
  isOffered: z.boolean(),
  missingHere: reasons,
  missingThere: reasons,
});

const peer = z.object({
  /** Public key, 64 hexadecimal digits. */
  device: z.string(),
  fingerprint: z.string(),
  name: z.string(),
  spaces: z.array(z.string()),
  isConnected: z.boolean(),
  /** The address it is connected by; null when it is not. */
  address: z.string().nullable(),
  /** Of the last complete session, ISO 8601; null before the first. */
  lastContact: z.string().nullable(),
  contacts: z.array(spaceContact),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  /** Its lines are refused until then, as it broke the protocol too often; ISO 8601, null when they are not. */
  refusedUntil: z.string().nullable(),
  /** Why nothing goes on with this peer; empty when all is well. */
  waitsFor: z.array(z.string()),
});

const sessionOutput = z.object({
  device: z.string(),
  fingerprint: z.string(),
  name: z.string(),
  end: z.enum(['complete', 'refused', 'refusedByPeer', 'interrupted', 'unreachable', 'failed']),
  reason: z.string().nullable(),
  operations: z.int(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  spaces: z.array(spaceContact),
});

const fetchOutput = z.object({
  asset: z.string(),
  segmentCount: z.int(),
  /** Segments that were not here before, and their bytes. */
  fetchedCount: z.int(),
  byteCount: z.number(),
  /** Segments that did not come, by reason. */
  missing: reasons,
});

const evictOutput = z.object({
  asset: z.string(),
  evictedCount: z.int(),
  byteCount: z.number(),
  /** Segments that stay, with the reason. */
  kept: reasons,
});

const ticketOutput = z.object({
  ticket: z.string(),
  space: z.string(),
  level: z.enum(LEVELS),
  expiresAt: z.string(),
  addresses: z.array(z.string()),
});

const joinOutput = z.object({
  space: z.string(),
  name: z.string(),
  level: z.enum(LEVELS),
  operationCount: z.int(),
});

const metricsOutput = z.object({
  /** False while this process has no lines: then everything else is empty. */
  isListening: z.boolean(),
  addresses: z.array(z.string()),
  connectedCount: z.int(),
  /** Bytes of frames by protocol, with all peers together. */
  bytes: z.record(z.string(), z.object({ in: z.number(), out: z.number() })),
  /** Counts of events since the start. */
  transport: reasons,
  sync: reasons,
  joins: reasons,
  segments: reasons,
  pledges: reasons,
  /** Segments that are waited for, in the order in which they come. */
  fetching: z.array(
    z.object({ haveBytes: z.number(), byteCount: z.number().nullable(), waitsFor: z.string().nullable() }),
  ),
  sessions: z.array(
    z.object({
      device: z.string(),
      startedAt: z.string(),
      operationsDone: z.int(),
      operationsTotal: z.int(),
      bytesDone: z.number(),
      bytesTotal: z.number(),
    }),
  ),
});

export type PeerOutput = z.output<typeof peer>;
export type ListPeersOutput = { readonly peers: readonly PeerOutput[] };
export type SessionOutput = z.output<typeof sessionOutput>;
export type SyncNowOutput = { readonly sessions: readonly SessionOutput[] };
export type FetchOutput = z.output<typeof fetchOutput>;
export type EvictOutput = z.output<typeof evictOutput>;
export type TicketOutput = z.output<typeof ticketOutput>;
export type MetricsOutput = z.output<typeof metricsOutput>;
export type JoinOutput = z.output<typeof joinOutput>;

/** Hours for which an invitation holds: a year at most, for a cooperative that meets once a season. */
const INVITE_HOURS_MAX = 24 * 366;
const INVITE_HOURS = 24 * 7;

export function peerOperations(peers: Peers): readonly Operation[] {
  return [
    defineOperation({
      name: 'invitePeer',
      description: 'Makes a ticket by which one device can join a space, once.',
      input: z.strictObject({
        space: z.string(),
        level: z.enum(LEVELS).default('write'),
        hours: z.int().min(1).max(INVITE_HOURS_MAX).default(INVITE_HOURS),
      }),
      output: ticketOutput,
      permission: 'admin',
      handler: (input) => peers.invite(input),
    }),
    defineOperation({
      name: 'joinSpace',
      description: 'Redeems a ticket at the device that made it.',
      input: z.strictObject({ ticket: z.string().max(TICKET_CHARACTERS_MAX) }),
      output: joinOutput,
      permission: 'admin',
      handler: ({ ticket }, { signal }) => peers.join(ticket, { signal }),
    }),
    defineOperation({
      name: 'listPeers',
      description: 'The other devices of all spaces: when they were met, and what keeps them from agreeing.',
      input: z.strictObject({}),
      output: z.object({ peers: z.array(peer) }),
      permission: 'read',
      handler: async () => ({ peers: await peers.listPeers() }),
    }),
    defineOperation({
      name: 'syncMetrics',
      description: 'What was counted since the start: bytes, sessions, faults of peers, and what is under way.',
      input: z.strictObject({}),
      output: metricsOutput,
      permission: 'read',
      handler: async () => peers.metrics(),
    }),
    defineOperation({
      name: 'syncNow',
      description: 'Runs a session with one peer, or with every peer that can be reached.',
      input: z.strictObject({ peer: z.string().optional() }),
      output: z.object({ sessions: z.array(sessionOutput) }),
      permission: 'write',
      handler: async (input, context) => ({ sessions: await peers.syncNow(input.peer, context) }),
    }),
    defineOperation({
      name: 'fetchAsset',
      description: 'Brings the rows of a shared asset to this node, and keeps them up to date from then on.',
      input: z.strictObject({ asset: z.string() }),
      output: fetchOutput,
      permission: 'write',
      handler: (input, context) => peers.fetchAsset(input.asset, context),
    }),
    defineOperation({
      name: 'evictAsset',
      description: 'Removes the rows of a shared asset from this node once others have promised to keep them.',
      input: z.strictObject({ asset: z.string() }),
      output: evictOutput,
      permission: 'write',
      handler: (input, context) => peers.evictAsset(input.asset, context),
    }),
  ];
}
