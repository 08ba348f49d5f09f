import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '#core/kernel/index.ts';
import { encodeFrame, FrameDecoder } from './frame-codec.ts';
import { goldenWire } from './testing/golden-wire.ts';

const decode = (pieces: readonly Uint8Array[], maxFrameBytes = 1000): Uint8Array[] => {
  const decoder = new FrameDecoder(maxFrameBytes);
  return pieces.flatMap((piece) => [...decoder.push(piece)]);
};
const fault = (name: string) => expect.objectContaining({ fault: name });

describe('frames on a stream of bytes', () => {
  test('come back however the bytes are cut', () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), (frames, cuts) => {
        const bytes = concatBytes(frames.map(encodeFrame));
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        const pieces = places.slice(1).map((end, i) => bytes.slice(places[i], end));
        expect(decode(pieces)).toEqual(frames);
      }),
    );
  });

  test('may be as long as the limit and no longer', () => {
    expect(decode([encodeFrame(new Uint8Array(1000))])).toEqual([new Uint8Array(1000)]);
    expect(() => decode([encodeFrame(new Uint8Array(1001))])).toThrow(fault('frame-too-long'));
  });

  test('are not empty', () => {
    expect(() => decode([encodeFrame(new Uint8Array())])).toThrow(fault('frame-empty'));
  });

  test('have one form of each length', () => {
    expect(() => decode([Uint8Array.of(0x81, 0x00)])).toThrow(fault('frame-length-malformed'));
    expect(() => decode([Uint8Array.of(0x80, 0x80, 0x80, 0x80)])).toThrow(fault('frame-length-malformed'));
    expect(() => decode([Uint8Array.of(0xff, 0xff, 0xff, 0xff)])).toThrow(fault('frame-too-long'));
  });

  test('that do not end are not given', () => {
    expect(decode([encodeFrame(new Uint8Array(10)).slice(0, -1)])).toEqual([]);
  });

  test('of any bytes make no other error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const frame of decode([bytes])) expect(frame.length).toBeLessThanOrEqual(1000);
        } catch (error) {
          expect(error).toEqual(expect.objectContaining({ fault: expect.stringMatching(/^frame-/) }));
        }
      }),
    );
  });

  test('and bindings are those of the golden file', () => {
    const file = new URL('../../tests/golden/transport-v1/wire.json', import.meta.url);
    expect(goldenWire()).toEqual(JSON.parse(readFileSync(file, 'utf8')));
  });
});
