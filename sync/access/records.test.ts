import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import {
  decodeGrantRecord,
  decodeRecoverRecord,
  decodeRekeyRecord,
  decodeRevokeRecord,
  decodeShareKeyRecord,
  decodeSpaceRecord,
  encodeGrantRecord,
  encodeRecoverRecord,
  encodeRekeyRecord,
  encodeRevokeRecord,
  encodeShareKeyRecord,
  encodeSpaceRecord,
  FRONTIER_LOGS_MAX,
  KEY_RECIPIENTS_MAX,
} from './index.ts';
import { goldenFiles, goldenGrant, goldenRevoke, goldenShare, goldenSpace } from './testing/golden-space.ts';

const files = goldenFiles();
const again = (decode: (bytes: Uint8Array) => never, encode: (record: never) => Uint8Array) => (bytes: Uint8Array) =>
  encode(decode(bytes));
const CODECS = {
  'space.cbor': again(decodeSpaceRecord as never, encodeSpaceRecord as never),
  'space-without-recovery.cbor': again(decodeSpaceRecord as never, encodeSpaceRecord as never),
  'grant.cbor': again(decodeGrantRecord as never, encodeGrantRecord as never),
  'revoke.cbor': again(decodeRevokeRecord as never, encodeRevokeRecord as never),
  'rekey.cbor': again(decodeRekeyRecord as never, encodeRekeyRecord as never),
  'rekey-withheld.cbor': again(decodeRekeyRecord as never, encodeRekeyRecord as never),
  'sharekey.cbor': again(decodeShareKeyRecord as never, encodeShareKeyRecord as never),
  'recover.cbor': again(decodeRecoverRecord as never, encodeRecoverRecord as never),
};
const refused = (message: string) =>
  expect.objectContaining({ code: 'OPERATION_INVALID', message: expect.stringContaining(message) });

test.each(Object.entries(CODECS))('%s: whatever is read is written as the same bytes', (name, transcode) => {
  const bytes = files[name]!;
  const tryBytes = (changed: Uint8Array) => {
    try {
      expect(transcode(changed)).toEqual(changed);
    } catch (error) {
      if (!isGranaryError(error, 'OPERATION_INVALID')) throw error;
    }
  };
  tryBytes(bytes);
  for (let end = 0; end < bytes.length; end++)
    expect(() => transcode(bytes.subarray(0, end)), `cut ${end}`).toThrow(refused(''));
  expect(() => transcode(Uint8Array.from([...bytes, 0]))).toThrow(refused('follow'));
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    tryBytes(Uint8Array.from(bytes, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), tryBytes));
});

describe('refused', () => {
  test('names that nobody could print', () => {
    for (const name of ['', 'a\nb', '\u0000', 'x'.repeat(129)]) {
      expect(() => encodeGrantRecord({ ...goldenGrant, name })).toThrow(refused(''));
    }
  });

  test('keys that everybody could agree with', () => {
    expect(() => encodeGrantRecord({ ...goldenGrant, encryptionKey: new Uint8Array(32) })).toThrow(refused('X25519'));
  });

  test('a recovery that nobody, or anybody, could make', () => {
    const { keys } = goldenSpace.recovery!;
    for (const threshold of [0, 4, 17]) {
      expect(() => encodeSpaceRecord({ ...goldenSpace, recovery: { threshold, keys } })).toThrow(refused(''));
    }
    expect(() => encodeSpaceRecord({ ...goldenSpace, recovery: { threshold: 1, keys: [] } })).toThrow(refused(''));
  });

  test('lists that are too long, empty, or name something twice', () => {
    const [entry] = goldenRevoke.frontier;
    const many = Array.from({ length: FRONTIER_LOGS_MAX + 1 }, (_, at) => {
      const logId = new Uint8Array(32);
      new DataView(logId.buffer).setUint32(0, at);
      return { ...entry!, logId };
    });
    expect(decodeRevokeRecord(encodeRevokeRecord({ ...goldenRevoke, frontier: many.slice(1) })).frontier).toHaveLength(
      FRONTIER_LOGS_MAX,
    );
    expect(() => encodeRevokeRecord({ ...goldenRevoke, frontier: many })).toThrow(refused('2049 items'));
    expect(() => encodeRevokeRecord({ ...goldenRevoke, frontier: [entry!, entry!] })).toThrow(refused('does not rise'));
    const [recipient] = goldenShare.recipients;
    const all = many.slice(0, KEY_RECIPIENTS_MAX).map(({ logId }) => ({ ...recipient!, device: logId }));
    expect(encodeShareKeyRecord({ ...goldenShare, recipients: all }).length).toBeLessThan(128 * 1024);
    expect(() => encodeShareKeyRecord({ ...goldenShare, recipients: [] })).toThrow(refused('nobody'));
  });
});
