import { randomBytes } from 'node:crypto';
import type { Random } from '#core/kernel/index.ts';

/** The operating system's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (byteCount) => new Uint8Array(randomBytes(byteCount)),
};
