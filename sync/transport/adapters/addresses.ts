import { isIPv4 } from 'node:net';
import {
  CODE_IP4,
  CODE_IP6,
  CODE_P2P,
  CODE_P2P_CIRCUIT,
  CODE_TCP,
  type Multiaddr,
  multiaddr,
} from '@multiformats/multiaddr';
import { toHex } from '#core/kernel/index.ts';
import { ADDRESS_LENGTH_MAX } from '../limits.ts';

/** What a line over an address goes through, best first. */
export type Reach = 'local-network' | 'internet' | 'relay' | 'loopback' | 'link-local';
const BEST_FIRST: readonly Reach[] = ['local-network', 'internet', 'relay', 'loopback', 'link-local'];

export function parseAddress(text: string): Multiaddr | undefined {
  try {
    return text.length <= ADDRESS_LENGTH_MAX ? multiaddr(text) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The address with the id of its peer at the end, as it is dialled; undefined when it is malformed, names another peer, or
 * goes over anything but TCP.
 */
export function addressOfPeer(text: string, peerId: string): string | undefined {
  const address = parseAddress(text);
  if (!address) return undefined;
  const components = address.getComponents();
  if (!components.some(({ code }) => code === CODE_TCP)) return undefined;
  const last = components.at(-1)!;
  if (last.code === CODE_P2P) return last.value === peerId ? address.toString() : undefined;
  return `${address.toString()}/p2p/${peerId}`;
}

/** The id of the peer at the end of an address. */
export const peerIdAtEnd = (address: Multiaddr): string | undefined => {
  const last = address.getComponents().at(-1);
  return last?.code === CODE_P2P ? last.value : undefined;
};

export const isRelayed = (address: string): boolean => address.includes('/p2p-circuit');

/**
 * The network at the other end of a line, as far as one can be told from another: an IPv4 address, or the first 64 bits of
 * an IPv6 address, of which everybody has as many as they like. Undefined when a relay stands between.
 */
export function networkOf(address: Multiaddr): string | undefined {
  const components = address.getComponents();
  if (components.some(({ code }) => code === CODE_P2P_CIRCUIT)) return undefined;
  const host = components.find(({ code }) => code === CODE_IP4 || code === CODE_IP6);
  // IPv4 addresses also come in the form of IPv6, all with the same first 64 bits.
  if (!host?.value || host.code === CODE_IP4 || host.value.startsWith('::ffff:')) return host?.value;
  const [, ...bytes] = multiaddr(`/ip6/${host.value}`).bytes;
  return toHex(Uint8Array.from(bytes.slice(0, 8)));
}

export function reachOf(text: string): Reach {
  const components = parseAddress(text)?.getComponents() ?? [];
  const host = components.find(({ code }) => code === CODE_IP4 || code === CODE_IP6)?.value;
  const reach = host === undefined ? 'internet' : isIPv4(host) ? reachOfIPv4(host) : reachOfIPv6(host.toLowerCase());
  // A relay that only this machine can reach is of no more use to others than the machine's own loopback.
  const isOfUse = reach !== 'loopback' && reach !== 'link-local';
  return isOfUse && components.some(({ code }) => code === CODE_P2P_CIRCUIT) ? 'relay' : reach;
}

/** RFC 1918, RFC 6598 (also used by overlay networks), RFC 3927. */
function reachOfIPv4(host: string): Reach {
  const [first, second] = host.split('.').map(Number) as [number, number];
  if (first === 127) return 'loopback';
  if (first === 169 && second === 254) return 'link-local';
  const isPrivate =
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second < 128);
  return isPrivate ? 'local-network' : 'internet';
}

/** RFC 4193, RFC 4291. A link-local address names no interface, so that others cannot dial it. */
function reachOfIPv6(host: string): Reach {
  if (host === '::1') return 'loopback';
  if (/^fe[89ab]/.test(host)) return 'link-local';
  return /^f[cd]/.test(host) ? 'local-network' : 'internet';
}

/** The addresses by their reach, best first, direct before relayed; each once. */
export function bestFirst(addresses: Iterable<string>): string[] {
  const rank = (address: string) => 2 * BEST_FIRST.indexOf(reachOf(address)) + Number(isRelayed(address));
  return [...new Set(addresses)].sort((left, right) => rank(left) - rank(right));
}

/** What others are told: nothing that only this machine can reach, unless there is nothing else. */
export function toldToOthers(addresses: Iterable<string>): string[] {
  const sorted = bestFirst(addresses).filter((address) => reachOf(address) !== 'link-local');
  const reachable = sorted.filter((address) => reachOf(address) !== 'loopback');
  return reachable.length > 0 ? reachable : sorted;
}
