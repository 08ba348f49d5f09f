import { circuitRelayServer, type CircuitRelayService } from '@libp2p/circuit-relay-v2';
import {
  RELAY_LINE_BYTES_MAX,
  RELAY_LINE_MILLISECONDS_MAX,
  RELAY_LINES_PER_PEER_MAX,
  RELAY_RESERVATION_MILLISECONDS,
  RELAY_RESERVATIONS_MAX,
} from '../limits.ts';

type Components = Parameters<ReturnType<typeof circuitRelayServer>>[0];
type PeerId = Components['peerId'];

/** What this uses of libp2p's list of reservations. */
export interface Reservations {
  reserve(peer: PeerId, ...rest: unknown[]): unknown;
  get(peer: PeerId): { readonly signal: AbortSignal & { clear(): void } } | undefined;
  removeReservation(peer: PeerId): void;
}

/** libp2p's relay, with limits for the devices of a cooperative. */
export function createRelayServer(components: Components): CircuitRelayService {
  const relay = circuitRelayServer({
    maxInboundHopStreams: RELAY_LINES_PER_PEER_MAX,
    maxOutboundStopStreams: RELAY_LINES_PER_PEER_MAX,
    reservations: {
      maxReservations: RELAY_RESERVATIONS_MAX,
      reservationTtl: RELAY_RESERVATION_MILLISECONDS,
      defaultDataLimit: BigInt(RELAY_LINE_BYTES_MAX),
      defaultDurationLimit: RELAY_LINE_MILLISECONDS_MAX,
    },
  })(components);
  renewAnew((relay as unknown as { readonly reservationStore: Reservations }).reservationStore);
  return relay;
}

/**
 * Makes each renewal a reservation of its own. libp2p puts off the end of the old one, but from the second time on the end
 * that was set before stays, so that a device that renewed in time is not reached until it renews again.
 */
export function renewAnew(reservations: Reservations): void {
  const reserve = reservations.reserve.bind(reservations);
  reservations.reserve = (peer, ...rest) => {
    reservations.get(peer)?.signal.clear();
    reservations.removeReservation(peer);
    return reserve(peer, ...rest);
  };
}
