import type { Connection, Libp2p } from '@libp2p/interface';
import { type Clock, fromHex, toHex } from '#core/kernel/index.ts';
import type { CountedEvent } from '../counters.ts';
import {
  BEAT_MILLISECONDS,
  LINE_SETTLED_MILLISECONDS,
  LINES_PER_PEER_MAX,
  SILENCE_MAX_MILLISECONDS,
} from '../limits.ts';
import type { ConnectedPeer } from '../ports.ts';
import { networkOf } from './addresses.ts';
import { keyOfPeer } from './peer-keys.ts';
import type { ProvedLines } from './proved-lines.ts';

export interface LineRegisterDeps {
  readonly node: Libp2p;
  readonly lines: ProvedLines;
  readonly clock: Clock;
  readonly count: (event: CountedEvent) => void;
  /** True for a peer that the node looks for itself. */
  readonly isWanted: (peer: string) => boolean;
  /** For peers that are not wanted and came by themselves. */
  readonly strangers: StrangerLimits;
  /** A line of a stranger was refused, as there are too many. */
  readonly onRefused: (connection: Connection) => void;
  readonly onConnected: (peer: string, connection: Connection) => void;
  readonly onDisconnected: (peer: string) => void;
}

export interface StrangerLimits {
  /** Lines of all strangers together. */
  readonly lines: number;
  readonly linesPerNetwork: number;
  /** Milliseconds for which one may stay. */
  readonly stay: number;
}

/** The lines that are up, by the key of their peer in hexadecimal. */
export class LineRegister {
  readonly #deps: LineRegisterDeps;
  /** With the wall clock's time since when. */
  readonly #lines = new Map<string, Map<Connection, number>>();
  #lastBeat: number;

  constructor(deps: LineRegisterDeps) {
    this.#deps = deps;
    this.#lastBeat = deps.clock.monotonic();
    deps.node.addEventListener('connection:open', ({ detail }) => this.#opened(detail));
    deps.node.addEventListener('connection:close', ({ detail }) => this.#closed(detail));
  }

  /** The line to take for a new stream: direct before relayed, then the one that is up longest. */
  best(peer: string): Connection | undefined {
    const open = [...(this.#lines.get(peer)?.keys() ?? [])].filter(({ status }) => status === 'open');
    return open.find(({ direct }) => direct) ?? open[0];
  }

  peers(): ConnectedPeer[] {
    return [...this.#lines].flatMap(([peer, lines]) => {
      const line = this.best(peer);
      if (!line) return [];
      return {
        peer: fromHex(peer),
        address: line.remoteAddr.toString(),
        direction: line.direction === 'inbound' ? 'in' : 'out',
        isLimited: line.limits !== undefined,
        connectedAt: lines.get(line)!,
      } satisfies ConnectedPeer;
    });
  }

  /** Ends all lines to a peer at once. */
  abort(peer: string, reason: string): void {
    for (const connection of this.#lines.get(peer)?.keys() ?? []) connection.abort(new Error(reason));
  }

  /** To be called about once a second: ends lines on which nothing comes any more. */
  beat(): void {
    const { clock, lines, count } = this.#deps;
    const now = clock.monotonic();
    // The time in which this process itself stood still is no silence of others; what came meanwhile is read after this.
    const stoodStill = Math.max(0, now - this.#lastBeat - 2 * BEAT_MILLISECONDS);
    this.#lastBeat = now;
    this.#endStrangers();
    for (const { connection } of this.#all()) {
      const facts = lines.of(connection);
      if (!facts) continue;
      facts.heardAt += stoodStill;
      if (now - facts.heardAt <= SILENCE_MAX_MILLISECONDS) continue;
      count('line-silent');
      connection.abort(new Error('Nothing came over the line any more.'));
    }
  }

  /** The peers that have a line which has held for a while. */
  settled(): Set<string> {
    return new Set(this.#all().flatMap(({ peer, since }) => (this.#hasHeld(since) ? peer : [])));
  }

  /** Closes relayed lines to peers that have a direct one, once nothing uses them any more. */
  closeSpare(isUsed: (connection: Connection) => boolean): void {
    for (const { peer, connection, since } of this.#all()) {
      if (connection.direct || !this.best(peer)?.direct || !this.#hasHeld(since) || isUsed(connection)) continue;
      connection.close().catch((error: Error) => connection.abort(error));
    }
  }

  /** Those that came by themselves and are not wanted. */
  #strangers(): { connection: Connection; since: number }[] {
    return this.#all().filter(
      ({ peer, connection }) => connection.direction === 'inbound' && !this.#deps.isWanted(peer),
    );
  }

  #endStrangers(): void {
    const { clock, count, strangers } = this.#deps;
    for (const { connection, since } of this.#strangers()) {
      if (clock.now() - since < strangers.stay) continue;
      count('line-stranger-ended');
      connection.abort(new Error('The peer is in no space of this node.'));
    }
  }

  /** Too many lines of strangers, in total or from one network. */
  #isCrowded(connection: Connection): boolean {
    const { lines, linesPerNetwork } = this.#deps.strangers;
    const strangers = this.#strangers();
    const network = networkOf(connection.remoteAddr);
    const same = strangers.filter((other) => networkOf(other.connection.remoteAddr) === network);
    return strangers.length >= lines || same.length >= linesPerNetwork;
  }

  #hasHeld(since: number): boolean {
    return this.#deps.clock.now() - since >= LINE_SETTLED_MILLISECONDS;
  }

  #all(): { peer: string; connection: Connection; since: number }[] {
    return [...this.#lines].flatMap(([peer, lines]) =>
      [...lines].map(([connection, since]) => ({ peer, connection, since })),
    );
  }

  #opened(connection: Connection): void {
    const { clock, count, onConnected, onRefused, isWanted } = this.#deps;
    const key = keyOfPeer(connection.remotePeer);
    if (!key || connection.status !== 'open') return;
    const peer = toHex(key);
    const lines = this.#lines.get(peer) ?? new Map<Connection, number>();
    if (lines.size >= LINES_PER_PEER_MAX) {
      count('line-refused-limit');
      connection.abort(new Error('The peer has too many lines.'));
      return;
    }
    if (connection.direction === 'inbound' && !isWanted(peer) && this.#isCrowded(connection)) {
      count('line-refused-stranger');
      onRefused(connection);
      connection.abort(new Error('There are too many lines of devices that are in no space of this node.'));
      return;
    }
    lines.set(connection, clock.now());
    this.#lines.set(peer, lines);
    count('line-opened');
    onConnected(peer, connection);
  }

  #closed(connection: Connection): void {
    const key = keyOfPeer(connection.remotePeer);
    const peer = key && toHex(key);
    const lines = peer === undefined ? undefined : this.#lines.get(peer);
    if (!peer || !lines?.delete(connection)) return;
    this.#deps.count('line-closed');
    if (lines.size > 0) return;
    this.#lines.delete(peer);
    this.#deps.onDisconnected(peer);
  }
}
