import type { RecordBatch, Schema } from 'apache-arrow';
import type { AbortOptions, SegmentHash } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import * as encode from '../encode-segments.ts';
import * as verify from '../verify-segment.ts';
import { installZstd } from '../zstd.ts';
import { blake3, createBlake3Hasher } from './blake3.ts';
import { nodeZstd } from './node-zstd.ts';

installZstd(nodeZstd);

/** {@link encode.encodeSegments} with the hash of this platform. */
export const encodeSegments = (
  schema: Schema,
  batches: AsyncIterable<RecordBatch>,
  options: encode.EncodeSegmentsOptions,
): AsyncIterable<encode.EncodedSegment> => encode.encodeSegments(schema, batches, { ...options, hashSegment: blake3 });

/** {@link verify.verifySegment} with the hash of this platform. */
export const verifySegment = (
  segment: Uint8Array | ByteSource,
  hash: SegmentHash,
  options: AbortOptions = {},
): AsyncIterable<verify.ChunkFault> =>
  verify.verifySegment(segment, hash, { ...options, createHasher: createBlake3Hasher });
