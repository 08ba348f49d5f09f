import type { Clock, Random } from '#core/kernel/index.ts';
import { backoffMilliseconds } from './backoff.ts';

export interface RedialerDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** True when there is nothing to gain from a dial. */
  readonly isContent: (peer: string) => boolean;
  /** True when the dial gave a line. */
  readonly dial: (peer: string) => Promise<boolean>;
}

interface Attempt {
  failures: number;
  nextAt: number;
  isDialing: boolean;
}

/** Keeps trying to reach a set of peers, each at its own pace. */
export class Redialer {
  readonly #deps: RedialerDeps;
  readonly #attempts = new Map<string, Attempt>();

  constructor(deps: RedialerDeps) {
    this.#deps = deps;
  }

  keep(peers: ReadonlySet<string>): void {
    for (const peer of this.#attempts.keys()) if (!peers.has(peer)) this.#attempts.delete(peer);
    for (const peer of peers) {
      if (!this.#attempts.has(peer)) this.#attempts.set(peer, { failures: 0, nextAt: 0, isDialing: false });
    }
  }

  isKept(peer: string): boolean {
    return this.#attempts.has(peer);
  }

  /** Something new is known of the peer: the next beat tries it. */
  hurry(peer: string): void {
    const attempt = this.#attempts.get(peer);
    if (attempt) attempt.nextAt = 0;
  }

  /** A line to the peer ended. A peer that does not stay is tried less and less often. */
  lost(peer: string): void {
    const attempt = this.#attempts.get(peer);
    if (attempt) this.#postpone(attempt);
  }

  /** A line to the peer has held for a while. */
  settled(peer: string): void {
    const attempt = this.#attempts.get(peer);
    if (attempt) attempt.failures = 0;
  }

  /** To be called about once a second. */
  beat(): void {
    const now = this.#deps.clock.monotonic();
    for (const [peer, attempt] of this.#attempts) {
      if (attempt.isDialing || attempt.nextAt > now || this.#deps.isContent(peer)) continue;
      attempt.isDialing = true;
      void this.#dial(peer, attempt);
    }
  }

  async #dial(peer: string, attempt: Attempt): Promise<void> {
    const isReached = await this.#deps.dial(peer).catch(() => false);
    attempt.isDialing = false;
    if (!isReached) this.#postpone(attempt);
  }

  #postpone(attempt: Attempt): void {
    const { clock, random } = this.#deps;
    attempt.nextAt = clock.monotonic() + backoffMilliseconds(attempt.failures, random);
    attempt.failures += 1;
  }
}
