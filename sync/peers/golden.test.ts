import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '#core/kernel/index.ts';
import { decodeAddresses } from './address-frames.ts';
import { decodeJoinRequest, decodeJoinVerdict } from './join-frames.ts';
import { GOLDEN_ADDRESSES, GOLDEN_REQUESTS, goldenFrames } from './testing/golden-frames.ts';

const kept = JSON.parse(
  readFileSync(new URL('../../tests/golden/peers-v1/frames.json', import.meta.url), 'utf8'),
) as ReturnType<typeof goldenFrames>;

describe('golden frames between peers, format 1', () => {
  test('are written as they were', () => {
    expect(goldenFrames()).toEqual(kept);
  });

  test('are read as what they said', () => {
    expect(kept.requests.map((digits) => decodeJoinRequest(fromHex(digits)))).toEqual(GOLDEN_REQUESTS);
    for (const [verdict, digits] of Object.entries(kept.verdicts)) {
      expect(decodeJoinVerdict(fromHex(digits))).toBe(verdict);
    }
    const rising = GOLDEN_ADDRESSES.map((devices) =>
      devices.toSorted((left, right) => (toHex(left.device) < toHex(right.device) ? -1 : 1)),
    );
    expect(kept.addresses.map((digits) => decodeAddresses(fromHex(digits)))).toEqual(rising);
  });
});
