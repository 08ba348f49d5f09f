/**
 * Devices in one process that reach each other over lines in memory: for the simulator and for tests. Time, delays and
 * trouble are handed in, so that a run repeats itself.
 */
import {
  type AbortOptions,
  type Clock,
  fromHex,
  GranaryError,
  type Random,
  throwIfAborted,
  toHex,
} from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { ChangeListeners } from './change-listeners.ts';
import { TransportCounters } from './counters.ts';
import {
  ADDRESSES_PER_PEER_MAX,
  BEAT_MILLISECONDS,
  FRAME_BYTES_MAX,
  LINE_SETTLED_MILLISECONDS,
  STREAM_HALF_OPEN_MILLISECONDS,
  STREAM_IDLE_MILLISECONDS,
} from './limits.ts';
import { createMemoryStream, type MemoryEnd } from './memory-stream.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { OpenOptions, PeerStream, ProtocolLimits, Transport } from './ports.ts';
import { Redialer } from './redialer.ts';
import { RefusedPeers } from './refused-peers.ts';
import { streamBinding } from './stream-binding.ts';
import { StreamAllowances } from './stream-allowances.ts';
import { peerRefused, peerUnreachable, protocolUnknown } from './unreachable.ts';

export interface MemoryNetworkDeps {
  readonly blake3: Blake3;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: Wait;
  /** Milliseconds that a frame or a dial is under way between two devices, public keys in hexadecimal; by default none. */
  readonly delay?: (from: string, to: string) => number;
  /** Asked for each frame: true breaks the line that it is on. */
  readonly breaksLine?: (from: string, to: string) => boolean;
}

export interface MemoryNodeOptions {
  /** Says on the network that it is there, and hears others. */
  readonly isDiscoverable?: boolean;
}

export interface MemoryNetwork {
  /** A device with this public key, until its transport is disposed of. */
  join(self: Uint8Array, options?: MemoryNodeOptions): Transport;
  /** From now on, and for lines that are there as well, two devices reach each other only if this says so. */
  part(mayReach: (left: string, right: string) => boolean): void;
  /** Breaks the line between two devices, if there is one. */
  breakLine(left: string, right: string): void;
}

interface Protocol {
  readonly limits: ProtocolLimits;
  readonly handler: (stream: PeerStream) => Promise<void>;
}

interface Line {
  readonly dialer: string;
  readonly taker: string;
  readonly connectedAt: number;
  readonly secret: Uint8Array;
  readonly ends: Set<MemoryEnd>;
  streamCount: number;
  isOpen: boolean;
}

interface Member {
  readonly self: Uint8Array;
  readonly options: MemoryNodeOptions;
  readonly counters: TransportCounters;
  readonly listeners: ChangeListeners;
  readonly protocols: Map<string, Protocol>;
  readonly lines: Map<string, Line>;
  readonly addresses: Map<string, Set<string>>;
  readonly redialer: Redialer;
  readonly refused: RefusedPeers;
  readonly allowances: StreamAllowances;
}

const addressOf = (key: string): string => `/memory/${key}`;

export function createMemoryNetwork(deps: MemoryNetworkDeps): MemoryNetwork {
  const { blake3, clock, random, wait, delay = () => 0, breaksLine = () => false } = deps;
  const members = new Map<string, Member>();
  let mayReach: (left: string, right: string) => boolean = () => true;

  const pass = async (from: string, to: string, options: AbortOptions) => {
    const milliseconds = delay(from, to);
    if (milliseconds > 0) await wait(milliseconds, options);
    throwIfAborted(options.signal);
  };

  const endLine = (line: Line) => {
    if (!line.isOpen) return;
    line.isOpen = false;
    for (const end of line.ends) end.abort();
    for (const [own, other] of [
      [line.dialer, line.taker],
      [line.taker, line.dialer],
    ] as const) {
      const member = members.get(own);
      if (member?.lines.get(other) !== line) continue;
      member.lines.delete(other);
      member.counters.count('line-closed');
      member.redialer.lost(other);
      member.listeners.tell('disconnected', fromHex(other));
    }
  };

  const dial = async (member: Member, own: string, peer: string, options: AbortOptions): Promise<Line> => {
    const there = member.lines.get(peer);
    if (there) return there;
    const key = fromHex(peer);
    member.counters.count('dial');
    const fail = (why: string) => {
      member.counters.count('dial-failed');
      return peerUnreachable(key, why);
    };
    if (own === peer) throw fail('it is this device itself');
    if (!member.addresses.get(peer)?.has(addressOf(peer))) throw fail('no address of it is known');
    await pass(own, peer, options);
    const other = members.get(peer);
    if (!other || members.get(own) !== member || !mayReach(own, peer)) throw fail('nothing answers at its addresses');
    if (other.refused.until(own) !== undefined) {
      other.counters.count('line-refused-for-now');
      throw fail('the line was refused');
    }
    const meanwhile = member.lines.get(peer);
    if (meanwhile) return meanwhile;
    const line: Line = {
      dialer: own,
      taker: peer,
      connectedAt: clock.now(),
      secret: random.bytes(32),
      ends: new Set(),
      streamCount: 0,
      isOpen: true,
    };
    for (const [one, another, name] of [
      [member, other, peer],
      [other, member, own],
    ] as const) {
      one.lines.set(name, line);
      one.counters.count('line-opened');
      learn(one, name, [addressOf(name)]);
      one.listeners.tell('connected', another.self);
    }
    return line;
  };

  const learn = (member: Member, peer: string, addresses: readonly string[]) => {
    const known = member.addresses.get(peer) ?? new Set();
    member.addresses.set(peer, known);
    for (const address of addresses) {
      if (address !== addressOf(peer)) member.counters.count('address-refused');
      else if (known.size < ADDRESSES_PER_PEER_MAX) known.add(address);
    }
    if (known.size > 0) member.redialer.hurry(peer);
  };

  const open = async (member: Member, own: string, peer: Uint8Array, protocol: string, options: OpenOptions) => {
    throwIfAborted(options.signal);
    const name = toHex(peer);
    const until = member.refused.until(name);
    if (until !== undefined) throw peerRefused(peer, until);
    const line = await dial(member, own, name, options);
    await pass(own, name, options);
    const other = members.get(name);
    if (!other || !line.isOpen) throw peerUnreachable(peer, 'the line broke');
    const taken = other.protocols.get(protocol);
    if (!taken) throw protocolUnknown(peer, protocol);
    const { maxFrameBytes = member.protocols.get(protocol)?.limits.maxFrameBytes ?? FRAME_BYTES_MAX } = options;
    const binding = streamBinding(blake3, {
      opener: member.self,
      taker: other.self,
      protocol,
      lineSecret: line.secret,
      streamId: `${line.streamCount++}`,
    });
    const isOver = countStreams(line, name, protocol) >= taken.limits.maxStreamsPerPeer;
    const [near, far] = createMemoryStream(
      [
        {
          peer,
          binding,
          maxFrameBytes,
          bytes: member.counters.bytesOf(name, protocol),
          count: (event) => member.counters.count(event),
        },
        {
          peer: member.self,
          binding,
          maxFrameBytes: taken.limits.maxFrameBytes,
          bytes: other.counters.bytesOf(own, protocol),
          count: (event) => other.counters.count(event),
        },
      ],
      {
        now: () => clock.monotonic(),
        travel: async ({ signal }) => {
          await pass(own, name, { signal });
          if (breaksLine(own, name)) endLine(line);
          return line.isOpen;
        },
      },
    );
    member.counters.count('stream-opened');
    if (isOver || !other.allowances.takes(own)) {
      other.counters.count(isOver ? 'stream-refused-limit' : 'stream-refused-rate');
      far.abort();
      other.listeners.tell('crowding', member.self);
      return near;
    }
    other.counters.count('stream-taken');
    line.ends.add(near);
    takenBy.set(near, { taker: name, protocol });
    void near.ended.then(() => line.ends.delete(near));
    void taken.handler(far).then(
      () => far.close(),
      () => {
        other.counters.count('handler-failed');
        far.abort();
      },
    );
    return near;
  };

  const takenBy = new WeakMap<MemoryEnd, { readonly taker: string; readonly protocol: string }>();
  const countStreams = (line: Line, taker: string, protocol: string): number =>
    [...line.ends].filter((end) => {
      const taken = takenBy.get(end);
      return taken?.taker === taker && taken.protocol === protocol;
    }).length;

  const endForgotten = (member: Member) => {
    const now = clock.monotonic();
    for (const line of member.lines.values()) {
      for (const end of line.ends) {
        const isHalfOpen = end.halfClosedAt !== undefined && now - end.halfClosedAt > STREAM_HALF_OPEN_MILLISECONDS;
        if (!isHalfOpen && now - end.movedAt <= STREAM_IDLE_MILLISECONDS) continue;
        member.counters.count(isHalfOpen ? 'stream-half-open' : 'stream-idle');
        line.ends.delete(end);
        end.abort();
      }
    }
  };

  return {
    join(self, options = {}) {
      const own = toHex(self);
      if (members.has(own)) throw new GranaryError('INTERNAL', `The device ${own} is on the network already.`);
      const stopped = new AbortController();
      const refused = new RefusedPeers(clock);
      const member: Member = {
        self,
        refused,
        allowances: new StreamAllowances(clock),
        options,
        counters: new TransportCounters(),
        listeners: new ChangeListeners(),
        protocols: new Map(),
        lines: new Map(),
        addresses: new Map(),
        redialer: new Redialer({
          clock,
          random,
          isContent: (peer) => member.lines.has(peer) || member.refused.until(peer) !== undefined,
          dial: async (peer) => (await dial(member, own, peer, { signal: stopped.signal })).isOpen,
        }),
      };
      members.set(own, member);
      void beat();
      if (options.isDiscoverable) discover();

      async function beat(): Promise<void> {
        while (!stopped.signal.aborted) {
          for (const [peer, { connectedAt }] of member.lines) {
            if (clock.now() - connectedAt >= LINE_SETTLED_MILLISECONDS) member.redialer.settled(peer);
          }
          member.redialer.beat();
          endForgotten(member);
          await wait(BEAT_MILLISECONDS, { signal: stopped.signal }).catch(() => undefined);
        }
      }

      function discover(): void {
        for (const [name, other] of members) {
          if (!other.options.isDiscoverable || other === member || !mayReach(own, name)) continue;
          for (const [one, another] of [
            [member, other],
            [other, member],
          ] as const) {
            learn(one, toHex(another.self), [addressOf(toHex(another.self))]);
            one.listeners.tell('discovered', another.self);
          }
        }
      }

      return {
        self,
        addresses: () => [addressOf(own)],
        addAddresses: (peer, addresses) => learn(member, toHex(peer), addresses),
        knownAddresses: (peer) => [...(member.addresses.get(toHex(peer)) ?? [])],
        open: (peer, protocol, openOptions = {}) => open(member, own, peer, protocol, openOptions),
        handle(protocol, limits, handler) {
          member.protocols.set(protocol, { limits, handler });
        },
        peers: () =>
          [...member.lines].map(([name, line]) => ({
            peer: fromHex(name),
            address: addressOf(name),
            direction: line.dialer === own ? 'out' : 'in',
            isLimited: false,
            connectedAt: line.connectedAt,
          })),
        onChange: (listener) => member.listeners.add(listener),
        keepConnected: (peers) => member.redialer.keep(peers),
        refuse(peer, until) {
          member.counters.count('peer-refused');
          refused.refuse(toHex(peer), until);
          const line = member.lines.get(toHex(peer));
          if (line) endLine(line);
        },
        refusedUntil: (peer) => refused.until(toHex(peer)),
        counts: () => member.counters.snapshot(),
        async [Symbol.asyncDispose]() {
          stopped.abort();
          for (const line of member.lines.values()) endLine(line);
          members.delete(own);
        },
      };
    },
    part(mayReachNow) {
      mayReach = mayReachNow;
      for (const member of members.values()) {
        for (const line of member.lines.values()) if (!mayReach(line.dialer, line.taker)) endLine(line);
      }
    },
    breakLine(left, right) {
      const line = members.get(left)?.lines.get(right);
      if (line) endLine(line);
    },
  };
}
