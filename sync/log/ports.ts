/** What the log needs from outside: two primitives of cryptography, one question to the disk and one place beside it. */

/** BLAKE3 in its default mode: 32 bytes for any input. */
export type Blake3 = (bytes: Uint8Array) => Uint8Array;

/** A secret key that can be used but not read. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** A pure Ed25519 signature (RFC 8032) of 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

export interface Ed25519 {
  /** Derives the key pair of a 32-byte seed. */
  keyFromSeed(seed: Uint8Array): SigningKey;
  /** Checks the curve equation and nothing else; callers go through `verifyStrict`. False for any malformed input. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The same on another thread, for whoever checks many: the loop of the caller goes on meanwhile. */
  verifyAside(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** The POSIX permission bits of a file, such as 0o600; undefined where the system has none or the file is missing. */
export type ReadFileMode = (path: string) => Promise<number | undefined>;

/**
 * A few bytes kept outside of the data folder, so that whoever restores the folder from a copy does not restore them too.
 */
export interface IncarnationMarker {
  /** Undefined when nothing was written yet. */
  read(): Promise<Uint8Array | undefined>;
  /** When it resolves, the bytes are safe from a loss of power. */
  write(bytes: Uint8Array): Promise<void>;
}
