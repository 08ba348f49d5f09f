import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGranaryError } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { decodeRecoveryKey, encodeRecoveryKey } from './recovery-key.ts';

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('a key is read as it was written, in either case and with other breaks', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const text = encodeRecoveryKey(blake3, seed);
      expect(decodeRecoveryKey(blake3, text)).toEqual(seed);
      expect(decodeRecoveryKey(blake3, ` ${text.toUpperCase().replaceAll('-', '\n')} `)).toEqual(seed);
    }),
  );
});

test('a key with a wrong digit, or a part of one, is refused without being repeated', () => {
  fc.assert(
    fc.property(seeds, fc.nat(), (seed, place) => {
      const text = encodeRecoveryKey(blake3, seed);
      const at = 'granaryrecovery1-'.length + (place % (text.length - 'granaryrecovery1-'.length));
      if (text[at] === '-') return;
      const wrong = text.slice(0, at) + (text[at] === '7' ? '8' : '7') + text.slice(at + 1);
      for (const given of [wrong, text.slice(0, at), text.slice(1), `${text}00`, '']) {
        try {
          decodeRecoveryKey(blake3, given);
          expect.unreachable(`${given} was taken for ${text}`);
        } catch (error) {
          expect(isGranaryError(error, 'INPUT_INVALID') && !error.message.includes(text.slice(20, 30))).toBe(true);
        }
      }
    }),
  );
});
