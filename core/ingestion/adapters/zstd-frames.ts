import { GranaryError } from '#core/kernel/index.ts';

const MAGIC = 0xfd2fb528;
/** Skippable frames carry one of sixteen magics that differ in the last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Bytes of the dictionary id and of the content size by their flags (RFC 8878 §3.1.1.1). */
const DICTIONARY_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

/**
 * Cuts a Zstandard stream at the ends of its frames and drops skippable frames, because the decompressor of Node stops
 * at the end of a frame and silently leaves out what follows it in the same chunk. Only headers are looked at: RFC 8878.
 * Errors: `FILE_FORMAT` for bytes that are no frame, `FILE_TRUNCATED` for a header that ends early.
 */
export async function* zstdFrames(name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  /** Bytes that are still to be seen together, and what they are; after a last block, the next magic number. */
  const header = new Uint8Array(18);
  let headerLength = 0;
  let headerWanted = 4;
  let state: 'magic' | 'skippable' | 'descriptor' | 'frame' | 'block' = 'magic';
  /** Bytes of a block or of a skippable frame that pass without being looked at. */
  let passing = 0;
  let isSkipping = false;
  let isLastBlock = false;
  let hasChecksum = false;

  const need = (next: typeof state, byteCount: number) => {
    state = next;
    headerWanted = byteCount;
  };

  /** Takes the step that the complete header bytes allow. */
  function step(): void {
    const view = new DataView(header.buffer, 0, headerLength);
    if (state === 'magic') {
      const magic = view.getUint32(0, true);
      isSkipping = (magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
      if (!isSkipping && magic !== MAGIC) {
        throw new GranaryError('FILE_FORMAT', `${name} is damaged: it holds bytes that are no Zstandard frame.`, {
          source: name,
        });
      }
      if (isSkipping) need('skippable', 8);
      else need('descriptor', 5);
    } else if (state === 'skippable') {
      passing = view.getUint32(4, true);
      headerLength = 0;
      need('magic', 4);
    } else if (state === 'descriptor') {
      const descriptor = header[4]!;
      const isSingleSegment = (descriptor & 0x20) !== 0;
      hasChecksum = (descriptor & 0x04) !== 0;
      const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6]! || (isSingleSegment ? 1 : 0);
      need('frame', 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3]! + sizeBytes);
    } else if (state === 'frame') {
      headerLength = 0;
      need('block', 3);
    } else {
      const block = header[0]! | (header[1]! << 8) | (header[2]! << 16);
      isLastBlock = (block & 1) !== 0;
      // An RLE block stores one byte, whatever its size.
      passing = ((block >> 1) & 3) === 1 ? 1 : block >> 3;
      if (isLastBlock && hasChecksum) passing += 4;
      headerLength = 0;
      if (isLastBlock) need('magic', 4);
    }
  }

  for await (const chunk of source) {
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (passing > 0) {
        const taken = Math.min(passing, chunk.length - at);
        passing -= taken;
        at += taken;
      } else {
        const taken = Math.min(headerWanted - headerLength, chunk.length - at);
        header.set(chunk.subarray(at, at + taken), headerLength);
        headerLength += taken;
        at += taken;
        if (headerLength === headerWanted) {
          const isMagic = state === 'magic';
          step();
          // The magic number is held back until it is whole, because a skippable frame must not begin to pass.
          if (isMagic) {
            if (!isSkipping) yield header.slice(0, 4);
            from = at;
          }
        }
      }
      if (passing === 0 && headerLength === 0 && state === 'magic') {
        if (!isSkipping && at > from) yield chunk.subarray(from, at);
        isSkipping = false;
        from = at;
      }
    }
    const isBetweenFrames = state === 'magic' && passing === 0;
    if (!isSkipping && !isBetweenFrames && at > from) yield chunk.subarray(from, at);
  }
  if (headerLength > 0 || passing > 0 || state !== 'magic') {
    throw new GranaryError('FILE_TRUNCATED', `${name} ends in the middle of its compressed data. Copy it again.`, {
      source: name,
    });
  }
}
