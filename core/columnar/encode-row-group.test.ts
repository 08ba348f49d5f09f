import { Field, Float64, Schema, vectorFromArray } from 'apache-arrow';
import { afterEach, expect, test } from 'vitest';
import { nodeZstd } from './adapters/node-zstd.ts';
import { encodeRowGroup, installZstd } from './index.ts';
import { batchOf } from './rebatch.ts';

const values = vectorFromArray(
  // More bytes than the model takes, so that zstd has to do it.
  Array.from({ length: 150_000 }, (_, i) => Math.sin(i)),
  new Float64(),
);
const batch = batchOf(new Schema([new Field('wave', values.type, true)]), values.length, [values.data[0]!]);

afterEach(() => installZstd(nodeZstd));

test('a codec that gives back one wrong bit is noticed before anything is stored', () => {
  installZstd({
    compress: nodeZstd.compress,
    decompress(bytes, byteCount) {
      const expanded = nodeZstd.decompress(bytes, byteCount);
      expanded[byteCount >> 1]! ^= 1;
      return expanded;
    },
  });
  expect(() => encodeRowGroup(batch)).toThrow(
    expect.objectContaining({ code: 'CODEC_MISMATCH', details: { column: 'wave', type: 'Float64', method: 'zstd' } }),
  );
});

test('a codec that fails to read what it wrote is noticed, too', () => {
  installZstd({
    compress: nodeZstd.compress,
    decompress() {
      throw new RangeError('broken');
    },
  });
  expect(() => encodeRowGroup(batch)).toThrow(expect.objectContaining({ code: 'CODEC_MISMATCH' }));
});
