import { GranaryError } from '#core/kernel/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';

/** A file that a person chose in a browser, or any other blob. */
export const blobSource = (blob: Blob): ByteSource => ({
  byteCount: blob.size,
  async read(offset, byteCount) {
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(await blob.slice(offset, offset + byteCount).arrayBuffer());
    } catch (error) {
      // Browsers refuse to read a file that was changed, moved or removed after it was chosen.
      throw new GranaryError('IO_FAILED', 'The file cannot be read any more. Choose it again.', {}, { cause: error });
    }
    if (bytes.length !== byteCount) throw new GranaryError('IO_FAILED', 'A range goes past the end of the file.');
    return bytes;
  },
  close: async () => undefined,
});
