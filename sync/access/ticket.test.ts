import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Uuid } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';
import {
  decodeTicket,
  encodeTicket,
  LEVELS,
  type Ticket,
  TICKET_ADDRESSES_MAX,
  TICKET_CHARACTERS_MAX,
} from './index.ts';
import { goldenTicket } from './testing/golden-space.ts';

const text = encodeTicket(blake3, goldenTicket);
const invalid = (message: string) =>
  expect.objectContaining({ code: 'TICKET_INVALID', message: expect.stringContaining(message) });

test('digits of base 32 give the bytes back, and nothing else does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const digits = encodeBase32(bytes);
      expect(digits).toMatch(/^[0-9a-hjkmnp-tv-z]*$/);
      expect(decodeBase32(digits)).toEqual(bytes);
    }),
  );
  expect(decodeBase32('1')).toBeUndefined();
  expect(decodeBase32('01')).toBeUndefined();
  expect(decodeBase32('04')).toEqual(Uint8Array.of(1));
  expect(decodeBase32('0u')).toEqual({ character: 'u' });
});

test('any ticket reads as it was written', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const tickets: fc.Arbitrary<Ticket> = fc.record({
    space: fc.uuid() as fc.Arbitrary<Uuid>,
    genesisId: bytes(32),
    issuer: bytes(32),
    addresses: fc.array(fc.constantFrom('/ip4/192.168.1.7/tcp/4001', `/dns4/${'x'.repeat(240)}`), {
      maxLength: TICKET_ADDRESSES_MAX,
    }),
    secret: bytes(16),
    level: fc.constantFrom(...LEVELS),
    expiresAt: fc.maxSafeNat(),
    spaceName: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((name) => !/\p{Cc}|^\uFEFF/u.test(name)),
  });
  fc.assert(
    fc.property(tickets, (ticket) => {
      const written = encodeTicket(blake3, ticket);
      expect(decodeTicket(blake3, written)).toEqual(ticket);
      expect(written.length).toBeLessThan(TICKET_CHARACTERS_MAX / 2);
    }),
  );
});

test('a ticket survives being typed', () => {
  const typed = ` ${text.slice(0, 50)}\r\n  ${text.slice(50, 90).toUpperCase()}-${text.slice(90)}\n`;
  expect(decodeTicket(blake3, typed)).toEqual(goldenTicket);
  expect(decodeTicket(blake3, `granary1${text.slice(8).replaceAll('0', 'O').replaceAll('1', 'l')}`)).toEqual(
    goldenTicket,
  );
});

describe('refused', () => {
  const decode = (changed: string) => () => decodeTicket(blake3, changed);

  test('every cut and every digit that is another', () => {
    for (let at = 8; at < text.length; at++) {
      const other = text[at] === 'z' ? 'y' : 'z';
      expect(decode(text.slice(0, at)), `cut at ${at}`).toThrow(invalid('checksum'));
      expect(decode(text.slice(0, at) + other + text.slice(at + 1)), `digit ${at}`).toThrow(invalid('checksum'));
    }
    expect(decode(`${text}0`)).toThrow(invalid('checksum'));
    expect(decode(`${text}00000000`)).toThrow(invalid('checksum'));
  });

  test('what is no ticket', () => {
    expect(decode('')).toThrow(invalid('granary1'));
    expect(decode(text.slice(1))).toThrow(invalid('granary1'));
    expect(decode(`${text.slice(0, 20)}ü${text.slice(20)}`)).toThrow(invalid('"ü"'));
    expect(decode('granary1'.padEnd(TICKET_CHARACTERS_MAX + 1, '0'))).toThrow(invalid('8193 characters'));
  });

  test('a later version, and content that no ticket may hold', () => {
    const withChecksum = (content: Uint8Array) => {
      const sum = blake3(Uint8Array.from([...new TextEncoder().encode('granary ticket\0'), ...content]));
      return `granary1${encodeBase32(Uint8Array.from([...content, ...sum.subarray(0, 5)]))}`;
    };
    const content = (decodeBase32(text.slice(8)) as Uint8Array).slice(0, -5);
    expect(decode(withChecksum(content))()).toEqual(goldenTicket);
    expect(decode(withChecksum(Uint8Array.from(content, (byte, at) => (at === 0 ? 2 : byte))))).toThrow(
      invalid('version 2'),
    );
    expect(decode(withChecksum(content.slice(0, -1)))).toThrow(invalid('its bytes end early'));
    expect(decode(withChecksum(Uint8Array.from([...content, 0])))).toThrow(invalid('1 bytes follow its end'));
  });

  test('writing one that nobody would read', () => {
    const many = Array.from({ length: TICKET_ADDRESSES_MAX + 1 }, () => '/ip4/127.0.0.1/tcp/1');
    expect(() => encodeTicket(blake3, { ...goldenTicket, addresses: many })).toThrow(invalid('9 items'));
    expect(() => encodeTicket(blake3, { ...goldenTicket, spaceName: 'a\u001b[2J' })).toThrow(invalid('control'));
    expect(() => encodeTicket(blake3, { ...goldenTicket, addresses: ['127.0.0.1'] })).toThrow(invalid('multiaddr'));
  });
});
