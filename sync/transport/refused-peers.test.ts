import { expect, test } from 'vitest';
import { REFUSED_PEERS_MAX } from './limits.ts';
import { RefusedPeers } from './refused-peers.ts';

function open() {
  let now = 1000;
  const refused = new RefusedPeers({ now: () => now, monotonic: () => 0 });
  return { refused, pass: (milliseconds: number) => void (now += milliseconds) };
}

test('a peer is refused until its time is over, and what is said last counts', () => {
  const { refused, pass } = open();
  refused.refuse('eve', 2000);
  refused.refuse('eve', 1500);
  expect([refused.until('eve'), refused.until('anna')]).toEqual([1500, undefined]);
  pass(499);
  expect(refused.until('eve')).toBe(1500);
  pass(1);
  expect(refused.until('eve')).toBeUndefined();
});

test('of too many peers the one whose time is over first is let in again', () => {
  const { refused } = open();
  for (let i = 0; i < REFUSED_PEERS_MAX; i++) refused.refuse(`${i}`, 5000 - i);
  refused.refuse('eve', 3000);
  expect(refused.until(`${REFUSED_PEERS_MAX - 1}`)).toBeUndefined();
  expect([refused.until('0'), refused.until('eve')]).toEqual([5000, 3000]);
});
