import { expect, test } from 'vitest';
import type { SessionReport } from '#sync/reconcile/index.ts';
import {
  createSessionGate,
  LEFT_BYTES_BURST_MAX,
  LEFT_BYTES_PER_SECOND_MAX,
  REFUSED_MS_MAX,
  REFUSED_MS_MIN,
  SESSIONS_BURST_MAX,
  SESSIONS_PER_SECOND_MAX,
  SPOILT_SESSION_MS,
  SPOILT_SESSIONS_MAX,
  UNWANTED_STREAM_MS,
  UNWANTED_STREAMS_MAX,
} from './session-gate.ts';

const NOTHING = { operationsDone: 0, operationsTotal: 0, bytesDone: 0, bytesTotal: 0 };
const report = (end: SessionReport['end'], missing: SessionReport['spaces'][number]['missingHere'] = new Map()) => ({
  end,
  refusal: undefined,
  spaces: [{ spaceId: new Uint8Array(32), equal: false, missingHere: missing, missingThere: new Map() }],
  progress: NOTHING,
  offeredBytes: 0,
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
    gate.ended('eve', 'responder', spoilt);
  }
  expect(gate.mayBegin('eve')).toBe(false);
  expect(gate.mayBegin('anna')).toBe(true);
  pass(SPOILT_SESSION_MS - 1);
  expect(gate.mayBegin('eve')).toBe(false);
  pass(1);
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('eve', 'responder', spoilt);
  expect(gate.mayBegin('eve')).toBe(false);
  // Good sessions in between do not make up for it.
  pass(SPOILT_SESSION_MS);
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('eve', 'responder', report('complete'));
  gate.ended('eve', 'responder', spoilt);
  expect(gate.mayBegin('eve')).toBe(false);
});

test('lines that break and operations that come too early spoil nothing', () => {
  const { gate, pass } = openGate();
  for (let i = 0; i < 100; i++) {
    expect(gate.mayBegin('anna')).toBe(true);
    gate.ended('anna', 'responder', report(i % 2 === 0 ? 'interrupted' : 'complete', new Map([['gap', 5]])));
    pass(1000);
  }
});

test('sessions are taken up at a rate, after a burst', () => {
  const { gate, pass } = openGate();
  const begin = (count: number) => Array.from({ length: count }, () => gate.begins('eve'));
  expect(begin(SESSIONS_BURST_MAX).every((milliseconds) => milliseconds === 0)).toBe(true);
  expect(begin(2 * SESSIONS_PER_SECOND_MAX).at(-1)).toBe(2000);
  expect(gate.mayBegin('eve')).toBe(true);
  pass(3000);
  expect(begin(SESSIONS_PER_SECOND_MAX).at(-1)).toBe(0);
  expect(gate.begins('anna')).toBe(0);
});

test('the lines of a peer that goes on bringing streams are refused, longer each time until it has been quiet', () => {
  const { gate, pass } = openGate();
  const untilRefused = () => {
    for (let count = 0; ; count++) {
      const milliseconds = gate.unwanted('eve');
      if (milliseconds !== undefined) return { count, milliseconds };
    }
  };
  for (let times = 0; times < 10; times++) {
    const milliseconds = Math.min(REFUSED_MS_MIN * 2 ** times, REFUSED_MS_MAX);
    expect(untilRefused()).toEqual({ count: UNWANTED_STREAMS_MAX, milliseconds });
    pass(milliseconds);
  }
  expect(gate.unwanted('anna')).toBeUndefined();
  pass(REFUSED_MS_MAX);
  expect(untilRefused().milliseconds).toBe(REFUSED_MS_MIN);
});

test('a peer that comes back rarely while it is shut out keeps its lines', () => {
  const { gate, pass } = openGate();
  for (let i = 0; i < 1000; i++) {
    expect(gate.unwanted('anna')).toBeUndefined();
    pass(UNWANTED_STREAM_MS);
  }
});

test('a peer that has much found out and takes little of it has to wait for the next session', () => {
  const { gate, pass } = openGate();
  const leaves = (offeredBytes: number, sent = 0) => ({
    ...report('interrupted'),
    offeredBytes,
    byteCounts: { sent, received: 0 },
  });
  gate.ended('eve', 'responder', leaves(LEFT_BYTES_BURST_MAX));
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('eve', 'responder', leaves(3 * LEFT_BYTES_PER_SECOND_MAX, 2 * LEFT_BYTES_PER_SECOND_MAX));
  expect(gate.mayBegin('eve')).toBe(false);
  pass(1000);
  expect(gate.mayBegin('eve')).toBe(true);
  gate.ended('anna', 'responder', { ...leaves(2 * LEFT_BYTES_BURST_MAX), end: 'complete' });
  gate.ended('anna', 'initiator', leaves(2 * LEFT_BYTES_BURST_MAX));
  gate.ended('anna', 'responder', leaves(1, 2 * LEFT_BYTES_BURST_MAX));
  expect(gate.mayBegin('anna')).toBe(true);
});
