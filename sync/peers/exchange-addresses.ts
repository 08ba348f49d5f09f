/**
 * Members tell each other where the other members of their common spaces can be reached, so that two that were let in by a
 * third find each other. Either side may open the stream; it sends one frame and gets one back, each the CBOR array
 * `[1, [[device, [address…]]…]]`, devices rising.
 */
import { type AbortOptions, toHex, toUtf8 } from '#core/kernel/index.ts';
import { TICKET_ADDRESS_BYTES_MAX, TICKET_ADDRESSES_MAX } from '#sync/access/index.ts';
import {
  encodeArray,
  encodeByteString,
  encodeText,
  encodeUnsigned,
  operationInvalid,
  orInvalid,
  readArrayLength,
  readByteString,
  readEnd,
  readTextUpTo,
  readUnsigned,
} from '#sync/log/index.ts';
import type { Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';

export const ADDRESSES_PROTOCOL = '/granary/addresses/1';

/** Devices whose addresses one frame names: more are found by those that these know. */
export const ADDRESSES_DEVICES_MAX = 256;
/** The largest frame: each device with as many of the longest addresses as it may have, and the few bytes around them. */
export const ADDRESSES_FRAME_BYTES_MAX =
  ADDRESSES_DEVICES_MAX * (40 + TICKET_ADDRESSES_MAX * (TICKET_ADDRESS_BYTES_MAX + 3)) + 16;

const VERSION = 1;
const KEY_BYTES = 32;

export interface DeviceAddresses {
  readonly device: Uint8Array;
  /** Multiaddrs, best first. */
  readonly addresses: readonly string[];
}

export function encodeAddresses(devices: readonly DeviceAddresses[]): Uint8Array {
  const rising = devices.toSorted((left, right) => (toHex(left.device) < toHex(right.device) ? -1 : 1));
  return encodeArray([
    encodeUnsigned(VERSION),
    encodeArray(
      rising
        .slice(0, ADDRESSES_DEVICES_MAX)
        .map(({ device, addresses }) =>
          encodeArray([
            encodeByteString(device),
            encodeArray(addresses.slice(0, TICKET_ADDRESSES_MAX).map(encodeText)),
          ]),
        ),
    ),
  ]);
}

/** Errors: `OPERATION_INVALID`. */
export function decodeAddresses(bytes: Uint8Array): DeviceAddresses[] {
  const cursor = { bytes, offset: 0 };
  const readCount = (max: number): number => {
    const count = Number(readArrayLength(cursor));
    if (count > max) throw operationInvalid(`a list of addresses has ${count} elements`);
    return count;
  };
  if (readCount(2) !== 2 || readUnsigned(cursor, 0xffffn) !== BigInt(VERSION)) {
    throw operationInvalid('a list of addresses is of an unknown form');
  }
  const devices: DeviceAddresses[] = [];
  for (let left = readCount(ADDRESSES_DEVICES_MAX), before = ''; left > 0; left--) {
    if (readCount(2) !== 2) throw operationInvalid('a device and its addresses are not a pair');
    const device = readByteString(cursor, KEY_BYTES);
    if (toHex(device) <= before) throw operationInvalid('devices do not rise');
    before = toHex(device);
    const addresses: string[] = [];
    for (let rest = readCount(TICKET_ADDRESSES_MAX); rest > 0; rest--) {
      addresses.push(readTextUpTo(cursor, TICKET_ADDRESS_BYTES_MAX));
    }
    devices.push({ device, addresses });
  }
  readEnd(cursor);
  return devices;
}

export interface ExchangeAddressesDeps {
  readonly transport: Transport;
  readonly spaces: Pick<Spaces, 'membersSharedWith'>;
  readonly count: (event: 'malformed' | 'learned' | 'foreign') => void;
}

/** What this node tells a peer: of each member of a space that both are in, where it can be reached. */
function tellAddresses({ transport, spaces }: ExchangeAddressesDeps, peer: Uint8Array): Uint8Array {
  const devices: DeviceAddresses[] = [];
  for (const device of spaces.membersSharedWith(peer)) {
    const isSelf = toHex(device) === toHex(transport.self);
    const known = isSelf ? transport.addresses() : transport.knownAddresses(device);
    const addresses = known.filter((address) => toUtf8(address).length <= TICKET_ADDRESS_BYTES_MAX);
    if (addresses.length > 0) devices.push({ device, addresses });
  }
  return encodeAddresses(devices);
}

function learnAddresses(
  { transport, spaces, count }: ExchangeAddressesDeps,
  peer: Uint8Array,
  bytes: Uint8Array,
): void {
  const devices = orInvalid(() => decodeAddresses(bytes));
  if (!devices) return count('malformed');
  const shared = new Set(spaces.membersSharedWith(peer).map(toHex));
  for (const { device, addresses } of devices) {
    if (toHex(device) === toHex(transport.self)) continue;
    // A peer speaks of those alone whom this node wants to meet because of what they have in common.
    if (!shared.has(toHex(device))) {
      count('foreign');
      continue;
    }
    transport.addAddresses(device, addresses);
    count('learned');
  }
}

/** Takes a stream that a peer opened. */
export async function answerAddresses(deps: ExchangeAddressesDeps, stream: PeerStream): Promise<void> {
  for await (const bytes of stream.frames) {
    learnAddresses(deps, stream.peer, bytes);
    await stream.send(tellAddresses(deps, stream.peer));
    return stream.close();
  }
}

/** Opens a stream to a connected peer. Errors: `PEER_UNREACHABLE`, `SYNC_REFUSED`, `SYNC_INTERRUPTED`, `CANCELLED`. */
export async function askAddresses(
  deps: ExchangeAddressesDeps,
  peer: Uint8Array,
  { signal }: AbortOptions = {},
): Promise<void> {
  const stream = await deps.transport.open(peer, ADDRESSES_PROTOCOL, {
    signal,
    maxFrameBytes: ADDRESSES_FRAME_BYTES_MAX,
  });
  try {
    await stream.send(tellAddresses(deps, peer));
    for await (const bytes of stream.frames) return learnAddresses(deps, peer, bytes);
  } finally {
    stream.abort();
  }
}
