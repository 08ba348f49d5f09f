import { close, read } from 'node:fs';
import { promisify } from 'node:util';
import { throwIfAborted, raceAbort } from '#core/kernel/index.ts';
import type { AbortOptions } from '#core/kernel/index.ts';
import { fileError } from '../node-file-system.ts';
import { FLOW_ABANDONED, FLOW_BYTES, FLOW_UNREAD, type PgliteReply, type Spill } from './messages.ts';

const SPILL_CHUNK_BYTES = 256 * 1024;

const readAt = promisify(read);
const closeFile = promisify(close);

/**
 * The reader's side of a COPY … TO STDOUT: yields the chunks as they come, then what was spilled. Leaving early makes
 * the thread discard the rest; the statement runs to its end unheard.
 */
export async function* readCopyOut(
  start: (
    flow: SharedArrayBuffer,
    onChunk: (bytes: Uint8Array) => void,
  ) => Promise<Extract<PgliteReply, { kind: 'done' | 'copied' }>>,
  { signal }: AbortOptions = {},
): AsyncGenerator<Uint8Array> {
  throwIfAborted(signal);
  const shared = new SharedArrayBuffer(FLOW_BYTES);
  const flow = new Int32Array(shared);
  const queue: Uint8Array[] = [];
  let ended = false;
  let arrival = Promise.withResolvers<void>();
  const copied = start(shared, (bytes) => {
    queue.push(bytes);
    arrival.resolve();
  }).then((reply) => (reply.kind === 'copied' ? reply.spill : null));
  const settled = copied.then(
    () => undefined,
    () => undefined,
  );
  void settled.then(() => {
    ended = true;
    arrival.resolve();
  });
  try {
    while (!ended || queue.length > 0) {
      const bytes = queue.shift();
      if (bytes) {
        Atomics.sub(flow, FLOW_UNREAD, bytes.length);
        yield bytes;
        throwIfAborted(signal);
      } else {
        await raceAbort(arrival.promise, signal);
        arrival = Promise.withResolvers();
      }
    }
    const spill = await copied;
    if (spill) yield* readSpill(spill, signal);
  } finally {
    Atomics.store(flow, FLOW_ABANDONED, 1);
    // A failure was reported above, or concerns a result that nobody wants any more.
    copied.then((spill) => spill && closeFile(spill.fd)).catch(() => undefined);
  }
}

async function* readSpill({ fd, byteCount }: Spill, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < byteCount;) {
    throwIfAborted(signal);
    const bytes = new Uint8Array(Math.min(SPILL_CHUNK_BYTES, byteCount - offset));
    const { bytesRead } = await readAt(fd, bytes, 0, bytes.length, offset).catch((error: unknown) => {
      throw fileError(error, 'read', 'a temporary file');
    });
    offset += bytesRead;
    yield bytes.subarray(0, bytesRead);
  }
}
