import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { createTokenBucket } from './token-bucket.ts';

const LEAST = 100;

function createManualTime(): { readonly clock: Clock; readonly pass: (milliseconds: number) => void } {
  let now = 0;
  return { clock: { now: () => now, monotonic: () => now }, pass: (milliseconds) => void (now += milliseconds) };
}

test('over any time no more is allowed than its bytes and what the bucket holds', () => {
  const step = fc.record({ milliseconds: fc.nat(3000), wanted: fc.nat(5000) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(step), (bytesPerSecond, steps) => {
      const { clock, pass } = createManualTime();
      const bucket = createTokenBucket(clock, bytesPerSecond, LEAST);
      const capacity = Math.max(bytesPerSecond, LEAST);
      let used = 0;
      for (const { milliseconds, wanted } of steps) {
        pass(milliseconds);
        const taken = Math.min(wanted, Math.max(0, Math.floor(bucket.available)));
        bucket.use(taken);
        used += taken;
        expect(used).toBeLessThanOrEqual((clock.monotonic() / 1000) * bytesPerSecond + capacity + 1e-6);
        const milli = bucket.waitFor(LEAST);
        pass(milli);
        expect(bucket.available).toBeGreaterThanOrEqual(LEAST - 1e-6);
      }
    }),
    { numRuns: 30 },
  );
});

test('what is given back can be used again, never more than the bucket holds; a debt is waited for', () => {
  const { clock } = createManualTime();
  const bucket = createTokenBucket(clock, 1000, LEAST);
  bucket.use(1500);
  expect(bucket.available).toBe(-500);
  expect(bucket.waitFor(100)).toBe(600);
  expect(bucket.waitFor(1e9)).toBe(1500);
  bucket.giveBack(9999);
  expect(bucket.available).toBe(1000);
});

test('no limit is no limit', () => {
  const { clock } = createManualTime();
  const bucket = createTokenBucket(clock, Number.POSITIVE_INFINITY, LEAST);
  bucket.use(1e12);
  expect(bucket.waitFor(1e12)).toBe(0);
  expect(bucket.available).toBe(Number.POSITIVE_INFINITY);
});
