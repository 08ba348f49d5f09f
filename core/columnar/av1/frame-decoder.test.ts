import { readdirSync, readFileSync } from 'node:fs';
import * as dav1d from '@napi-rs/webcodecs';
import { expect, test } from 'vitest';
import { bytesSource, openSegment } from '../index.ts';
import { createFrameDecoder, platformWebCodecs, probeFrameDecoders, type WebCodecs } from './frame-decoder.ts';
import { decodeLuma } from './luma.ts';

const GOLDEN = new URL('../../../tests/golden/segment-v1/', import.meta.url);
const standard = dav1d as unknown as WebCodecs;

test.each(readdirSync(GOLDEN).filter((name) => name.endsWith('.webm')))(
  'a standard decoder sees the same pixels as ours in every frame of %s',
  async (name) => {
    const segment = await openSegment(bytesSource(new Uint8Array(readFileSync(new URL(name, GOLDEN)))));
    const [ours, theirs] = [createFrameDecoder('granary'), createFrameDecoder('platform', standard)];
    for (const [rowGroup, { chunks }] of segment.header.rowGroups.entries()) {
      for (const [column, { encoding }] of chunks.entries()) {
        const unit = await segment.readUnit(rowGroup, column);
        const [own, other] = await Promise.all([ours.decode(unit), theirs.decode(unit)]);
        expect(own).toEqual(decodeLuma(unit));
        expect([own.width, own.height]).toEqual([other.width, other.height]);
        expect(Buffer.compare(own.pixels, other.pixels), `${encoding.method} of column ${column}`).toBe(0);
      }
    }
  },
);

test('a frame is refused alike by both', async () => {
  const segment = await openSegment(bytesSource(new Uint8Array(readFileSync(new URL('every-method.webm', GOLDEN)))));
  const unit = await segment.readUnit(0, 0);
  for (const decoder of [createFrameDecoder('granary'), createFrameDecoder('platform', standard)]) {
    await expect(decoder.decode(unit.subarray(0, 9))).rejects.toMatchObject({ code: expect.stringMatching(/^CODEC_/) });
    await expect(decoder.decode(new Uint8Array(40))).rejects.toMatchObject({ code: expect.stringMatching(/^CODEC_/) });
  }
});

test('Node has our decoder alone, and says why', async () => {
  expect(platformWebCodecs()).toBeUndefined();
  const [own, platform] = await probeFrameDecoders();
  expect(own).toEqual({ name: 'granary', supported: true });
  expect(platform).toEqual({ name: 'platform', supported: false, why: 'This platform has no WebCodecs.' });
  expect((await probeFrameDecoders(standard))[1]).toEqual({ name: 'platform', supported: true });
  expect(() => createFrameDecoder('platform')).toThrow('no WebCodecs');
});
