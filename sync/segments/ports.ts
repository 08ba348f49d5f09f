/** What sealing and moving segments needs from outside: a cipher, a folder, a channel to a peer, and time. */
import type { AbortOptions, SegmentHash } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import type { SealedName, SealedSegment } from './sealed-segment.ts';

/** ChaCha20-Poly1305 (RFC 8439) without additional data. A key has 32 bytes, a nonce 12. */
export interface LeafCipher {
  /** The ciphertext and behind it the tag of 16 bytes. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Undefined when the tag does not fit the key, the nonce and the ciphertext. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** The hash of a segment over bytes given piece by piece; used once. */
export interface PlainHasher {
  update(bytes: Uint8Array): void;
  digest(): SegmentHash;
}

export type CreatePlainHasher = () => Promise<PlainHasher>;

/** A sealed file that is not whole yet. Errors of all calls: `DISK_FULL`, `IO_FAILED`. */
export interface Draft {
  /** Bytes of the file as it was opened. */
  readonly byteCount: number;
  /** Cuts the file or fills it up with zeros, which take no place on the disk before they are written over. */
  resize(byteCount: number): Promise<void>;
  /** Exactly `byteCount` bytes. Errors: `IO_FAILED`, also when the range goes past the end. */
  read(offset: number, byteCount: number): Promise<Uint8Array>;
  /** What was written survives the end of the process; what survives a power loss is not known before `publish`. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Cuts the file to `byteCount` bytes and gives it its name: it is on the disk for good, and {@link SealedFolder.open} finds
   * it, or {@link SealedFolder.openTree} when it is a tree. The draft is closed.
   */
  publish(name: SealedName, byteCount: number, as?: 'sealed' | 'tree'): Promise<void>;
  /** Closes the file and removes it. */
  discard(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where the sealed files of a node lie, whole ones and those being received, and the trees of segments that lie opened
 * elsewhere: a tree is a sealed file up to its first leaf.
 */
export interface SealedFolder {
  /** A whole file; undefined when there is none. */
  open(name: SealedName): Promise<ByteSource | undefined>;
  /** A tree, as it lies there; undefined when there is none. */
  openTree(name: SealedName): Promise<ByteSource | undefined>;
  /** A new file of no bytes under a name of its own, for a segment that is being sealed. */
  createDraft(): Promise<Draft>;
  /** The file of a segment that is being received, as an earlier transfer left it, or of no bytes. One holder at a time. */
  openPartial(name: SealedName): Promise<Draft>;
  /** All files of segments that are being received, with their size as {@link Draft.resize} made it. */
  listPartials(): Promise<{ readonly name: SealedName; readonly byteCount: number }[]>;
  /** Removes a file, whole or in part, and its tree; nothing happens when it is not there. */
  remove(name: SealedName): Promise<void>;
  /** Removes a file, whole or in part, but not its tree. */
  removeLeaves(name: SealedName): Promise<void>;
}

/**
 * Keeps an opened segment: all of it, on the disk for good, or nothing. The pieces are the segment when they end, and
 * anything but the segment when they throw; that error is to be passed on.
 */
export type StorePlain = (
  segment: SealedSegment,
  pieces: AsyncIterable<Uint8Array>,
  options: AbortOptions,
) => Promise<void>;

/** One stream to one peer that carries frames whole and in order. */
export interface FrameChannel {
  /** Resolves once there is room for the next one, so that a slow peer makes its sender wait. Rejects when closed. */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they arrive; the next one is taken from the peer only when it is asked for. Ends when the channel is closed. */
  readonly frames: AsyncIterable<Uint8Array>;
  close(): void;
}
