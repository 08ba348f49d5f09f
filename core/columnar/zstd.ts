import { GranaryError } from '#core/kernel/index.ts';

/** Zstandard (RFC 8878), synchronous. Node has it built in; a browser brings one. */
export interface Zstd {
  /** @param level 3 when left out */
  compress(bytes: Uint8Array, level?: number): Uint8Array;
  /** Expands to exactly `byteCount` bytes; throws when the frame is damaged or holds another number of bytes. */
  decompress(bytes: Uint8Array, byteCount: number): Uint8Array;
}

let installed: Zstd | undefined;

/** Sets the implementation for this realm (main thread, worker or page). The front door for Node does it on import. */
export function installZstd(zstd: Zstd): void {
  installed = zstd;
}

/** The implementation of this realm. Errors: `UNSUPPORTED` when none was installed. */
export function zstd(): Zstd {
  if (!installed) throw new GranaryError('UNSUPPORTED', 'No zstd is installed in this realm. Call installZstd first.');
  return installed;
}
