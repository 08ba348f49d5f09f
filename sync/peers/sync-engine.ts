import {
  type AbortOptions,
  asGranaryError,
  type Clock,
  equalBytes,
  fromHex,
  GranaryError,
  type Logger,
  type Random,
  raceAbort,
  throwIfAborted,
  toHex,
  type Uuid,
} from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { type AgreementStore, runSession, type SessionReport, type SyncProgress } from '#sync/reconcile/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import { isForgotten, isLeft, type Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { ADDRESSES_FRAME_BYTES_MAX } from './address-frames.ts';
import { ADDRESSES_PROTOCOL, answerAddresses, askAddresses } from './exchange-addresses.ts';
import { type PeerRecord, readPeer, type SpaceContact, writePeer } from './peer-record.ts';
import { createKeptStreams } from './kept-streams.ts';
import { createSessionGate } from './session-gate.ts';
import { openSessionStream, type SessionStream } from './session-stream.ts';
import {
  askRemoval,
  createRemovalTeller,
  REMOVAL_FRAME_BYTES_MAX,
  REMOVAL_PROTOCOL,
  REMOVAL_STREAMS_PER_PEER_MAX,
} from './tell-removal.ts';

export const SYNC_PROTOCOL = '/granary/sync/1';

/** A peer that says and takes nothing for so long in a session has gone, or has been stopped. Milliseconds. */
export const SESSION_SILENCE_MS_MAX = 20_000;
/** What happens within this time travels in one session. Milliseconds. */
const GATHER_MS = 100;
/** Connected peers are asked again this often, should a change have been missed. Milliseconds. */
const ASK_AGAIN_MS = 60_000;
/** After a session that failed or left something out, the next one waits this long, doubled each time. Milliseconds. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 5 * 60_000;
/** Streams of sessions that one peer may open at once: one it began, and one more that crossed with an older one. */
const SESSIONS_PER_PEER_MAX = 4;
/** A frame of a session with its type. */
const SYNC_FRAME_LIMIT = 2 ** 20;

export interface SyncEngineDeps {
  readonly store: KeyValueStore;
  readonly transport: Transport;
  readonly spaces: Spaces;
  /** Called after each session with a member of a space of this node, when what came is to be applied. */
  readonly afterSession: (report: SessionReport) => Promise<void>;
  readonly agreements: AgreementStore;
  readonly blake3: Blake3;
  readonly random: Random;
  readonly clock: Clock;
  readonly wait: Wait;
  readonly logger: Logger;
}

export interface SyncOptions extends AbortOptions {
  /** Milliseconds in which the device has to be reached; without a limit as long as the transport tries. */
  readonly reachMs?: number | undefined;
  readonly onProgress?: ((progress: SyncProgress) => void) | undefined;
}

/** A session that runs now. */
export interface RunningSession {
  readonly device: string;
  readonly startedAt: number;
  readonly progress: SyncProgress;
}

export interface SyncEngine extends AsyncDisposable {
  /**
   * Runs one session with a device and applies what came. What the device or the line does wrong is in the report.
   * Errors: `PEER_UNREACHABLE`, `FORBIDDEN` for a device that shares no space, `CANCELLED`.
   */
  syncWith(device: Uint8Array, options?: SyncOptions): Promise<SessionReport>;
  /** Has every connected peer hear, by a session, that there may be something new for it here. */
  announce(): void;
  running(): readonly RunningSession[];
  /** What was counted of all peers together since the start: their faults by reason, and what they told. */
  readonly counts: ReadonlyMap<string, number>;
}

/** What is known of one device while the node runs. */
interface Contact {
  /** A session is to follow the one that runs. */
  isWanted: boolean;
  loop: Promise<void> | undefined;
  failures: number;
  /** Ends the wait for the next try. */
  hurry: () => void;
  /** It was asked where others are, since it was connected. */
  hasAddresses: boolean;
}

const newContact = (): Contact => ({
  isWanted: false,
  loop: undefined,
  failures: 0,
  hurry: () => undefined,
  hasAddresses: false,
});

/**
 * Keeps this node in agreement with its peers for as long as it runs: a session when a peer appears, when something
 * changed here, and now and then. Each peer has one session of this side at a time; peers do not wait for each other.
 */
export function startSyncEngine(deps: SyncEngineDeps): SyncEngine {
  const { store, transport, spaces, clock, wait, logger } = deps;
  const self = toHex(transport.self);
  const stopped = new AbortController();
  const contacts = new Map<string, Contact>();
  const running = new Set<RunningSession>();
  const counts = new Map<string, number>();
  const count = (event: string) => counts.set(event, (counts.get(event) ?? 0) + 1);
  const work = new Set<Promise<unknown>>();
  const gate = createSessionGate(clock);
  const kept = createKeptStreams();

  const track = (promise: Promise<unknown>): void => {
    const tracked = promise
      .catch((error: unknown) => {
        if (!stopped.signal.aborted) logger.warn('A sync failed.', { cause: asGranaryError(error).message });
      })
      .finally(() => work.delete(tracked));
    work.add(tracked);
  };

  async function run(
    role: 'initiator' | 'responder',
    stream: SessionStream,
    { signal, onProgress }: SyncOptions,
  ): Promise<SessionReport> {
    const device = toHex(stream.peer);
    const views = spaces.viewsFor(stream.peer);
    const { channel, binding } = stream.nextSession();
    const ended = new AbortController();
    const any = AbortSignal.any([ended.signal, stopped.signal, ...(signal ? [signal] : [])]);
    const session = { device, startedAt: clock.now(), progress: NO_PROGRESS };
    running.add(session);
    channel.whenSilent(SESSION_SILENCE_MS_MAX, any).then(
      () => ended.abort(silence()),
      () => undefined,
    );
    try {
      const report = await runSession(
        {
          blake3: deps.blake3,
          random: deps.random,
          agreements: deps.agreements,
          onRefusal: (reason) => count(`refused-${reason}`),
        },
        {
          role,
          channel,
          peerId: stream.peer,
          binding,
          views,
          onProgress(progress) {
            session.progress = progress;
            onProgress?.(progress);
          },
        },
        { signal: any },
      );
      if (report.end !== 'complete') void stream.close();
      gate.ended(device, role, report);
      const opened = await spaces.opened();
      count(`session-${report.end}`);
      if (views.length > 0) await remember(device, (peer) => withReport(opened, peer, report));
      return report;
    } catch (error) {
      stream.abort();
      if (views.length > 0) await remember(device, (peer) => withFailure(peer, asGranaryError(error).message));
      throw error;
    } finally {
      running.delete(session);
      ended.abort();
    }
  }

  /** Applies what came. A member who does not name a space may know that it goes on without this device. */
  async function afterSession(peer: Uint8Array, report: SessionReport): Promise<void> {
    await deps.afterSession(report);
    if (report.end !== 'complete') return;
    const opened = await spaces.opened();
    const { signal } = stopped;
    for (const { space, isOffered } of contactsOf(opened, peer, report)) {
      const named = opened.get(space as Uuid);
      if (isOffered || !named || (isLeft(named) && !isForgotten(named))) continue;
      // Whoever cannot tell is no worse a peer for that.
      await askRemoval({ transport }, peer, named, { signal }).catch(() => throwIfAborted(signal));
    }
  }

  async function remember(device: string, change: (peer: PeerRecord) => PeerRecord): Promise<void> {
    await writePeer(store, change(await readPeer(store, device)));
  }

  const withReport = (opened: OpenedSpaces, peer: PeerRecord, report: SessionReport): PeerRecord => ({
    ...peer,
    lastContactAt: report.end === 'complete' ? clock.now() : peer.lastContactAt,
    spaces: report.end === 'complete' ? contactsOf(opened, fromHex(peer.device), report) : peer.spaces,
    bytesSent: peer.bytesSent + report.byteCounts.sent,
    bytesReceived: peer.bytesReceived + report.byteCounts.received,
    sessions: peer.sessions + 1,
    lastFailure: report.end === 'complete' ? null : { at: clock.now(), message: describeEnd(report) },
  });

  const withFailure = (peer: PeerRecord, message: string): PeerRecord => ({
    ...peer,
    sessions: peer.sessions + 1,
    lastFailure: { at: clock.now(), message },
  });

  async function syncWith(device: Uint8Array, options: SyncOptions = {}): Promise<SessionReport> {
    throwIfAborted(options.signal);
    if (spaces.viewsFor(device).length === 0) throw shareNothing(toHex(device));
    const there = kept.take(toHex(device));
    const report = there && (await begin(there, options));
    // A stream that was kept may have been dying; a new one was not.
    if (report && !(report.end === 'interrupted' && report.byteCounts.received === 0)) return report;
    return begin(await openStream(device, options), options);
  }

  async function begin(stream: SessionStream, options: SyncOptions): Promise<SessionReport> {
    const report = await run('initiator', stream, options);
    if (report.end === 'complete') kept.keep(stream);
    await afterSession(stream.peer, report);
    return report;
  }

  async function openStream(device: Uint8Array, options: SyncOptions): Promise<SessionStream> {
    const signal = AbortSignal.any([stopped.signal, ...(options.signal ? [options.signal] : [])]);
    const reached = new AbortController();
    const { reachMs } = options;
    if (reachMs !== undefined) {
      wait(reachMs, { signal: AbortSignal.any([signal, reached.signal]) }).then(
        () => reached.abort(notReached(reachMs)),
        () => undefined,
      );
    }
    const stream = await transport.open(device, SYNC_PROTOCOL, { signal: AbortSignal.any([signal, reached.signal]) });
    // From here on only silence ends it.
    reached.abort();
    return openSessionStream(deps, stream);
  }

  /** Takes part in the sessions that a peer begins over one stream, each once the one before has ended completely. */
  async function answer(opened: PeerStream): Promise<void> {
    const stream = openSessionStream(deps, opened);
    // The first session begins with the stream, so that who opens one and says nothing is given up as well.
    do {
      if (!mayBegin(toHex(stream.peer))) {
        stream.abort();
        return noteUnwanted(stream.peer);
      }
      const milliseconds = gate.begins(toHex(stream.peer));
      if (milliseconds > 0) await wait(milliseconds, { signal: stopped.signal });
      // A stranger is told that there is nothing in common; it costs neither a record nor a settling.
      const isMember = spaces.viewsFor(stream.peer).length > 0;
      const report = await run('responder', stream, {});
      // The peer does not wait for what this node makes of it.
      if (isMember) track(afterSession(stream.peer, report));
      if (report.end !== 'complete') return;
    } while (await raceAbort(stream.hasMore(), stopped.signal));
  }

  function mayBegin(device: string): boolean {
    const isAllowed = gate.mayBegin(device);
    if (!isAllowed) count('session-shut-out');
    return isAllowed;
  }

  /** A peer has brought a stream that it may not have now: one that goes on with it loses its lines. */
  function noteUnwanted(peer: Uint8Array): void {
    const milliseconds = gate.unwanted(toHex(peer));
    if (milliseconds === undefined) return;
    count('peer-refused');
    transport.refuse(peer, clock.now() + milliseconds);
  }

  /** Wants a session with a device soon. */
  function nudge(device: string): void {
    if (stopped.signal.aborted || device === self) return;
    const contact = contacts.get(device) ?? newContact();
    contacts.set(device, contact);
    contact.isWanted = true;
    contact.hurry();
    if (contact.loop) return;
    contact.loop = follow(device, contact).finally(() => {
      contact.loop = undefined;
      // It may have been wanted again while the loop was ending.
      if (contact.isWanted) nudge(device);
      else if (!isConnected(device)) contacts.delete(device);
    });
    track(contact.loop);
  }

  /** The last line to a device is gone. A loop that waits for its next try finds that out and ends, so that there is one. */
  function lost(device: string): void {
    const contact = contacts.get(device);
    if (!contact) return;
    contact.hasAddresses = false;
    contact.hurry();
    if (!contact.loop) contacts.delete(device);
  }

  const isConnected = (device: string) => transport.peers().some(({ peer }) => toHex(peer) === device);

  async function follow(device: string, contact: Contact): Promise<void> {
    const { signal } = stopped;
    while (contact.isWanted && !signal.aborted) {
      await wait(GATHER_MS, { signal });
      contact.isWanted = false;
      const key = fromHex(device);
      if (!isConnected(device) || spaces.viewsFor(key).length === 0 || !mayBegin(device)) return;
      const isDone = await syncWith(key).then(
        ({ end, spaces: reports }) => end === 'complete' && reports.every(({ equal }) => equal),
        (error: unknown) => {
          if (signal.aborted) throw error;
          return false;
        },
      );
      contact.failures = isDone ? 0 : contact.failures + 1;
      if (isDone && !contact.hasAddresses) {
        contact.hasAddresses = true;
        // Whoever cannot tell is no worse a peer for that.
        await askAddresses(exchange, key, { signal }).catch(() => undefined);
      }
      if (isDone) continue;
      // The other side may be behind as well, or restarting: it is asked again, ever more rarely.
      // What is new here does not wait for that: a peer may lack for good what nobody can give it.
      const hurried = new AbortController();
      contact.hurry = () => hurried.abort();
      const milliseconds = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (contact.failures - 1));
      await wait(milliseconds, { signal: AbortSignal.any([signal, hurried.signal]) }).catch(() =>
        throwIfAborted(signal),
      );
      contact.isWanted = true;
    }
  }

  const connectedPeers = () => transport.peers().map(({ peer }) => toHex(peer));
  const nudgeAll = () => connectedPeers().forEach(nudge);

  async function askAgain(): Promise<void> {
    for (;;) {
      await wait(ASK_AGAIN_MS, { signal: stopped.signal });
      nudgeAll();
    }
  }

  const exchange = {
    transport,
    spaces,
    count: (event: string) => count(`addresses-${event}`),
  };
  transport.handle(
    ADDRESSES_PROTOCOL,
    { maxFrameBytes: ADDRESSES_FRAME_BYTES_MAX, maxStreamsPerPeer: SESSIONS_PER_PEER_MAX },
    (stream) => answerAddresses(exchange, stream),
  );
  transport.handle(
    REMOVAL_PROTOCOL,
    { maxFrameBytes: REMOVAL_FRAME_BYTES_MAX, maxStreamsPerPeer: REMOVAL_STREAMS_PER_PEER_MAX },
    createRemovalTeller({ spaces, clock, count: (event) => count(`removal-${event}`) }),
  );
  transport.handle(
    SYNC_PROTOCOL,
    { maxFrameBytes: SYNC_FRAME_LIMIT, maxStreamsPerPeer: SESSIONS_PER_PEER_MAX },
    answer,
  );
  transport.keepConnected(new Set(spaces.peers().keys()));
  const stopListening = [
    transport.onChange(({ kind, peer }) => {
      if (kind === 'disconnected') lost(toHex(peer));
      if (kind === 'connected') nudge(toHex(peer));
      if (kind === 'crowding') noteUnwanted(peer);
    }),
    spaces.onChange(() => {
      transport.keepConnected(new Set(spaces.peers().keys()));
      nudgeAll();
    }),
  ];
  nudgeAll();
  track(askAgain());

  return {
    syncWith,
    announce: nudgeAll,
    running: () => [...running],
    counts,
    async [Symbol.asyncDispose]() {
      for (const stop of stopListening) stop();
      stopped.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
      kept.close();
      await Promise.all(work);
    },
  };
}

const NO_PROGRESS: SyncProgress = { operationsDone: 0, operationsTotal: 0, bytesDone: 0, bytesTotal: 0 };

const silence = () =>
  new GranaryError('TIMED_OUT', `The other node was silent for ${SESSION_SILENCE_MS_MAX / 1000} seconds.`);

const notReached = (milliseconds: number) =>
  new GranaryError('TIMED_OUT', `The other node was not reached within ${milliseconds / 1000} seconds.`);

const shareNothing = (device: string) =>
  new GranaryError('FORBIDDEN', `The device ${device} is in no space of this node. Invite it to one.`, { device });

type OpenedSpaces = Awaited<ReturnType<Spaces['opened']>>;

/** How the spaces that are shared with a device ended in a session, as it is remembered and shown. */
export function contactsOf(opened: OpenedSpaces, device: Uint8Array, report: SessionReport): SpaceContact[] {
  const shared = [...opened.values()].filter(({ access }) => access.levelNow(device) !== null);
  return shared.map(({ genesisId, record: { space } }) => {
    const ended = report.spaces.find(({ spaceId }) => equalBytes(genesisId, spaceId));
    if (!ended) return { space, isEqual: false, isOffered: false, missingHere: {}, missingThere: {} };
    const { equal, missingHere, missingThere } = ended;
    return {
      space,
      isEqual: equal,
      isOffered: true,
      missingHere: Object.fromEntries(missingHere),
      missingThere: Object.fromEntries(missingThere),
    };
  });
}

/** Why a session did not end completely. */
export function describeEnd({ end, refusal }: SessionReport): string {
  if (end === 'interrupted') return 'The line broke.';
  return end === 'refused'
    ? `It broke the protocol: ${refusal ?? 'unknown'}.`
    : `It says that this node broke the protocol: ${refusal ?? 'unknown'}.`;
}
