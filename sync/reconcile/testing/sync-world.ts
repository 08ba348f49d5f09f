import { concatBytes, type Random, toUtf8 } from '#core/kernel/index.ts';
import { joinOperation, signOperation, type SigningKey } from '#sync/log/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import type { AgreementStore, FrameChannel, OperationStore } from '../ports.ts';
import type { RefusalReason } from '../refusal.ts';
import { runSession, type Session, type SessionReport } from '../run-session.ts';
import { openSpaceView, type SpaceView } from '../space-view.ts';
import { createMemoryLine, type MemoryLineOptions } from './memory-channel.ts';
import { createMemoryAgreements, type MemoryOperationStore, openMemoryOperationStore } from './memory-stores.ts';

/** Thirty-two bytes that a name stands for. */
export const named = (name: string): Uint8Array => blake3(toUtf8(name));

/** A key whose signatures nobody checks: reconciliation never looks at them, and real ones take most of a test's time. */
export const unverifiedKey = (name: string): SigningKey => ({
  publicKey: named(name),
  sign: (message) => concatBytes([blake3(message), named(name)]),
});

export interface OperationPlace {
  readonly author: string;
  readonly log: string;
  readonly seq: number;
  readonly backlink: Uint8Array | undefined;
}

/** Raw bytes of one operation. */
export function makeOperation({ author, log, seq, backlink }: OperationPlace, body: string): Uint8Array {
  const extensions = { logId: named(log), timestampMicros: 1n, pruneFlag: false };
  const key = unverifiedKey(author);
  return joinOperation(signOperation({ key, blake3 }, { seq, backlink, extensions, body: toUtf8(body) }));
}

/** One node with one space. */
export interface SyncNode {
  readonly id: Uint8Array;
  readonly store: MemoryOperationStore;
  readonly view: SpaceView;
  readonly agreements: AgreementStore;
  readonly refusals: Map<RefusalReason, number>;
  /** Appends operations to a log of an author, after what is there. */
  write(author: string, log: string, ...bodies: readonly string[]): Promise<void>;
}

export const SPACE = named('space');

export async function openSyncNode(
  name: string,
  from: {
    readonly store?: MemoryOperationStore;
    readonly agreements?: AgreementStore;
    readonly spaceId?: Uint8Array;
  } = {},
): Promise<SyncNode> {
  const store = from.store ?? openMemoryOperationStore(blake3, named(`store of ${name}`));
  const view = await openSpaceView({ blake3 }, from.spaceId ?? SPACE, store);
  return {
    id: named(name),
    store,
    view,
    agreements: from.agreements ?? createMemoryAgreements(),
    refusals: new Map(),
    write: (author, log, ...bodies) => appendTo(view, store, author, log, bodies),
  };
}

async function appendTo(
  view: SpaceView,
  store: OperationStore,
  author: string,
  log: string,
  bodies: readonly string[],
): Promise<void> {
  for (const body of bodies) {
    const tip = await store.tip(named(author), named(log));
    const place = { author, log, seq: tip ? tip.seq + 1 : 0, backlink: tip?.operationId };
    const [result] = await view.append([makeOperation(place, body)]);
    if (result?.outcome !== 'stored') throw new Error(`The operation was not stored: ${result?.outcome}.`);
  }
}

/** What both ends of every line here know of it. */
export const SYNC_BINDING = named('line');
let sessions = 0;

interface SideOptions extends Partial<Session> {
  readonly random?: Random;
  readonly signal?: AbortSignal;
}

/** One side of a session of `node` with `peerId`. */
export function runSide(
  node: SyncNode,
  peerId: Uint8Array,
  role: Session['role'],
  channel: FrameChannel,
  { random, signal, ...more }: SideOptions = {},
): Promise<SessionReport> {
  sessions += 1;
  const onRefusal = (reason: RefusalReason) => node.refusals.set(reason, (node.refusals.get(reason) ?? 0) + 1);
  const deps = { blake3, random: random ?? countingRandom(sessions), agreements: node.agreements, onRefusal };
  const session = { role, channel, peerId, binding: SYNC_BINDING, views: [node.view], ...more };
  return runSession(deps, session, { signal });
}

export interface MeetingReport {
  readonly initiator: SessionReport;
  readonly responder: SessionReport;
  /** The times the initiator waited for an answer. */
  readonly roundTrips: number;
}

/** Runs one session between two nodes to its end. */
export async function meet(
  initiator: SyncNode,
  responder: SyncNode,
  line: MemoryLineOptions = {},
  more: { readonly initiator?: SideOptions; readonly responder?: SideOptions } = {},
): Promise<MeetingReport> {
  const [near, far] = createMemoryLine(line);
  const reports = await Promise.all([
    runSide(initiator, responder.id, 'initiator', near, more.initiator),
    runSide(responder, initiator.id, 'responder', far, more.responder),
  ]);
  return { initiator: reports[0], responder: reports[1], roundTrips: near.crossings / 2 };
}
