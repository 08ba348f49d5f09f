import type { Catalog } from '#core/catalog/index.ts';
import {
  type AbortOptions,
  asGranaryError,
  type Clock,
  fromHex,
  GranaryError,
  type OperationContext,
  type Random,
  toHex,
} from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import {
  type AgreementKey,
  decodeTicket,
  encodeTicket,
  includesLevel,
  type Level,
  TICKET_ADDRESSES_MAX,
  TICKET_SECRET_BYTES,
} from '#sync/access/index.ts';
import { type Blake3, keyFingerprint, type LogStore, type SigningKey } from '#sync/log/index.ts';
import type { SessionReport } from '#sync/reconcile/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import { matchDevices, type SigningHold, type Spaces } from '#sync/spaces/index.ts';
import type { Transport } from '#sync/transport/index.ts';
import { putInvite } from './invites.ts';
import type {
  EvictOutput,
  FetchOutput,
  JoinOutput,
  MetricsOutput,
  PeerOutput,
  SessionOutput,
  TicketOutput,
} from './operations.ts';
import { newPeer, type PeerRecord, readPeers } from './peer-record.ts';
import { redeemTicket } from './redeem-ticket.ts';
import type { SegmentExchange } from './segment-exchange.ts';
import { contactsOf, describeEnd, type SyncEngine } from './sync-engine.ts';

const HOUR_MS = 60 * 60 * 1000;
/** A peer that is to be reached for one session is waited for so long. Milliseconds. */
const REACH_MS_MAX = 15_000;

export interface PeersDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly key: SigningKey;
  readonly agreementKey: AgreementKey;
  readonly deviceName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly blake3: Blake3;
  /** The lines of this node; started by the first use, as most commands need none. */
  readonly network: () => Promise<Network>;
  /** The lines of this node when there are any already. */
  readonly openNetwork: () => Network | undefined;
  readonly wait: Wait;
  /** True when devices on the local network are heard. */
  readonly discovers: boolean;
  readonly hold: SigningHold;
  readonly evict: (asset: string, context: OperationContext) => Promise<EvictOutput>;
}

/** What talks to peers while the node runs. */
export interface Network {
  readonly transport: Transport;
  readonly engine: SyncEngine;
  readonly segments: SegmentExchange;
  /** How tickets were redeemed or refused, by event. */
  readonly joins: ReadonlyMap<string, number>;
  /** What members and this device promised each other, by event. */
  readonly pledges: ReadonlyMap<string, number>;
}

/** The other devices: how they come in, and how this node agrees with them. */
export interface Peers {
  invite(input: { readonly space: string; readonly level: Level; readonly hours: number }): Promise<TicketOutput>;
  join(ticket: string, options?: AbortOptions): Promise<JoinOutput>;
  listPeers(): Promise<PeerOutput[]>;
  metrics(): MetricsOutput;
  syncNow(peer: string | undefined, context: OperationContext): Promise<SessionOutput[]>;
  fetchAsset(asset: string, context: OperationContext): Promise<FetchOutput>;
  evictAsset(asset: string, context: OperationContext): Promise<EvictOutput>;
}

export function createPeers(deps: PeersDeps): Peers {
  const { store, catalog, spaces, key, clock, random, blake3 } = deps;

  async function invite({ space: name, level, hours }: Parameters<Peers['invite']>[0]): Promise<TicketOutput> {
    const space = await spaces.find(name);
    const { record, access, genesisId } = space;
    if (!includesLevel(access.levelNow(key.publicKey), 'manage')) throw notManaged(record.name);
    const { transport } = await deps.network();
    const secret = random.bytes(TICKET_SECRET_BYTES);
    const expiresAt = clock.now() + hours * HOUR_MS;
    await putInvite(deps, secret, { space: record.space, level, expiresAt });
    const addresses = transport.addresses().slice(0, TICKET_ADDRESSES_MAX);
    const ticket = encodeTicket(blake3, {
      space: record.space,
      genesisId,
      issuer: key.publicKey,
      addresses,
      secret,
      level,
      expiresAt,
      spaceName: record.name,
    });
    return { ticket, space: record.name, level, expiresAt: new Date(expiresAt).toISOString(), addresses };
  }

  async function join(text: string, { signal }: AbortOptions = {}): Promise<JoinOutput> {
    const ticket = decodeTicket(blake3, text);
    if (toHex(ticket.issuer) === toHex(key.publicKey)) throw ownTicket();
    const { transport, engine } = await deps.network();
    const joined = await redeemTicket({ ...deps, transport }, ticket, { signal });
    const space = await spaces.join(joined);
    const { record } = space;
    // The space is joined; what else there is also comes later.
    const session = await engine.syncWith(ticket.issuer, { signal }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      return undefined;
    });
    return {
      space: record.space,
      name: record.name,
      // A grant that contradicts one that was here comes anew with a later session.
      level: space.access.levelNow(key.publicKey) ?? ticket.level,
      operationCount: session?.progress.operationsDone ?? 0,
    };
  }

  async function listPeers(): Promise<PeerOutput[]> {
    await spaces.opened();
    const connected = new Map(
      deps
        .openNetwork()
        ?.transport.peers()
        .map((peer) => [toHex(peer.peer), peer]),
    );
    const records = new Map((await readPeers(store)).map((peer) => [peer.device, peer]));
    return [...spaces.peers()].map(([device, { name, spaces: shared }]): PeerOutput => {
      const record = records.get(device) ?? newPeer(device);
      const line = connected.get(device);
      const until = deps.openNetwork()?.transport.refusedUntil(fromHex(device));
      const refusedUntil = until === undefined ? null : new Date(until).toISOString();
      return {
        device,
        fingerprint: keyFingerprint(blake3, fromHex(device)),
        name,
        spaces: [...shared],
        isConnected: line !== undefined,
        address: line?.address ?? null,
        lastContact: record.lastContactAt === null ? null : new Date(record.lastContactAt).toISOString(),
        contacts: record.spaces.map((contact) => ({ ...contact })),
        bytesSent: record.bytesSent,
        bytesReceived: record.bytesReceived,
        refusedUntil,
        waitsFor: waitsFor(record, line !== undefined, refusedUntil),
      };
    });
  }

  function metrics(): MetricsOutput {
    const network = deps.openNetwork();
    const counted = network?.transport.counts();
    const protocols: Record<string, { in: number; out: number }> = {};
    for (const byProtocol of Object.values(counted?.bytes ?? {})) {
      for (const [protocol, bytes] of Object.entries(byProtocol)) {
        const sum = (protocols[protocol] ??= { in: 0, out: 0 });
        sum.in += bytes.in;
        sum.out += bytes.out;
      }
    }
    return {
      isListening: network !== undefined,
      addresses: network?.transport.addresses() ?? [],
      connectedCount: network?.transport.peers().length ?? 0,
      bytes: protocols,
      transport: { ...counted?.events },
      sync: Object.fromEntries(network?.engine.counts ?? []),
      joins: Object.fromEntries(network?.joins ?? []),
      segments: Object.fromEntries(network?.segments.counts ?? []),
      compaction: network ? spaces.compactionCounts() : {},
      pledges: Object.fromEntries(network?.pledges ?? []),
      fetching: (network?.segments.status() ?? []).map(({ haveBytes, byteCount, waitsFor }) => ({
        haveBytes,
        byteCount: byteCount ?? null,
        waitsFor: waitsFor ?? null,
      })),
      sessions: (network?.engine.running() ?? []).map(({ device, startedAt, progress }) => ({
        device,
        startedAt: new Date(startedAt).toISOString(),
        ...progress,
      })),
    };
  }

  async function syncNow(name: string | undefined, { signal, report }: OperationContext): Promise<SessionOutput[]> {
    const { engine } = await deps.network();
    const wasHeld = deps.hold.isHeld;
    await spaces.settle();
    const known = [...spaces.peers()].map(([device, peer]) => ({ device, name: peer.name }));
    const wanted = name === undefined ? known : [findPeer(known, name)];
    const sessions = await Promise.all(wanted.map((peer) => syncOne(engine, peer, { signal, report })));
    if (!wasHeld) return sessions;
    // What was done here could be signed only now.
    await deps.hold.whenReleased();
    await spaces.settle();
    return Promise.all(sessions.map((first) => syncAgain(engine, first, { signal, report })));
  }

  async function syncAgain(
    engine: SyncEngine,
    first: SessionOutput,
    context: Pick<OperationContext, 'signal' | 'report'>,
  ): Promise<SessionOutput> {
    if (first.end !== 'complete') return first;
    const second = await syncOne(engine, first, context);
    return {
      ...second,
      operations: first.operations + second.operations,
      bytesSent: first.bytesSent + second.bytesSent,
      bytesReceived: first.bytesReceived + second.bytesReceived,
    };
  }

  async function syncOne(
    engine: SyncEngine,
    { device, name }: { readonly device: string; readonly name: string },
    { signal, report }: Pick<OperationContext, 'signal' | 'report'>,
  ): Promise<SessionOutput> {
    const fingerprint = keyFingerprint(blake3, fromHex(device));
    try {
      const session = await engine.syncWith(fromHex(device), {
        signal,
        reachMs: REACH_MS_MAX,
        onProgress: ({ operationsDone, operationsTotal, bytesDone }) =>
          report({
            stage: 'syncing',
            subject: name,
            done: operationsDone,
            total: operationsTotal,
            unit: 'operations',
            byteCount: bytesDone,
          }),
      });
      return { device, fingerprint, name, ...(await sessionOutput(device, session)) };
    } catch (error) {
      const { code, message } = asGranaryError(error);
      if (signal.aborted || code === 'CANCELLED') throw error;
      // Whatever is wrong with one peer, the sessions with the others count.
      const end = code === 'PEER_UNREACHABLE' || code === 'TIMED_OUT' ? 'unreachable' : 'failed';
      const nothing = { operations: 0, bytesSent: 0, bytesReceived: 0, spaces: [] };
      return { device, fingerprint, name, end, reason: message, ...nothing };
    }
  }

  async function sessionOutput(
    device: string,
    session: SessionReport,
  ): Promise<Omit<SessionOutput, 'device' | 'fingerprint' | 'name'>> {
    const opened = await spaces.opened();
    return {
      end: session.end,
      reason: session.end === 'complete' ? null : describeEnd(session),
      operations: session.progress.operationsDone,
      bytesSent: session.byteCounts.sent,
      bytesReceived: session.byteCounts.received,
      spaces: contactsOf(opened, fromHex(device), session).map((contact) => ({ ...contact })),
    };
  }

  function findPeer(known: readonly { readonly device: string; readonly name: string }[], wanted: string) {
    const devices = known.map(({ device, name }) => ({ device: fromHex(device), name }));
    const [found, ...others] = matchDevices(blake3, devices, wanted);
    if (found && others.length === 0) return { device: toHex(found.device), name: found.name };
    throw new GranaryError(
      'DEVICE_NOT_FOUND',
      `No space of this node has exactly one device ${JSON.stringify(wanted)}.`,
      {
        device: wanted,
      },
    );
  }

  return {
    invite,
    join,
    listPeers,
    metrics,
    syncNow,
    async fetchAsset(name, { signal, report }) {
      const asset = await catalog.getAsset(name);
      const { segments } = await deps.network();
      if ((await spaces.subscription(asset.id)) !== undefined) await spaces.subscribe(asset.id, 'data');
      return { asset: asset.name, ...(await segments.fetchAsset(asset, 'person', { signal, report })) };
    },
    evictAsset: deps.evict,
  };
}

/** What keeps a session from coming about; what one left out stands in the contacts. */
function waitsFor(
  { lastContactAt, lastFailure, spaces }: PeerRecord,
  isConnected: boolean,
  refusedUntil: string | null,
): string[] {
  const reasons: string[] = [];
  if (refusedUntil !== null) {
    reasons.push(`this device refuses its lines until ${refusedUntil}, as it broke the protocol too often`);
  } else if (!isConnected) {
    reasons.push(lastContactAt === null ? 'never met; it has to run where this node can reach it' : 'not connected');
  }
  if (lastFailure) reasons.push(lastFailure.message);
  if (spaces.some(({ isOffered }) => !isOffered)) reasons.push('it does not share with this device (any more)');
  return reasons;
}

const notManaged = (name: string) =>
  new GranaryError(
    'FORBIDDEN',
    `This device does not manage the space ${JSON.stringify(name)}. Ask who does to invite.`,
  );

const ownTicket = () =>
  new GranaryError('TICKET_INVALID', 'The ticket was made by this device. Redeem it on the other one.');
