import { expect, test } from 'vitest';
import type { SessionReport } from '#sync/reconcile/index.ts';
import {
  createSessionGate,
  SESSIONS_BURST_MAX,
  SESSIONS_PER_SECOND_MAX,
  SPOILT_SESSION_MS,
  SPOILT_SESSIONS_MAX,
} from './session-gate.ts';

const NOTHING = { operationsDone: 0, operationsTotal: 0, bytesDone: 0, bytesTotal: 0 };
const report = (end: SessionReport['end'], missing: SessionReport['spaces'][number]['missingHere'] = new Map()) => ({
  end,
  refusal: undefined,
  spaces: [{ spaceId: new Uint8Array(32), equal: false, missingHere: missing, missingThere: new Map() }],
  progress: NOTHING,
  byteCounts: { sent: 0, received: 0 },
});

function openGate() {
  let now = 1000;
  const gate = createSessionGate({ now: () => now, monotonic: () => now });
  return { gate, pass: (milliseconds: number) => void (now += milliseconds) };
}

test.each([
  ['breaks the protocol', report('refused')],
  ['sends what is no operation', report('complete', new Map([['invalid', 1]]))],
])('a peer that %s is shut out for a while, and no other is', (_, spoilt) => {
  const { gate, pass } = openGate();
  for (let i = 0; i < SPOILT_SESSIONS_MAX; i++) {
    expect(gate.mayBegin('eve')).toBe(true);
    gate.ended('eve', spoilt);
  }
  expect(gate.mayBegin('eve')).toBe(false);
  expect(gate.mayBegin('anna')).toBe(true);
  pass(SPOILT_SESSION_MS - 1);
  expect(gate.mayBegin('eve')).toBe(false);
  pass(1);
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('eve', spoilt);
  expect(gate.mayBegin('eve')).toBe(false);
  // Good sessions in between do not make up for it.
  pass(SPOILT_SESSION_MS);
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('eve', report('complete'));
  gate.ended('eve', spoilt);
  expect(gate.mayBegin('eve')).toBe(false);
});

test('lines that break and operations that come too early spoil nothing', () => {
  const { gate, pass } = openGate();
  for (let i = 0; i < 100; i++) {
    expect(gate.mayBegin('anna')).toBe(true);
    gate.ended('anna', report(i % 2 === 0 ? 'interrupted' : 'complete', new Map([['gap', 5]])));
    pass(1000);
  }
});

test('sessions are begun at a rate, after a burst', () => {
  const { gate, pass } = openGate();
  const begin = (count: number) => Array.from({ length: count }, () => gate.mayBegin('eve')).filter(Boolean).length;
  expect(begin(1000)).toBe(SESSIONS_BURST_MAX);
  pass(2000);
  expect(begin(1000)).toBe(2 * SESSIONS_PER_SECOND_MAX);
});
