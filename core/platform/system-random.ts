import { randomBytes } from 'node:crypto';
import type { Random } from '#core/kernel/index.ts';

/** Bytes that are drawn at once: a call costs as much as some thousand bytes, and most want sixteen. */
const DRAWN_BYTES = 4096;

let drawn = new Uint8Array(0);
let used = 0;

/** The operating system's cryptographic randomness. No byte is handed out twice. */
export const systemRandom: Random = {
  bytes(byteCount) {
    if (byteCount > DRAWN_BYTES / 16) return new Uint8Array(randomBytes(byteCount));
    if (used + byteCount > drawn.length) [drawn, used] = [new Uint8Array(randomBytes(DRAWN_BYTES)), 0];
    const bytes = drawn.slice(used, used + byteCount);
    // What was handed out may be a key: nothing else keeps it.
    drawn.fill(0, used, used + byteCount);
    used += byteCount;
    return bytes;
  },
};
