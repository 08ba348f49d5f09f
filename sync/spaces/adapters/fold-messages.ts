/** What the node and its thread for folding say to each other. Bytes of many things travel as one piece, without a copy. */
import type { ErrorCode, ErrorDetails, Uuid } from '#core/kernel/index.ts';
import type { ControlOperation } from '#sync/access/index.ts';
import type { Folded, FoldedAsset, LogPiece } from '../fold-operations.ts';
import type { Keyring } from '../keyring.ts';

/** Many pieces of bytes, one after another. Undefined ones have an end of -1. */
export interface PackedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

/** Who judges, as far as it cannot be worked out from the rest. */
export interface JudgeMessage {
  readonly space: Uuid;
  readonly genesisId: Uint8Array;
  readonly control: readonly ControlOperation[];
  readonly keyring: Keyring;
}

export interface PieceMessage extends Omit<LogPiece, 'operations'> {
  readonly operations: PackedBytes;
}

export type ToFoldThread =
  /** Without a judge, that of the batch before. */
  | { readonly kind: 'fold'; readonly judge: JudgeMessage | undefined; readonly pieces: readonly PieceMessage[] }
  /** Answers `wanted`. */
  | { readonly kind: 'replicas'; readonly replicas: PackedBytes };

export type FromFoldThread =
  | { readonly kind: 'wanted'; readonly assets: readonly Uuid[] }
  | {
      readonly kind: 'folded';
      readonly assets: readonly Omit<FoldedAsset, 'replica'>[];
      /** In the order of `assets`. */
      readonly replicas: PackedBytes;
    }
  | { readonly kind: 'done'; readonly folded: Folded }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails };

export function packBytes(parts: readonly (Uint8Array | undefined)[]): PackedBytes {
  let byteCount = 0;
  for (const part of parts) byteCount += part?.length ?? 0;
  const bytes = new Uint8Array(byteCount);
  let end = 0;
  const ends = parts.map((part) => {
    if (!part) return -1;
    bytes.set(part, end);
    return (end += part.length);
  });
  return { bytes, ends };
}

/** Views of the pieces. */
export function unpackBytes({ bytes, ends }: PackedBytes): (Uint8Array | undefined)[] {
  let start = 0;
  return ends.map((end) => {
    if (end < 0) return undefined;
    const part = bytes.subarray(start, end);
    start = end;
    return part;
  });
}
