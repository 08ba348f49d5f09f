import { SLOWED_LINE_MILLISECONDS, SLOWED_MILLISECONDS, SLOWED_NETWORKS_MAX } from '../limits.ts';

interface Slowed {
  /** When it is forgotten, and when the next line may be taken; as of `Clock.monotonic`. */
  endsAt: number;
  nextAt: number;
}

/**
 * The network addresses from which refused peers come. A key is known only after a handshake; so that a refused peer cannot
 * have one as often as it likes, new lines from its address are taken at a slow pace for a while. They are not refused
 * altogether: other devices may share the address. Networks are those of `networkOf`.
 */
export class SlowedNetworks {
  readonly #now: () => number;
  /** The one of which was heard longest ago comes first. */
  readonly #networks = new Map<string, Slowed>();

  /** `now` is in milliseconds, as of `Clock.monotonic`. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A refused peer came from there. */
  slow(network: string): void {
    const nextAt = this.#networks.get(network)?.nextAt ?? this.#now() + SLOWED_LINE_MILLISECONDS;
    this.#networks.delete(network);
    this.#networks.set(network, { endsAt: this.#now() + SLOWED_MILLISECONDS, nextAt });
    if (this.#networks.size > SLOWED_NETWORKS_MAX) this.#networks.delete([...this.#networks.keys()][0]!);
  }

  /** False for a line that comes too soon after the one before. */
  takes(network: string): boolean {
    const slowed = this.#networks.get(network);
    const now = this.#now();
    if (!slowed) return true;
    if (slowed.endsAt <= now) return this.#networks.delete(network);
    if (slowed.nextAt > now) return false;
    slowed.nextAt = now + SLOWED_LINE_MILLISECONDS;
    return true;
  }
}
