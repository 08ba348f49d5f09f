import { isUtf8 } from 'node:buffer';
import { GranaryError } from '#core/kernel/index.ts';

/**
 * Passes the bytes on while they are UTF-8 text without NUL. Errors: `FILE_FORMAT` for a NUL, which no text holds;
 * `FILE_ENCODING` naming the offset of the first byte that is not UTF-8.
 */
export async function* checkText(name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let offset = 0;
  /** The bytes of a character that the last chunk cut. */
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of source) {
    const nul = chunk.indexOf(0);
    if (nul >= 0) throw binaryError(name, offset + nul);
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const cut = text.length - incompleteTail(text);
    if (!isUtf8(text.subarray(0, cut))) throw encodingError(name, offset - rest.length + invalidAt(text));
    rest = Uint8Array.from(text.subarray(cut));
    offset += chunk.length;
    yield chunk;
  }
  if (rest.length > 0) throw encodingError(name, offset - rest.length);
}

export function binaryError(name: string, offset: number): GranaryError {
  return new GranaryError(
    'FILE_FORMAT',
    `${name} is neither text nor a known binary format: byte ${offset} is zero. ` +
      'CSV, TSV, JSON, NDJSON, Parquet and Arrow IPC can be read, also compressed with gzip or zstd.',
    { source: name, byteOffset: offset },
  );
}

function encodingError(name: string, offset: number): GranaryError {
  return new GranaryError(
    'FILE_ENCODING',
    `${name} is not UTF-8 text: byte ${offset} is wrong. Convert it, for example with iconv -f latin1 -t utf-8.`,
    { source: name, byteOffset: offset },
  );
}

/** The number of bytes at the end that start a character and do not finish it, 0 to 3. */
function incompleteTail(text: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}

/** The index of the first byte that makes the text invalid, by halving. */
function invalidAt(text: Uint8Array): number {
  let valid = 0;
  let invalid = text.length;
  // `valid` bytes are good (up to a cut character); the first fault lies before `invalid`.
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    const part = text.subarray(0, middle);
    if (isUtf8(part.subarray(0, middle - incompleteTail(part)))) valid = middle;
    else invalid = middle;
  }
  const part = text.subarray(0, valid);
  return valid - incompleteTail(part);
}
