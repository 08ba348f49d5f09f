/**
 * A call that carries files in, or progress and bytes out, is a sequence of frames in each direction:
 *
 * | bytes | meaning                                   |
 * | ----- | ----------------------------------------- |
 * | 1     | kind, see {@link FRAME}                   |
 * | 4     | payload length, little endian             |
 * | n     | payload: UTF-8 JSON or raw bytes          |
 *
 * Caller to node: `input`, then for each file `fileStart`, `bytes`…, `fileEnd`, and `end` after the last.
 * Node to caller: `progress` and `bytes` in any order, and at last one `result` or `error`.
 */
import { fromUtf8, GranaryError, toUtf8 } from '#core/kernel/index.ts';

export const FRAME = {
  input: 1,
  fileStart: 2,
  fileEnd: 3,
  end: 4,
  bytes: 5,
  progress: 6,
  result: 7,
  error: 8,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

export const FRAMES_CONTENT_TYPE = 'application/vnd.granary.frames';

/** A frame is held in memory whole; writers split their bytes into pieces of at most this many bytes. */
export const FRAME_BYTES_MAX = 1 << 20;

const HEADER_BYTES = 5;
const KINDS: ReadonlySet<number> = new Set(Object.values(FRAME));

export function encodeFrame(kind: FrameKind, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  frame[0] = kind;
  new DataView(frame.buffer).setUint32(1, payload.length, true);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

export const encodeJsonFrame = (kind: FrameKind, value: unknown): Uint8Array =>
  encodeFrame(kind, toUtf8(JSON.stringify(value)));

/** Raw bytes as `bytes` frames of a permitted size. */
export function* encodeByteFrames(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += FRAME_BYTES_MAX) {
    yield encodeFrame(FRAME.bytes, bytes.subarray(offset, offset + FRAME_BYTES_MAX));
  }
}

/** Reads frames from a byte stream cut anywhere. Errors: `INPUT_INVALID` for anything that is not a frame. */
export async function* decodeFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void, undefined> {
  let pending: Uint8Array[] = [];
  let pendingByteCount = 0;
  const take = (byteCount: number): Uint8Array => {
    const taken = new Uint8Array(byteCount);
    let filled = 0;
    while (filled < byteCount) {
      const head = pending[0]!;
      const part = head.subarray(0, byteCount - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length === head.length) pending.shift();
      else pending[0] = head.subarray(part.length);
    }
    pendingByteCount -= byteCount;
    return taken;
  };
  let header: { kind: FrameKind; length: number } | undefined;
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    pending.push(chunk);
    pendingByteCount += chunk.length;
    for (;;) {
      if (!header) {
        if (pendingByteCount < HEADER_BYTES) break;
        header = parseHeader(take(HEADER_BYTES));
      }
      if (pendingByteCount < header.length) break;
      const { kind } = header;
      const payload = take(header.length);
      header = undefined;
      yield { kind, payload };
    }
  }
  if (header || pendingByteCount > 0) throw new GranaryError('INPUT_INVALID', 'The stream of frames ends in a frame.');
}

function parseHeader(bytes: Uint8Array): { kind: FrameKind; length: number } {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
  if (!KINDS.has(bytes[0]!)) throw new GranaryError('INPUT_INVALID', `${bytes[0]} is not a kind of frame.`);
  if (length > FRAME_BYTES_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `A frame of ${length} bytes is over the limit of ${FRAME_BYTES_MAX}.`);
  }
  return { kind: bytes[0] as FrameKind, length };
}

/** The JSON of a frame's payload. Errors: `INPUT_INVALID`. */
export function parseJsonPayload(payload: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(payload)) as unknown;
  } catch (error) {
    throw new GranaryError('INPUT_INVALID', 'The body is not JSON in UTF-8.', {}, { cause: error });
  }
}
