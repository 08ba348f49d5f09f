import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sealedFileBytes, type SealedName } from '#sync/segments/index.ts';
import type { KnownAnnouncement } from '#sync/spaces/index.ts';
import { planHoldings } from './plan-holdings.ts';

const nameOf = (number: number) => number.toString(16).padStart(64, '0') as SealedName;
const announced = (number: number, byteCount: number, author: string, at = number): KnownAnnouncement => ({
  name: nameOf(number),
  byteCount,
  author,
  at,
});
const NONE = () => false;
const bytesOf = (segments: readonly KnownAnnouncement[]) =>
  segments.reduce((sum, { byteCount }) => sum + sealedFileBytes(byteCount), 0);

describe('what a relay holds', () => {
  test('is the newest of a device, as much as fits', () => {
    const all = [1, 2, 3, 4].map((number) => announced(number, 1000, 'anna'));
    const plan = planHoldings({ announced: all, isBound: NONE, bytesMax: 2 * sealedFileBytes(1000) });
    expect(plan.held.map(({ at }) => at)).toEqual([4, 3]);
    expect(plan).toMatchObject({ byteCount: 2 * sealedFileBytes(1000), leftOut: 2 });
  });

  test('leaves others their share when one device announces without end', () => {
    const flood = Array.from({ length: 500 }, (_, i) => announced(1000 + i, 1000, 'mallory'));
    const honest = [1, 2, 3].map((number) => announced(number, 1000, 'anna'));
    const bytesMax = 8 * sealedFileBytes(1000);
    const { held } = planHoldings({ announced: [...flood, ...honest], isBound: NONE, bytesMax });
    expect(held.filter(({ author }) => author === 'anna')).toHaveLength(3);
    expect(held).toHaveLength(8);
  });

  test('passes over what is too large, not what comes behind it', () => {
    const all = [announced(1, 1000, 'anna'), announced(2, 10 ** 9, 'anna')];
    expect(planHoldings({ announced: all, isBound: NONE, bytesMax: 10_000 }).held).toEqual([all[0]]);
  });

  test('holds what is bound, fits no more than its bytes otherwise, and does not depend on the order', () => {
    const arbitrary = fc.array(
      fc.record({
        byteCount: fc.nat(200_000),
        author: fc.constantFrom('anna', 'ben', 'chris'),
        at: fc.nat(20),
        isBound: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(arbitrary, fc.nat(2_000_000), (facts, bytesMax) => {
        const all = facts.map(({ byteCount, author, at }, i) => announced(i, byteCount, author, at));
        const bound = new Set(all.filter((_, i) => facts[i]!.isBound).map(({ name }) => name));
        const isBound = (name: SealedName) => bound.has(name);
        const plan = planHoldings({ announced: all, isBound, bytesMax });
        const held = new Set(plan.held.map(({ name }) => name));
        expect(held.size).toBe(plan.held.length);
        for (const name of bound) expect(held).toContain(name);
        expect(plan.byteCount).toBe(bytesOf(plan.held));
        expect(plan.byteCount).toBeLessThanOrEqual(
          Math.max(bytesMax, bytesOf(all.filter(({ name }) => bound.has(name)))),
        );
        expect(plan.leftOut).toBe(all.length - held.size);
        const free = bytesMax - plan.byteCount;
        for (const segment of all) {
          if (!held.has(segment.name)) expect(sealedFileBytes(segment.byteCount)).toBeGreaterThan(free);
        }
        const turned = planHoldings({ announced: all.toReversed(), isBound, bytesMax });
        expect(turned.held.map(({ name }) => name).toSorted()).toEqual([...held].toSorted());
      }),
    );
  });
});
