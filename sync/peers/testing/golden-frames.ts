import { toHex } from '#core/kernel/index.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { hex, otherKey, upstreamKey } from '#sync/log/testing/fixtures.ts';
import { encodeAddresses, type DeviceAddresses } from '../address-frames.ts';
import { encodeJoinRequest, encodeJoinVerdict, JOIN_VERDICTS, type JoinRequest } from '../join-frames.ts';

const { publicKey: encryptionKey } = nodeX25519.keyFromSecret(new Uint8Array(32).fill(5));
const secret = hex('000102030405060708090a0b0c0d0e0f');

export const GOLDEN_REQUESTS: readonly JoinRequest[] = [
  { secret, encryptionKey, name: 'Field device 7' },
  { secret, encryptionKey, name: '' },
  { secret, encryptionKey, name: 'ü'.repeat(127) },
];
export const GOLDEN_ADDRESSES: readonly (readonly DeviceAddresses[])[] = [
  [],
  [
    { device: otherKey.publicKey, addresses: [] },
    {
      device: upstreamKey.publicKey,
      addresses: ['/ip4/192.0.2.7/tcp/7421', '/dns4/relay.example.org/tcp/7421'],
    },
  ],
];

/** What `tests/golden/peers-v1/frames.json` holds. */
export const goldenFrames = () => ({
  requests: GOLDEN_REQUESTS.map((request) => toHex(encodeJoinRequest(request))),
  verdicts: Object.fromEntries(JOIN_VERDICTS.map((verdict) => [verdict, toHex(encodeJoinVerdict(verdict))])),
  addresses: GOLDEN_ADDRESSES.map((devices) => toHex(encodeAddresses(devices))),
});
