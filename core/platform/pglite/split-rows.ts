import { concatBytes, GranaryError } from '#core/kernel/index.ts';

/** Rows sent to the engine at a time: it holds them twice. */
export const COPY_IN_BATCH_BYTES = 4 * 1024 * 1024;

/** One row in COPY's text format; the engine holds a row several times over. */
export const COPY_ROW_BYTES_MAX = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Cuts COPY's text format into batches of whole rows: a line break within a value is escaped there, so that every byte
 * 0x0A ends a row. Errors: `LIMIT_EXCEEDED` for a row over {@link COPY_ROW_BYTES_MAX}.
 */
export async function* splitRows(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes < COPY_IN_BATCH_BYTES) continue;
    const bytes = concatBytes(held);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    held = [bytes.subarray(end)];
    heldBytes = bytes.length - end;
    if (heldBytes > COPY_ROW_BYTES_MAX) {
      throw new GranaryError('LIMIT_EXCEEDED', `A row is larger than ${COPY_ROW_BYTES_MAX} bytes of text.`, {
        limit: COPY_ROW_BYTES_MAX,
      });
    }
  }
  if (heldBytes > 0) yield concatBytes(held);
}
