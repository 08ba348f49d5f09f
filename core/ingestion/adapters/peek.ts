import { concatBytes } from '#core/kernel/index.ts';

/** The first bytes of a stream, and the whole stream still to be read. */
export interface Peeked {
  /** At least the bytes asked for, unless the stream is shorter. */
  readonly head: Uint8Array;
  /** All bytes, the head included; its `return` closes the source also when nothing was read from it. */
  readonly bytes: AsyncIterableIterator<Uint8Array>;
}

export async function peek(source: AsyncIterable<Uint8Array>, byteCount: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isDone = false;
  while (length < byteCount && !isDone) {
    const step = await iterator.next();
    if (step.done) isDone = true;
    else {
      chunks.push(Uint8Array.from(step.value));
      length += step.value.length;
    }
  }
  const head = concatBytes(chunks);
  let isHeadPending = head.length > 0;
  const bytes: AsyncIterableIterator<Uint8Array> = {
    async next() {
      if (isHeadPending) {
        isHeadPending = false;
        return { done: false, value: head };
      }
      return isDone ? { done: true, value: undefined } : iterator.next();
    },
    async return() {
      isDone = true;
      isHeadPending = false;
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => bytes,
  };
  return { head, bytes };
}
