import { circuitRelayServer } from '@libp2p/circuit-relay-v2';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { expect, onTestFinished, test } from 'vitest';
import { keyOf } from '../testing/fixtures.ts';
import { peerOfKey } from './peer-keys.ts';
import { renewAnew, type Reservations } from './relay-server.ts';

test('a reservation that was renewed twice lasts as long as the last renewal says', async () => {
  const node = await createLibp2p({
    transports: [tcp()],
    services: { relay: circuitRelayServer({ reservations: { reservationTtl: 3000 } }) },
  });
  onTestFinished(() => node.stop());
  const { reservationStore } = node.services.relay as unknown as { readonly reservationStore: Reservations };
  renewAnew(reservationStore);
  const peer = peerOfKey(keyOf(1));
  const renew = () => reservationStore.reserve(peer, multiaddr('/ip4/127.0.0.1/tcp/1'));
  const ends: string[] = [];
  for (const time of [1, 2, 3]) {
    renew();
    reservationStore.get(peer)!.signal.addEventListener('abort', () => ends.push(`the one of time ${time}`));
  }
  await expect.poll(() => reservationStore.get(peer), { timeout: 60_000 }).toBeUndefined();
  expect(ends).toEqual(['the one of time 3']);
});
