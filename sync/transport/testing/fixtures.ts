import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { createLibp2pTransport, type Libp2pConfig, type Libp2pDeps } from '../adapters/libp2p-transport.ts';
import { systemWait } from '#core/platform/index.ts';
import type { Transport } from '../ports.ts';

export const realClock: Clock = { now: Date.now, monotonic: () => performance.now() };
/** The real clock, whose time of day can be put forward. */
export function createMovableClock(): { readonly clock: Clock; readonly pass: (milliseconds: number) => void } {
  let ahead = 0;
  return {
    clock: { ...realClock, now: () => Date.now() + ahead },
    pass(milliseconds) {
      ahead += milliseconds;
    },
  };
}
export const realRandom: Random = { bytes: (byteCount) => Uint8Array.from(randomBytes(byteCount)) };

/** The key that a seed of nothing but this number gives. */
export const keyOf = (seed: number): Uint8Array => ed25519.keyFromSeed(seedOf(seed)).publicKey;
export const seedOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);

/** A real transport on loopback with the key of a seed. */
export const openLibp2p = (
  seed: number,
  config: Libp2pConfig = {},
  deps: Partial<Libp2pDeps> = {},
): Promise<Transport> =>
  createLibp2pTransport(
    {
      seed: seedOf(seed),
      blake3,
      clock: realClock,
      random: realRandom,
      wait: systemWait,
      store: openMemoryStore(),
      ...deps,
    },
    { listen: ['/ip4/127.0.0.1/tcp/0'], ...config },
  );
