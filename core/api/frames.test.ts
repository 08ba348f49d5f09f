import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, isGranaryError } from '#core/kernel/index.ts';
import {
  decodeFrames,
  encodeByteFrames,
  encodeFrame,
  FRAME,
  FRAME_BYTES_MAX,
  type Frame,
  type FrameKind,
} from './frames.ts';

async function* each(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

const collect = async (chunks: Iterable<Uint8Array>): Promise<Frame[]> => Array.fromAsync(decodeFrames(each(chunks)));

const frame = fc.record({
  kind: fc.constantFrom(...Object.values(FRAME)),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe('frames', () => {
  test('come back as they went, wherever the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (frames, cuts) => {
          const stream = concatBytes(frames.map(({ kind, payload }) => encodeFrame(kind, payload)));
          const pieces: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; at += cuts[i++ % cuts.length]!) {
            pieces.push(stream.subarray(at, at + cuts[i % cuts.length]!));
          }
          expect(await collect(pieces)).toEqual(frames);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  test('split long bytes into frames of a permitted size', async () => {
    const bytes = new Uint8Array(2 * FRAME_BYTES_MAX + 7).fill(9);
    const frames = await collect(encodeByteFrames(bytes));
    expect(frames.map(({ payload }) => payload.length)).toEqual([FRAME_BYTES_MAX, FRAME_BYTES_MAX, 7]);
  });

  test('refuse unknown kinds, oversized frames and a stream that ends in a frame', async () => {
    const oversized = encodeFrame(FRAME.bytes);
    new DataView(oversized.buffer).setUint32(1, FRAME_BYTES_MAX + 1, true);
    await expect(collect([oversized])).rejects.toSatisfy((error) => isGranaryError(error, 'LIMIT_EXCEEDED'));
    const unknown = encodeFrame(99 as FrameKind);
    await expect(collect([unknown])).rejects.toSatisfy((error) => isGranaryError(error, 'INPUT_INVALID'));
    const whole = encodeFrame(FRAME.bytes, new Uint8Array(10));
    for (let length = 1; length < whole.length; length++) {
      await expect(collect([whole.subarray(0, length)])).rejects.toSatisfy((error) =>
        isGranaryError(error, 'INPUT_INVALID'),
      );
    }
  });

  test('never do worse than a typed error on arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await collect([bytes]).catch((error: unknown) => expect(isGranaryError(error)).toBe(true));
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});
