import type { Clock, Random } from '#core/kernel/index.ts';
import { createNodeEd25519 } from '../adapters/node-ed25519.ts';
import { createWasmBlake3 } from '../adapters/wasm-blake3.ts';
import type { Extensions } from '../extensions.ts';

export const blake3 = await createWasmBlake3();
export const ed25519 = createNodeEd25519();

export const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'));

/** The seed of p2panda-core's own fixtures. */
export const UPSTREAM_SEED = hex('f47b55d7a1cc5ee3effd80a4e4a0c33112317d0432da9de6ae019ae7e78e16aa');
export const upstreamKey = ed25519.keyFromSeed(UPSTREAM_SEED);
export const otherKey = ed25519.keyFromSeed(new Uint8Array(32).fill(9));

export const extensions: Extensions = {
  logId: blake3(new Uint8Array(32).fill(7)),
  timestampMicros: 1_754_300_000_000_000n,
  pruneFlag: false,
};

/** A clock that moves by one millisecond a look. */
export function tickingClock(start = 1_754_300_000_000): Clock {
  let time = start;
  return { now: () => time++, monotonic: () => time - start };
}

/** Bytes that count up: the same in every run, and no two calls alike. */
export function countingRandom(first = 0): Random {
  let next = first;
  return { bytes: (byteCount) => Uint8Array.from({ length: byteCount }, () => next++ % 251) };
}
