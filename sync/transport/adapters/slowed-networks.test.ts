import { expect, test } from 'vitest';
import { SLOWED_LINE_MILLISECONDS, SLOWED_MILLISECONDS, SLOWED_NETWORKS_MAX } from '../limits.ts';
import { SlowedNetworks } from './slowed-networks.ts';

const HERE = '192.0.2.1';

function open() {
  let now = 1000;
  const slowed = new SlowedNetworks(() => now);
  const taken = (count: number, network = HERE) => Array.from({ length: count }, () => slowed.takes(network));
  return { slowed, taken, pass: (milliseconds: number) => void (now += milliseconds) };
}

test('lines are taken as they come until a refused peer came from their network, then one at a time', () => {
  const { slowed, taken, pass } = open();
  expect(taken(100)).not.toContain(false);
  slowed.slow(HERE);
  expect(taken(100)).not.toContain(true);
  for (let i = 0; i < 10; i++) {
    pass(SLOWED_LINE_MILLISECONDS);
    // That it is a refused peer again changes nothing for the others.
    expect(slowed.takes(HERE)).toBe(true);
    slowed.slow(HERE);
    expect(taken(100)).not.toContain(true);
  }
  expect(taken(100, '192.0.2.2')).not.toContain(false);
});

test('a network is slowed no longer once no refused peer has come from it for a while', () => {
  const { slowed, taken, pass } = open();
  slowed.slow(HERE);
  pass(SLOWED_MILLISECONDS - 1);
  expect(taken(3)).toEqual([true, false, false]);
  pass(1);
  expect(taken(3)).toEqual([true, true, true]);
});

test('no more than so many networks are remembered', () => {
  const { slowed } = open();
  slowed.slow(HERE);
  for (let i = 1; i < SLOWED_NETWORKS_MAX; i++) slowed.slow(`${i}`);
  expect(slowed.takes(HERE)).toBe(false);
  slowed.slow('one more');
  expect(slowed.takes(HERE)).toBe(true);
  expect(slowed.takes('1')).toBe(false);
});
