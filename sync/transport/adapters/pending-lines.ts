import type { MultiaddrConnection } from '@libp2p/interface';
import { PENDING_PER_NETWORK_MAX } from '../limits.ts';

/** The lines that others are building up, by the network that they come from as `networkOf` names it. */
export class PendingLines {
  readonly #pending = new Map<string, Set<MultiaddrConnection>>();

  /** Takes note of a new line; false when there are too many from its network. */
  begin(network: string, line: MultiaddrConnection): boolean {
    const lines = this.#pending.get(network) ?? new Set();
    if (lines.size >= PENDING_PER_NETWORK_MAX) return false;
    this.#pending.set(network, lines.add(line));
    line.addEventListener('close', () => this.end(network, line), { once: true });
    return true;
  }

  /** The line has proved its key, or is gone. */
  end(network: string, line: MultiaddrConnection): void {
    const lines = this.#pending.get(network);
    if (lines?.delete(line) && lines.size === 0) this.#pending.delete(network);
  }
}
