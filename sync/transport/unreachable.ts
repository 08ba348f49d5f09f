import { GranaryError, toHex } from '#core/kernel/index.ts';

/** No line to the peer can be had now. */
export const peerUnreachable = (peer: Uint8Array, why: string, cause?: unknown) =>
  new GranaryError(
    'PEER_UNREACHABLE',
    `The device ${toHex(peer)} cannot be reached: ${why}. Check that it runs and is on a network that both can see.`,
    { peer: toHex(peer) },
    { cause },
  );

/** This device has no lines to the peer for a while. */
export const peerRefused = (peer: Uint8Array, until: number) =>
  new GranaryError(
    'PEER_UNREACHABLE',
    `The device ${toHex(peer)} is refused until ${new Date(until).toISOString()}, as it broke the protocol too often. ` +
      'Check that both run the same version.',
    { peer: toHex(peer), until },
  );

export const protocolUnknown = (peer: Uint8Array, protocol: string, cause?: unknown) =>
  new GranaryError(
    'SYNC_REFUSED',
    `The device ${toHex(peer)} does not speak ${protocol}. Update both to one version.`,
    { peer: toHex(peer), protocol },
    { cause },
  );

export const streamEnded = (peer: Uint8Array, cause?: unknown) =>
  new GranaryError(
    'SYNC_INTERRUPTED',
    `The stream to the device ${toHex(peer)} is closed.`,
    { peer: toHex(peer) },
    { cause },
  );
