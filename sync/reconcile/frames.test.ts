import { describe, expect, test } from 'vitest';
import { concatBytes, isGranaryError } from '#core/kernel/index.ts';
import { hex } from '#sync/log/testing/fixtures.ts';
import { createDice, type Dice } from '#tests/fuzz/dice.ts';
import { mutateBytes } from '#tests/fuzz/mutate-bytes.ts';
import { decodeFrame, encodeFrame, type FrameBody, type FrameName, FRAMES } from './frames.ts';
import { OPERATION_BYTES_MAX, SYNC_FRAME_BYTES_MAX } from './limits.ts';
import { REFUSAL_REASONS, type RefusalReason } from './refusal.ts';
import { FRAME_NAMES, randomFrame } from './testing/random-frames.ts';

const INPUTS = 4000;

function refusalOf(bytes: Uint8Array): RefusalReason | undefined {
  try {
    decodeFrame(bytes);
    return undefined;
  } catch (error) {
    if (!isGranaryError(error, 'SYNC_REFUSED')) throw error;
    return error.details['reason'] as RefusalReason;
  }
}

test('every frame reads as it was written', () => {
  for (const name of FRAME_NAMES) {
    for (let seed = 0; seed < 50; seed++) {
      const { body, bytes } = randomFrame(createDice(seed), name);
      expect(decodeFrame(bytes), `${name}, seed ${seed}`).toEqual({ name, body });
    }
  }
});

test('types and reasons have numbers of their own', () => {
  const types = Object.values(FRAMES).map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
  expect(new Set(Object.values(REFUSAL_REASONS)).size).toBe(Object.keys(REFUSAL_REASONS).length);
});

describe('refused', () => {
  const hello = (spaces: readonly string[]) =>
    concatBytes([hex('01'), new Uint8Array(12), ...spaces.map((digits) => hex(digits))]);
  const space = (tag: string) => tag.padStart(16, '0') + 'aa'.repeat(16);
  const tip = (hint: string, seq: string) => hint.padStart(16, '0') + seq;
  const changes = (count: string, ...tips: readonly string[]) =>
    concatBytes([hex('03'), new Uint8Array(8), hex(count), ...tips.map((digits) => hex(digits))]);

  test.each<[string, Uint8Array, RefusalReason]>([
    ['nothing at all', new Uint8Array(0), 'frame-unknown'],
    ['a type that is not known', hex('0c'), 'frame-unknown'],
    ['a frame over the limit', new Uint8Array(SYNC_FRAME_BYTES_MAX + 1).fill(8), 'frame-too-large'],
    ['a frame that ends early', hex('01 00'), 'frame-truncated'],
    [
      'bytes after the end',
      concatBytes([encodeFrame('refused', { reason: 'frame-unknown' }), hex('00')]),
      'frame-too-long',
    ],
    ['a count that is more than the frame holds', hello(['02', space('1')]), 'frame-truncated'],
    ['a count that would fill the memory', changes('ffffffff07'), 'count-too-large'],
    ['a count beyond all numbers', changes('ffffffffffffffffff7f'), 'number-too-large'],
    ['a count that never ends', changes('80'.repeat(200)), 'number-too-large'],
    ['a count in a longer form', hello(['8000']), 'number-not-shortest'],
    ['a space twice', hello(['02', space('1'), space('1')]), 'list-out-of-order'],
    ['tips out of order', changes('02', tip('2', '0100'), tip('1', '0100')), 'list-out-of-order'],
    ['a tip twice', changes('02', tip('1', '0100'), tip('1', '0500')), 'list-out-of-order'],
    ['a log of too many operations', changes('01', tip('1', '818080801000')), 'number-too-large'],
    ['a fork at a seq over 32 bits', changes('01', tip('1', '018180808010')), 'number-too-large'],
    ['too many operations announced', hex('07 c1843d 00'), 'number-too-large'],
    ['no operations', hex('08 00'), 'count-too-large'],
    ['an operation of no bytes', hex('08 01 00 00'), 'operation-too-large'],
    [
      'an operation over the limit',
      encodeFrame('operations', { operations: [new Uint8Array(OPERATION_BYTES_MAX + 1)] }),
      'operation-too-large',
    ],
    ['an operation that is longer than its frame', hex('08 01 05 aa'), 'frame-truncated'],
    ['a verdict that is not known', hex('02 01 03 00'), 'value-unknown'],
    ['reasons out of order', concatBytes([hex('0a'), new Uint8Array(8), hex('00 02 0201 0101')]), 'list-out-of-order'],
    ['a bucket check too many', concatBytes([hex('04'), new Uint8Array(32), hex('8102')]), 'count-too-large'],
  ])('%s', (_, bytes, reason) => {
    expect(refusalOf(bytes)).toBe(reason);
  });
});

/** Damages a frame, or makes bytes that only start like one. */
function hostileFrame(dice: Dice, name: FrameName): Uint8Array {
  const { bytes } = randomFrame(dice, name);
  const others = [randomFrame(dice, dice.pick(FRAME_NAMES)).bytes, bytes];
  if (dice.chance(0.1))
    return concatBytes([bytes.subarray(0, 1), Uint8Array.from({ length: 40 }, () => dice.below(256))]);
  return mutateBytes(dice, bytes, others);
}

test(`${INPUTS} damaged frames of every type are refused with a reason, or are what they say`, () => {
  const verdicts = new Map<string, number>();
  for (const name of FRAME_NAMES) {
    let accepted = 0;
    for (let seed = 0; seed < INPUTS / FRAME_NAMES.length; seed++) {
      const bytes = hostileFrame(createDice(seed * 100 + FRAMES[name].type), name);
      const reason = refusalOf(bytes);
      verdicts.set(reason ?? 'accepted', (verdicts.get(reason ?? 'accepted') ?? 0) + 1);
      if (reason) expect(Object.keys(REFUSAL_REASONS)).toContain(reason);
      else {
        accepted += 1;
        const frame = decodeFrame(bytes);
        const again = encodeFrame(frame.name, frame.body as FrameBody<FrameName>);
        expect(again, `${name}, seed ${seed}`).toEqual(bytes);
      }
    }
    expect(accepted, name).toBeGreaterThan(0);
  }
  console.log(`damaged frames: ${JSON.stringify(Object.fromEntries(verdicts))}`);
  for (const reason of ['frame-unknown', 'frame-truncated', 'frame-too-long', 'list-out-of-order', 'count-too-large'])
    expect(verdicts.get(reason), reason).toBeGreaterThan(0);
});
