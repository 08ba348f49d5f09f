import { expect, onTestFinished, test } from 'vitest';
import type { Uuid } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, type Ticket } from '#sync/access/index.ts';
import { createMemoryNetwork } from '#sync/transport/index.ts';
import { keyOf, realClock, realRandom } from '#sync/transport/testing/fixtures.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { encodeJoinVerdict } from './join-frames.ts';
import {
  JOIN_BYTES_MAX,
  JOIN_FRAME_BYTES_MAX,
  JOIN_OPERATION_COST,
  JOIN_PROTOCOL,
  redeemTicket,
} from './redeem-ticket.ts';

const limits = { maxFrameBytes: JOIN_FRAME_BYTES_MAX, maxStreamsPerPeer: 1 };
const agreementKey = agreementKeyOf(nodeX25519, { deriveSecret: () => new Uint8Array(32).fill(7) });

/** Redeems a ticket at a device that grants it and then sends frames of one size for as long as they are taken. */
async function redeemAt(frameBytes: number) {
  const network = createMemoryNetwork({ blake3, clock: realClock, random: realRandom, wait: systemWait });
  const [transport, issuer] = [network.join(keyOf(1)), network.join(keyOf(2))];
  onTestFinished(async () => {
    for (const each of [transport, issuer]) await each[Symbol.asyncDispose]();
  });
  let sentCount = 0;
  issuer.handle(JOIN_PROTOCOL, limits, async (stream) => {
    await stream.send(encodeJoinVerdict('granted'));
    for (; ; sentCount++) await stream.send(new Uint8Array(frameBytes));
  });
  const ticket: Ticket = {
    issuer: issuer.self,
    addresses: issuer.addresses(),
    secret: new Uint8Array(16),
    space: '00000000-0000-7000-8000-000000000000' as Uuid,
    genesisId: new Uint8Array(32),
    spaceName: 'Hills',
    level: 'read',
    expiresAt: 0,
  };
  const deps = { transport, wait: systemWait, discovers: false, agreementKey, deviceName: 'guest' };
  const redeemed = await redeemTicket(deps, ticket).catch((error: unknown) => error);
  return { redeemed, transport, sentCount: () => sentCount };
}

test.each([[1], [1000], [100_000]])('of frames of %i bytes no more are taken than fit', async (frameBytes) => {
  const { redeemed, sentCount } = await redeemAt(frameBytes);
  expect(redeemed).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  const countMax = JOIN_BYTES_MAX / (frameBytes + JOIN_OPERATION_COST);
  // What was under way is the window of the stream.
  expect(sentCount()).toBeLessThan(countMax + 2 ** 20 / frameBytes);
});

test('empty frames end the stream', async () => {
  const { redeemed, transport } = await redeemAt(0);
  expect(redeemed).toMatchObject({ space: expect.any(String), operations: [] });
  expect(transport.counts().events['frame-empty']).toBe(1);
});
