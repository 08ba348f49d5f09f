import type { Clock } from '#core/kernel/index.ts';
import { REFUSED_PEERS_MAX } from './limits.ts';

/** The peers that are refused for a while, by public key in hexadecimal. */
export class RefusedPeers {
  readonly #clock: Clock;
  /** Milliseconds since the UNIX epoch. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  refuse(peer: string, until: number): void {
    this.#until.delete(peer);
    if (this.#until.size >= REFUSED_PEERS_MAX) this.#makeRoom();
    this.#until.set(peer, until);
  }

  /** Undefined for a peer that is not refused now. */
  until(peer: string): number | undefined {
    const until = this.#until.get(peer);
    if (until === undefined || until > this.#clock.now()) return until;
    this.#until.delete(peer);
    return undefined;
  }

  /** The one whose time is over first goes. */
  #makeRoom(): void {
    const [first] = [...this.#until].reduce((soonest, next) => (next[1] < soonest[1] ? next : soonest));
    this.#until.delete(first);
  }
}
