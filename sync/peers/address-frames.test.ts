import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGranaryError, toHex } from '#core/kernel/index.ts';
import {
  ADDRESSES_DEVICES_MAX,
  ADDRESSES_FRAME_BYTES_MAX,
  decodeAddresses,
  type DeviceAddresses,
  encodeAddresses,
} from './address-frames.ts';

const device = (byte: number) => new Uint8Array(32).fill(byte);

const devices = fc.uniqueArray(
  fc.record({
    device: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    addresses: fc.array(
      fc.string({ maxLength: 60 }).map((text) => `/${text.toWellFormed()}`),
      { maxLength: 8 },
    ),
  }),
  { selector: (entry) => toHex(entry.device), maxLength: 20 },
);

test('what was encoded is read again, in the order of devices', () => {
  fc.assert(
    fc.property(devices, (given) => {
      const sorted = given.toSorted((left, right) => (toHex(left.device) < toHex(right.device) ? -1 : 1));
      expect(decodeAddresses(encodeAddresses(given))).toEqual(sorted);
    }),
  );
});

test('other bytes are refused, and nothing is read beyond them', () => {
  const bytes = encodeAddresses([{ device: device(1), addresses: ['/ip4/10.0.0.1/tcp/1'] }]);
  const refused = (other: Uint8Array) => {
    try {
      decodeAddresses(other);
      return false;
    } catch (error) {
      return isGranaryError(error, 'OPERATION_INVALID');
    }
  };
  for (let length = 0; length < bytes.length; length++) expect(refused(bytes.subarray(0, length))).toBe(true);
  expect(refused(new Uint8Array([...bytes, 0]))).toBe(true);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      if (!refused(random)) expect(encodeAddresses(decodeAddresses(random))).toEqual(random);
    }),
  );
});

test('the longest list fits into a frame', () => {
  const longest = `/${'x'.repeat(255)}`;
  const many: DeviceAddresses[] = Array.from({ length: ADDRESSES_DEVICES_MAX + 5 }, (_, i) => ({
    device: Uint8Array.from({ length: 32 }, (__, j) => (j === 0 ? i >> 8 : j === 1 ? i & 255 : 7)),
    addresses: Array.from({ length: 9 }, () => longest),
  }));
  const bytes = encodeAddresses(many);
  expect(bytes.length).toBeLessThanOrEqual(ADDRESSES_FRAME_BYTES_MAX);
  expect(decodeAddresses(bytes)).toHaveLength(ADDRESSES_DEVICES_MAX);
});
