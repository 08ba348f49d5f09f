import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMilliseconds } from './backoff.ts';
import { BEAT_MILLISECONDS, REDIAL_MILLISECONDS_MAX, REDIAL_MILLISECONDS_MIN } from './limits.ts';
import { Redialer } from './redialer.ts';

const middling = { bytes: (count: number) => new Uint8Array(count).fill(128) };

function createWorld() {
  const world = { now: 0, dials: [] as string[], isUp: false, connected: new Set<string>() };
  const redialer = new Redialer({
    clock: { now: () => world.now, monotonic: () => world.now },
    random: middling,
    isContent: (peer) => world.connected.has(peer),
    dial: async (peer) => {
      world.dials.push(`${peer} at ${world.now}`);
      if (world.isUp) world.connected.add(peer);
      return world.isUp;
    },
  });
  const pass = async (beats: number) => {
    for (let i = 0; i < beats; i++) {
      redialer.beat();
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
      world.now += BEAT_MILLISECONDS;
    }
  };
  return { world, redialer, pass };
}

describe('the time between two tries', () => {
  test('doubles up to its limit, and is spread', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.uint8Array({ minLength: 2, maxLength: 2 }), (failures, bytes) => {
        const time = backoffMilliseconds(failures, { bytes: () => bytes });
        expect(time).toBeGreaterThanOrEqual(REDIAL_MILLISECONDS_MIN / 2);
        expect(time).toBeLessThanOrEqual(REDIAL_MILLISECONDS_MAX);
      }),
    );
    const times = [0, 1, 2, 3, 20].map((failures) => backoffMilliseconds(failures, middling));
    expect(times.slice(0, 4).map((time) => Math.round(time / 1000))).toEqual([1, 2, 4, 8]);
    expect(backoffMilliseconds(3, { bytes: () => Uint8Array.of(0, 0) })).toBe(4000);
    expect(backoffMilliseconds(3, { bytes: () => Uint8Array.of(255, 255) })).toBe(12_000);
  });
});

describe('the redialer', () => {
  test('tries less and less often, at once when it hears something new, and stops when it is there', async () => {
    const { world, redialer, pass } = createWorld();
    redialer.keep(new Set(['aa']));
    await pass(120);
    const times = world.dials.map((dial) => Number(dial.split(' ')[2]) / 1000);
    expect(times.length).toBeLessThan(9);
    expect(times.slice(0, 4)).toEqual([0, 2, 5, 10]);
    redialer.hurry('aa');
    world.isUp = true;
    await pass(1);
    expect(world.dials.at(-1)).toBe('aa at 120000');
    await pass(1000);
    expect(world.dials.at(-1)).toBe('aa at 120000');
  });

  test('lets go of peers that are no longer kept', async () => {
    const { world, redialer, pass } = createWorld();
    redialer.keep(new Set(['aa', 'bb']));
    await pass(1);
    redialer.keep(new Set(['bb']));
    world.dials.length = 0;
    await pass(60);
    expect(world.dials.every((dial) => dial.startsWith('bb'))).toBe(true);
    expect([redialer.isKept('aa'), redialer.isKept('bb')]).toEqual([false, true]);
  });

  test('is slow with a peer that always goes again, until a line has held', async () => {
    const { world, redialer, pass } = createWorld();
    world.isUp = true;
    redialer.keep(new Set(['aa']));
    for (let i = 0; i < 200; i++) {
      await pass(1);
      if (world.connected.delete('aa')) redialer.lost('aa');
    }
    expect(world.dials.length).toBeLessThan(9);
    redialer.hurry('aa');
    await pass(1);
    redialer.settled('aa');
    world.connected.delete('aa');
    redialer.lost('aa');
    world.dials.length = 0;
    await pass(3);
    expect(world.dials).toHaveLength(1);
  });
});
