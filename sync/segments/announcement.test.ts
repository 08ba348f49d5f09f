import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGranaryError, toHex } from '#core/kernel/index.ts';
import {
  ANNOUNCED_SEGMENTS_MAX,
  type AnnouncedSegment,
  decodeAnnouncement,
  encodeAnnouncements,
} from './announcement.ts';
import type { SealedName } from './sealed-segment.ts';

const nameOf = (number: number) => (number + 1).toString(16).padStart(64, '0') as SealedName;
const golden = JSON.parse(
  readFileSync(new URL('../../tests/golden/sealed-v1/announcement.json', import.meta.url), 'utf8'),
) as { readonly record: string; readonly segments: AnnouncedSegment[] };

const segment = fc.record({
  name: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes) as SealedName),
  byteCount: fc.nat(2 ** 30),
});

describe('an announcement', () => {
  test('comes back as it was, in the order of the names', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(segment, { selector: ({ name }) => name, minLength: 1, maxLength: 20 }),
        (segments) => {
          const records = encodeAnnouncements(segments);
          expect(records).toHaveLength(1);
          expect(decodeAnnouncement(records[0]!)).toEqual(segments.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
        },
      ),
    );
  });

  test('of many segments is several records', () => {
    const many = Array.from({ length: ANNOUNCED_SEGMENTS_MAX + 1 }, (_, i) => ({
      name: nameOf(i),
      byteCount: 2 ** 35,
    }));
    const records = encodeAnnouncements([...many, many[0]!]);
    expect(records.map((record) => decodeAnnouncement(record).length)).toEqual([ANNOUNCED_SEGMENTS_MAX, 1]);
    expect(records[0]!.length).toBeLessThan(2 ** 18);
    expect(encodeAnnouncements([])).toEqual([]);
  });

  test('is refused when anything of it is changed or cut', () => {
    const [record] = encodeAnnouncements([1, 2].map((number) => ({ name: nameOf(number), byteCount: 1000 * number })));
    const outcome = (bytes: Uint8Array) => {
      try {
        return decodeAnnouncement(bytes);
      } catch (error) {
        if (!isGranaryError(error, 'OPERATION_INVALID')) throw error;
        return undefined;
      }
    };
    for (let length = 0; length < record!.length; length++)
      expect(outcome(record!.subarray(0, length))).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(record!.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = record!.slice();
        changed[at]! ^= change;
        const read = outcome(changed);
        if (read) expect(encodeAnnouncements(read)).toEqual([changed]);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void outcome(bytes)));
    const [tooLarge] = encodeAnnouncements([{ name: nameOf(1), byteCount: 2 ** 36 }]);
    expect(outcome(tooLarge!)).toBeUndefined();
  });

  test('of the golden file is written and read as it was', () => {
    expect(encodeAnnouncements(golden.segments).map(toHex)).toEqual([golden.record]);
    expect(decodeAnnouncement(Uint8Array.from(Buffer.from(golden.record, 'hex')))).toEqual(golden.segments);
  });
});
