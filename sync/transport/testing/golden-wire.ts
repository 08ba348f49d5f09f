import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { encodeFrame } from '../frame-codec.ts';
import { streamBinding } from '../stream-binding.ts';
import { keyOf } from './fixtures.ts';

const SIZES = [1, 127, 128, 16_383, 16_384, 2 ** 20];

/** What `tests/golden/transport-v1/wire.json` holds. */
export const goldenWire = () => ({
  frames: Object.fromEntries(SIZES.map((size) => [size, toHex(encodeFrame(new Uint8Array(size)).slice(0, -size))])),
  binding: toHex(
    streamBinding(blake3, {
      opener: keyOf(1),
      taker: keyOf(2),
      protocol: '/granary/test/1',
      lineSecret: new Uint8Array(32).fill(3),
      streamId: '5',
    }),
  ),
});
