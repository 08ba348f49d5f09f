/**
 * Members tell each other where the other members of their common spaces can be reached, so that two that were let in by a
 * third find each other. Either side may open the stream; it sends one frame and gets one back.
 */
import { type AbortOptions, toHex, toUtf8 } from '#core/kernel/index.ts';
import { TICKET_ADDRESS_BYTES_MAX } from '#sync/access/index.ts';
import { orInvalid } from '#sync/log/index.ts';
import type { Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { ADDRESSES_FRAME_BYTES_MAX, decodeAddresses, type DeviceAddresses, encodeAddresses } from './address-frames.ts';

export const ADDRESSES_PROTOCOL = '/granary/addresses/1';

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
