import type { Clock } from '#core/kernel/index.ts';
import type { SessionReport } from '#sync/reconcile/index.ts';
import { createTokenBucket, type TokenBucket } from '#sync/segments/index.ts';

/**
 * Sessions that one peer may spoil in a row. One of another version or with a damaged disk spoils some; each costs this
 * node a second of its processor at most.
 */
export const SPOILT_SESSIONS_MAX = 3;

/** After that it may have one again each time so long has passed. Milliseconds. */
export const SPOILT_SESSION_MS = 60_000;

/** Sessions that one peer may begin in a second: one that tells of each change as it is made begins ten. */
export const SESSIONS_PER_SECOND_MAX = 10;

/** Sessions that one peer may begin at once, when it was quiet before. */
export const SESSIONS_BURST_MAX = 50;

/** Keeps a peer from taking more of this node than others: what it may begin, and what it may spoil. */
export interface SessionGate {
  /** False for a peer that has had what it may have; the session is not to be begun. */
  mayBegin(device: string): boolean;
  /** Takes note of how a session with a peer ended. */
  ended(device: string, report: SessionReport): void;
}

interface Allowance {
  readonly sessions: TokenBucket;
  readonly spoilt: TokenBucket;
}

export function createSessionGate(clock: Clock): SessionGate {
  const allowances = new Map<string, Allowance>();

  const isFull = ({ sessions, spoilt }: Allowance): boolean =>
    sessions.available >= SESSIONS_BURST_MAX && spoilt.available >= SPOILT_SESSIONS_MAX;

  function allowanceOf(device: string): Allowance {
    const known = allowances.get(device);
    if (known) return known;
    // Who owes nothing is like one that never came.
    for (const [other, allowance] of allowances) if (isFull(allowance)) allowances.delete(other);
    const allowance: Allowance = {
      sessions: createTokenBucket(clock, SESSIONS_PER_SECOND_MAX, SESSIONS_BURST_MAX),
      spoilt: createTokenBucket(clock, 1000 / SPOILT_SESSION_MS, SPOILT_SESSIONS_MAX),
    };
    allowances.set(device, allowance);
    return allowance;
  }

  return {
    mayBegin(device) {
      const { sessions, spoilt } = allowanceOf(device);
      if (sessions.available < 1 || spoilt.available < 1) return false;
      sessions.use(1);
      return true;
    },
    ended(device, report) {
      if (isSpoilt(report)) allowanceOf(device).spoilt.use(1);
    },
  };
}

/** It broke the protocol, or sent what nobody can have taken for an operation. */
const isSpoilt = ({ end, spaces }: SessionReport): boolean =>
  end === 'refused' || spaces.some(({ missingHere }) => missingHere.has('invalid'));
