import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeArray, encodeBoolean, encodeByteString, encodeUnsigned } from './canonical-cbor.ts';
import { encodeExtensions } from './extensions.ts';
import { decodeHeader, encodeHeader, type Header, signedBytes } from './header.ts';
import { extensions, hex } from './testing/fixtures.ts';

const refused = expect.objectContaining({ code: 'OPERATION_INVALID' });
const bytesOf = (byteCount: number, fill = 5) => new Uint8Array(byteCount).fill(fill);

const version = encodeUnsigned(1);
const key = encodeByteString(bytesOf(32));
const signature = encodeByteString(bytesOf(64));
const hash = encodeByteString(bytesOf(32, 6));
const zero = encodeUnsigned(0);
const one = encodeUnsigned(1);

describe('headers that are refused', () => {
  test.each([
    ['a payload size without a hash', [version, key, signature, one, zero]],
    ['a hash with payload size 0', [version, key, signature, zero, hash, zero]],
    ['a backlink with seq 0', [version, key, signature, zero, zero, hash]],
    ['no backlink with seq 1', [version, key, signature, zero, one]],
    ['version 0', [zero, key, signature, zero, zero]],
    ['version 2', [encodeUnsigned(2), key, signature, zero, zero]],
    ['no signature', [version, key, zero, zero]],
    ['a short key', [version, encodeByteString(bytesOf(31)), signature, zero, zero]],
    ['a long signature', [version, key, encodeByteString(bytesOf(65)), zero, zero]],
    ['a payload size over 32 bits', [version, key, signature, encodeUnsigned(2 ** 32), hash, zero]],
    ['a seq over 32 bits', [version, key, signature, zero, encodeUnsigned(2 ** 32), hash]],
    ['null in place of a left-out element', [version, key, signature, zero, hex('f6'), zero]],
    ['one element too many', [version, key, signature, zero, zero, encodeExtensions(extensions), zero]],
    ['extensions as a map', [version, key, signature, zero, zero, hex('a16170f5')]],
    ['extensions of version 2', [version, key, signature, zero, zero, encodeArray([encodeUnsigned(2), zero])]],
    ['causal extensions', [version, key, signature, zero, zero, encodeArray([one, one, hash, zero, encodeArray([])])]],
    [
      'extensions with a field more',
      [version, key, signature, zero, zero, encodeArray([one, zero, hash, zero, encodeBoolean(false), zero])],
    ],
    ['extensions with a field less', [version, key, signature, zero, zero, encodeArray([one, zero, hash, zero])]],
  ])('%s', (_, elements) => {
    expect(() => decodeHeader(encodeArray(elements))).toThrow(refused);
  });

  const good = encodeArray([version, key, signature, zero, zero]);
  test.each([
    ['bytes after the end', [...good, 0]],
    ['a tag before it', [0xd9, 0xd9, 0xf7, ...good]],
    ['an indefinite array', [0x9f, ...good.subarray(1), 0xff]],
    ['an array length in two bytes', [0x98, 0x05, ...good.subarray(1)]],
    ['a chunked key', [0x85, 0x01, 0x5f, ...key, 0xff, ...good.subarray(36)]],
    ['a version in two bytes', [0x85, 0x18, 0x01, ...good.subarray(2)]],
    ['fewer elements than announced', [0x86, ...good.subarray(1)]],
    ['more elements than announced', [0x84, ...good.subarray(1)]],
    ['no bytes at all', []],
  ])('%s', (_, bytes) => {
    expect(decodeHeader(good).seq).toBe(0);
    expect(() => decodeHeader(Uint8Array.from(bytes))).toThrow(refused);
  });

  test('every cut', () => {
    const whole = encodeArray([version, key, signature, one, hash, one, hash, encodeExtensions(extensions)]);
    decodeHeader(whole);
    for (let end = 0; end < whole.length; end++) {
      expect(() => decodeHeader(whole.subarray(0, end)), `cut at ${end}`).toThrow(refused);
    }
  });
});

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u32 = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 1, max: 0xffff_ffff }));
const arbitraryHeader: fc.Arbitrary<Header> = fc
  .record({
    publicKey: bytes(32),
    signature: bytes(64),
    byteCount: u32,
    hash: bytes(32),
    seq: u32,
    backlink: bytes(32),
    extensions: fc.option(
      fc.record({
        logId: bytes(32),
        timestampMicros: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        pruneFlag: fc.boolean(),
      }),
      { nil: undefined },
    ),
  })
  .map(({ byteCount, hash, backlink, ...rest }) => ({
    ...rest,
    payload: byteCount > 0 ? { byteCount, hash } : undefined,
    backlink: rest.seq > 0 ? backlink : undefined,
  }));

test('any header reads back as it was', () => {
  fc.assert(
    fc.property(arbitraryHeader, (header) => {
      const { signature: _, ...unsigned } = header;
      expect(decodeHeader(encodeHeader(header))).toEqual(header);
      expect(signedBytes(encodeHeader(header))).toEqual(encodeHeader(unsigned));
    }),
    { seed: 3, numRuns: 1000 },
  );
});

test('bytes that are accepted after any change are the only form of what they say', () => {
  fc.assert(
    fc.property(arbitraryHeader, fc.nat(), fc.integer({ min: 0, max: 255 }), (header, place, byte) => {
      const changed = encodeHeader(header);
      changed[place % changed.length] = byte;
      let decoded;
      try {
        decoded = decodeHeader(changed);
      } catch (error) {
        expect(error).toEqual(refused);
        return;
      }
      expect(encodeHeader(decoded)).toEqual(changed);
    }),
    { seed: 4, numRuns: 3000 },
  );
});
