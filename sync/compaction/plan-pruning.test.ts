import { expect, test } from 'vitest';
import { type HeldBody, type HeldSnapshot, planPruning } from './index.ts';

const snapshot = (id: string, asset: string, covered: Record<string, number>): HeldSnapshot => {
  return { id, asset, covered: new Map(Object.entries(covered)) };
};

/** `ada`: weather, rivers, nothing, weather, weather; `ben`: weather, weather. */
const bodies: HeldBody[] = [
  ['ada', 0, 'weather'],
  ['ada', 1, 'rivers'],
  ['ada', 2, undefined],
  ['ada', 3, 'weather'],
  ['ada', 4, 'weather'],
  ['ben', 0, 'weather'],
  ['ben', 1, 'weather'],
].map(([log, seq, asset]) => ({ log, seq, asset }) as HeldBody);

const plan = (...snapshots: HeldSnapshot[]) => Object.fromEntries(planPruning(snapshots, bodies));

test('what a snapshot of the asset covers goes, and nothing else', () => {
  expect(plan()).toEqual({});
  expect(plan(snapshot('1', 'weather', { ada: 3 }))).toEqual({ ada: [0, 3] });
  expect(plan(snapshot('1', 'weather', { ada: 3, ben: 0 }))).toEqual({ ada: [0, 3], ben: [0] });
  expect(plan(snapshot('1', 'lakes', { ada: 9, ben: 9 }))).toEqual({});
});

test('of several the one that covers the most is kept, then the one of the least id', () => {
  const [small, large] = [snapshot('1', 'weather', { ada: 0 }), snapshot('2', 'weather', { ada: 3 })];
  expect(plan(small, large)).toEqual({ ada: [0, 3] });
  expect(plan(large, small)).toEqual({ ada: [0, 3] });
  const [left, right] = [snapshot('1', 'weather', { ada: 0 }), snapshot('2', 'weather', { ben: 0 })];
  // Both cannot be kept: what one covers and the other does not has to stay.
  for (const both of [
    [left, right],
    [right, left],
  ]) {
    expect(plan(...both)).toEqual({ ada: [0] });
  }
});

test('assets are compacted beside each other', () => {
  const both = plan(snapshot('1', 'weather', { ada: 4 }), snapshot('2', 'rivers', { ada: 4 }));
  expect(both).toEqual({ ada: [0, 1, 3, 4] });
});
