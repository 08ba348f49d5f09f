import { type Clock, createTokenBucket, type TokenBucket } from '#core/kernel/index.ts';
import type { Session, SessionReport } from '#sync/reconcile/index.ts';

/**
 * Sessions that one peer may spoil in a row. One of another version or with a damaged disk spoils some; each costs this
 * node a second of its processor at most.
 */
export const SPOILT_SESSIONS_MAX = 3;

/** After that it may have one again each time so long has passed. Milliseconds. */
export const SPOILT_SESSION_MS = 60_000;

/** Sessions of one peer that are taken up in a second: one that tells of each change as it is made begins ten. */
export const SESSIONS_PER_SECOND_MAX = 10;

/** Sessions of one peer that are taken up at once, when it was quiet before; those that follow wait for their turn. */
export const SESSIONS_BURST_MAX = 50;

/**
 * Streams that a peer may bring in a row though it may begin nothing. An honest one that is shut out comes back ever more
 * rarely; one that does not is sending as fast as it can, and each stream costs this node about a millisecond.
 */
export const UNWANTED_STREAMS_MAX = 20;

/** It may bring one more each time so long has passed. Milliseconds. */
export const UNWANTED_STREAM_MS = 3_000;

/** After that its lines are refused for so long, and twice as long each further time. Milliseconds. */
export const REFUSED_MS_MIN = 60_000;

/** The longest time for which its lines are refused: a person who has mended a device does not want to wait longer. Milliseconds. */
export const REFUSED_MS_MAX = 3_600_000;

/**
 * Bytes that a peer may leave in sessions that it breaks off: to tell how much it lacks, this node reads all of it, which
 * takes about 10 ms of its processor for each mebibyte. A line that breaks leaves some of what is large each time.
 */
export const LEFT_BYTES_BURST_MAX = 256 * 2 ** 20;

/** Bytes that it may leave in a second after that. */
export const LEFT_BYTES_PER_SECOND_MAX = 8 * 2 ** 20;

/** Keeps a peer from taking more of this node than others: what it may begin, and what it may spoil. */
export interface SessionGate {
  /** False for a peer that has spoilt what it may spoil; no session with it is to be begun. */
  mayBegin(device: string): boolean;
  /** Counts a session that a peer begins; returns for how many milliseconds it has to wait. */
  begins(device: string): number;
  /** Takes note of how a session with a peer ended. */
  ended(device: string, role: Session['role'], report: SessionReport): void;
  /**
   * Takes note of a stream that a peer brought and that was not taken. Returns for how many milliseconds its lines are to be
   * refused once there were too many of them.
   */
  unwanted(device: string): number | undefined;
}

interface Allowance {
  readonly sessions: TokenBucket;
  readonly spoilt: TokenBucket;
  readonly unwanted: TokenBucket;
  readonly left: TokenBucket;
  /** How long its lines were refused the last time; 0 when they were not. */
  refusedMs: number;
  /** When that is forgotten, as of `Clock.monotonic`. */
  forgottenAt: number;
}

export function createSessionGate(clock: Clock): SessionGate {
  const allowances = new Map<string, Allowance>();

  const isFull = ({ sessions, spoilt, unwanted, left, forgottenAt }: Allowance): boolean =>
    sessions.available >= SESSIONS_BURST_MAX &&
    spoilt.available >= SPOILT_SESSIONS_MAX &&
    unwanted.available >= UNWANTED_STREAMS_MAX &&
    left.available >= LEFT_BYTES_BURST_MAX &&
    clock.monotonic() >= forgottenAt;

  function allowanceOf(device: string): Allowance {
    const known = allowances.get(device);
    if (known) return known;
    // Who owes nothing is like one that never came.
    for (const [other, allowance] of allowances) if (isFull(allowance)) allowances.delete(other);
    const allowance: Allowance = {
      sessions: createTokenBucket(clock, SESSIONS_PER_SECOND_MAX, SESSIONS_BURST_MAX),
      spoilt: createTokenBucket(clock, 1000 / SPOILT_SESSION_MS, SPOILT_SESSIONS_MAX),
      unwanted: createTokenBucket(clock, 1000 / UNWANTED_STREAM_MS, UNWANTED_STREAMS_MAX),
      left: createTokenBucket(clock, LEFT_BYTES_PER_SECOND_MAX, LEFT_BYTES_BURST_MAX),
      refusedMs: 0,
      forgottenAt: 0,
    };
    allowances.set(device, allowance);
    return allowance;
  }

  return {
    mayBegin(device) {
      const { spoilt, left } = allowanceOf(device);
      return spoilt.available >= 1 && left.available >= 0;
    },
    begins(device) {
      const { sessions } = allowanceOf(device);
      sessions.use(1);
      return sessions.waitFor(0);
    },
    ended(device, role, report) {
      const { end, offeredBytes, byteCounts } = report;
      if (isSpoilt(report)) allowanceOf(device).spoilt.use(1);
      // What this node began is broken off by the line, if not by itself.
      if (role === 'initiator' || end === 'complete') return;
      allowanceOf(device).left.use(Math.max(0, offeredBytes - byteCounts.sent));
    },
    unwanted(device) {
      const allowance = allowanceOf(device);
      const { unwanted, refusedMs, forgottenAt } = allowance;
      if (unwanted.available >= 1) {
        unwanted.use(1);
        return undefined;
      }
      // When it comes back it has a few streams again, and then less patience.
      unwanted.giveBack(UNWANTED_STREAMS_MAX);
      const now = clock.monotonic();
      const isAgain = now < forgottenAt;
      allowance.refusedMs = isAgain ? Math.min(2 * refusedMs, REFUSED_MS_MAX) : REFUSED_MS_MIN;
      allowance.forgottenAt = now + allowance.refusedMs + REFUSED_MS_MAX;
      return allowance.refusedMs;
    },
  };
}

/** It broke the protocol, or sent what nobody can have taken for an operation. */
const isSpoilt = ({ end, spaces }: SessionReport): boolean =>
  end === 'refused' || spaces.some(({ missingHere }) => missingHere.has('invalid'));
