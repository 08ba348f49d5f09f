import { setImmediate } from 'node:timers/promises';
import type { Clock } from '#core/kernel/index.ts';
import { createSegmentFetcher } from '../fetch-segments.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { FrameChannel, SealedFolder } from '../ports.ts';
import type { SealedName } from '../sealed-segment.ts';
import type { FetchBudget, FetchEvent, SegmentFetcher } from '../segment-fetcher.ts';
import { createServeGate } from '../serve-gate.ts';
import { type ServeEvent, serveSegments } from '../serve-segments.ts';
import { blake3 } from './fixtures.ts';
import { createMemoryChannel, type OnTheWay } from './memory-channel.ts';

/** How often each event was counted, by peer: `events['a leaf-stored']`. */
export type Counts = Record<string, number>;

/** Time that passes when a test says so. */
export function createManualTime(): { clock: Clock; wait: Wait; pass(milliseconds: number): Promise<void> } {
  let now = 0;
  const sleepers = new Set<{ readonly until: number; wake(): void }>();
  return {
    clock: { now: () => now, monotonic: () => now },
    wait: (milliseconds, { signal }) =>
      new Promise((resolve) => {
        const sleeper = { until: now + milliseconds, wake: () => resolve() };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => resolve());
      }),
    async pass(milliseconds) {
      now += milliseconds;
      for (const sleeper of sleepers) {
        if (sleeper.until > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settle();
    },
  };
}

/** Lets everything happen that needs no time. */
export async function settle(rounds = 50): Promise<void> {
  for (let i = 0; i < rounds; i++) await setImmediate();
}

export interface TestRequester {
  readonly fetcher: SegmentFetcher;
  readonly fetchCounts: Counts;
  readonly serveCounts: Counts;
  readonly time: ReturnType<typeof createManualTime>;
  /** Connects a server under that name; frames pass `onTheWay`. */
  connect(peerId: string, folder: SealedFolder, options?: ConnectOptions): FrameChannel;
}

export interface ConnectOptions {
  readonly toServer?: OnTheWay;
  readonly toRequester?: OnTheWay;
  readonly mayServe?: (peerId: string, name: SealedName) => boolean;
}

export function createTestRequester(folder: SealedFolder, budget: FetchBudget = {}): TestRequester {
  const time = createManualTime();
  const fetchCounts: Counts = {};
  const serveCounts: Counts = {};
  const counting = (counts: Counts) => (event: FetchEvent | ServeEvent, peerId: string) => {
    counts[`${peerId} ${event}`] = (counts[`${peerId} ${event}`] ?? 0) + 1;
  };
  const fetcher = createSegmentFetcher({ folder, blake3, budget, ...time, count: counting(fetchCounts) });
  return {
    fetcher,
    fetchCounts,
    serveCounts,
    time,
    connect(peerId, served, { mayServe = () => true, ...onTheWay } = {}) {
      const { requester, server } = createMemoryChannel(onTheWay);
      const count = counting(serveCounts);
      const gate = createServeGate(time);
      const deps = { folder: served, mayServe, gate, count: (event: ServeEvent) => count(event, peerId) };
      void serveSegments(deps, 'requester', server);
      fetcher.addPeer(peerId, requester);
      return requester;
    },
  };
}
