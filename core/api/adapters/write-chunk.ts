import type { Writable } from 'node:stream';

/** Writes and resolves when more may be written, or when nothing more ever will be: the stream has closed or failed. */
export async function writeChunk(stream: Writable, chunk: Uint8Array): Promise<void> {
  if (stream.write(chunk)) return;
  const events = ['drain', 'close', 'error'] as const;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = () => resolve();
  for (const event of events) stream.once(event, go);
  await promise;
  for (const event of events) stream.off(event, go);
}
