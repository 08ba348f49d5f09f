import type { SegmentHash } from '#core/kernel/index.ts';

/** BLAKE3-256 over bytes given piece by piece; used once. */
export interface SegmentHasher {
  update(bytes: Uint8Array): void;
  digest(): SegmentHash;
}

export type CreateSegmentHasher = () => Promise<SegmentHasher>;
