import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { ed25519, hex, otherKey, upstreamKey } from '#sync/log/testing/fixtures.ts';
import {
  type AskFrame,
  decodeAsk,
  decodePledgeAnswer,
  encodeAsk,
  encodePledgeAnswer,
  PLEDGE_FRAME_BYTES_MAX,
  PLEDGE_NAMES_MAX,
  type PledgeAnswer,
} from './pledge-frames.ts';
import {
  decodePledge,
  encodePledge,
  type EvictionFacts,
  isPledge,
  judgeEviction,
  type Pledge,
  PLEDGE_TIME_MAX,
  pledgesNeeded,
  signPledge,
} from './pledges.ts';
import { challengedLeaves, PROOF_LEAVES, provePossession } from './possession.ts';
import { LEAF_PLAIN_BYTES, leafOffset, sealedByteCount, sealedLayout } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import { blake3, plainBytes, sealBytes } from './testing/fixtures.ts';
import { goldenPledge, goldenTerms } from './testing/golden-pledges.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const golden = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../tests/golden/pledge-v1/${name}.json`, import.meta.url), 'utf8'));
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const name = bytes(32).map((digest) => toHex(digest) as SealedName);
const until = fc.maxSafeNat().map((time) => Math.min(time, PLEDGE_TIME_MAX));

describe('golden files of pledges, format 1', () => {
  test('pledges are signed and proven as they were', async () => {
    const kept = golden('pledges');
    expect(kept).toHaveLength(3);
    for (const each of kept) {
      expect(await goldenPledge(each.byteCount)).toEqual(each);
      const pledge = decodePledge(hex(each.pledge))!;
      expect(pledge).toMatchObject(goldenTerms(each.name));
      expect(isPledge(ed25519, pledge)).toBe(true);
    }
  });

  test('frames are read and written as they were', () => {
    const kept = golden('frames') as string[];
    expect(kept).toHaveLength(6);
    for (const digits of kept) {
      const ask = decodeAsk(hex(digits));
      const answer = decodePledgeAnswer(hex(digits));
      const again = ask.kind === 'fault' ? encodePledgeAnswer(answer as PledgeAnswer) : encodeAsk(ask);
      expect(toHex(again)).toBe(digits);
    }
    expect(decodeAsk(hex(kept[0]!))).toMatchObject({ until: 1_900_000_000_123 });
  });
});

describe('frames', () => {
  const asks = fc.record({
    kind: fc.constant('ask' as const),
    nonce: bytes(32),
    until,
    names: fc.uniqueArray(name, { minLength: 1, maxLength: PLEDGE_NAMES_MAX }),
  }) satisfies fc.Arbitrary<AskFrame>;
  const answers: fc.Arbitrary<PledgeAnswer> = fc.oneof(
    fc.record({ kind: fc.constant('pledged' as const), proof: bytes(32), signature: bytes(64) }),
    fc.record({
      kind: fc.constant('declined' as const),
      reason: fc.constantFrom('unavailable', 'leaving', 'period', 'failed'),
    }),
  );

  test('come back as they were, and of the other side are refused', () => {
    const fault = { kind: 'fault', reason: 'frame-kind' };
    fc.assert(
      fc.property(asks, (frame) => {
        expect(decodeAsk(encodeAsk(frame))).toEqual(frame);
        expect(encodeAsk(frame).length).toBeLessThanOrEqual(PLEDGE_FRAME_BYTES_MAX);
        expect(decodePledgeAnswer(encodeAsk(frame))).toEqual(fault);
      }),
    );
    fc.assert(
      fc.property(answers, (frame) => {
        expect(decodePledgeAnswer(encodePledgeAnswer(frame))).toEqual(frame);
        expect(decodeAsk(encodePledgeAnswer(frame))).toEqual(fault);
      }),
    );
  });

  test('any bytes are a fault or a frame that is written the same way', () => {
    const valid = fc.oneof(asks.map(encodeAsk), answers.map(encodePledgeAnswer));
    const changed = fc.tuple(valid, fc.nat(), fc.nat(255), fc.nat()).map(([frame, place, byte, cut]) => {
      frame[place % frame.length] = byte;
      return frame.subarray(0, cut % 3 === 0 ? cut % (frame.length + 1) : frame.length);
    });
    fc.assert(
      fc.property(fc.oneof(bytes(0, 120), changed), (given) => {
        const ask = decodeAsk(given);
        if (ask.kind !== 'fault') expect(encodeAsk(ask)).toEqual(given);
        const answer = decodePledgeAnswer(given);
        if (answer.kind !== 'fault') expect(encodePledgeAnswer(answer)).toEqual(given);
      }),
      { numRuns: 3000 },
    );
  });

  test('with no names, too many, one twice or a time beyond all times are refused', () => {
    const nonce = new Uint8Array(32);
    const names = Array.from({ length: PLEDGE_NAMES_MAX + 1 }, (_, i) => String(i).padStart(64, '0') as SealedName);
    const fault = (frame: Parameters<typeof encodeAsk>[0]) => decodeAsk(encodeAsk(frame));
    expect(fault({ nonce, until: 1, names: [] })).toEqual({ kind: 'fault', reason: 'frame-length' });
    expect(fault({ nonce, until: 1, names })).toEqual({ kind: 'fault', reason: 'frame-length' });
    const twice = [names[0]!, names[1]!, names[0]!];
    expect(fault({ nonce, until: 1, names: twice })).toEqual({ kind: 'fault', reason: 'frame-value' });
    expect(fault({ nonce, until: PLEDGE_TIME_MAX + 1, names: [names[0]!] })).toEqual({
      kind: 'fault',
      reason: 'frame-value',
    });
  });
});

describe('a pledge', () => {
  test('holds for exactly its bytes', () => {
    const terms = goldenTerms('a1'.repeat(32) as SealedName);
    const encoded = encodePledge(signPledge(upstreamKey, terms));
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.nat(7), (place, bit) => {
        const changed = encoded.slice();
        changed[place]! ^= 1 << bit;
        const pledge = decodePledge(changed);
        if (pledge) expect(isPledge(ed25519, pledge)).toBe(false);
      }),
    );
    expect(decodePledge(encoded.subarray(1))).toBeUndefined();
    expect(isPledge(ed25519, signPledge(otherKey, terms))).toBe(false);
  });
});

describe('the proof', () => {
  test('reads other leaves for another nonce or holder, all of a small segment, each as likely', () => {
    const terms = goldenTerms('a1'.repeat(32) as SealedName);
    expect(challengedLeaves(blake3, terms, PROOF_LEAVES)).toEqual(Array.from({ length: PROOF_LEAVES }, (_, i) => i));
    const first = challengedLeaves(blake3, terms, 2 ** 22);
    expect(challengedLeaves(blake3, { ...terms, holder: otherKey.publicKey }, 2 ** 22)).not.toEqual(first);
    const seen = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const leaves = challengedLeaves(blake3, { ...terms, nonce: new Uint8Array(32).fill(i) }, 40);
      expect(leaves).toHaveLength(PROOF_LEAVES);
      for (const leaf of leaves) seen.add(leaf);
    }
    expect([...seen].sort((left, right) => left - right)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test('is another one when a challenged leaf is, and the same when any other is', async () => {
    const folder = createMemorySealedFolder();
    const segment = await sealBytes(folder, plainBytes(60 * LEAF_PLAIN_BYTES));
    const terms = goldenTerms(segment.name);
    const prove = async () => provePossession(blake3, (await folder.open(segment.name))!, terms);
    const proof = await prove();
    const challenged = new Set(challengedLeaves(blake3, terms, 60));
    const layout = sealedLayout(sealedByteCount(segment.byteCount))!;
    for (let leaf = 0; leaf < 60; leaf++) {
      const damaged = folder.bytesOf(`${segment.name}.sealed`);
      damaged[leafOffset(layout, leaf) + 7]! ^= 1;
      if (challenged.has(leaf)) expect(await prove()).not.toEqual(proof);
      else expect(await prove()).toEqual(proof);
      damaged[leafOffset(layout, leaf) + 7]! ^= 1;
    }
  });
});

describe('whether a segment may go', () => {
  const self = otherKey.publicKey;
  const pledge = (holder: number, change: Partial<Pledge> = {}): Pledge => ({
    ...goldenTerms('a1'.repeat(32) as SealedName),
    holder: new Uint8Array(32).fill(holder),
    until: 2000,
    signature: new Uint8Array(64),
    ...change,
  });
  const judge = (facts: Partial<EvictionFacts>) =>
    judgeEviction({
      self,
      now: 1000,
      given: undefined,
      pledges: [],
      until: 1500,
      needed: 1,
      counts: () => true,
      ...facts,
    });

  test('depends on enough others, each counted once, whose word lasts and counts', () => {
    const few = (have: number, needed: number) => ({ kind: 'too-few', have, needed });
    expect(judge({})).toEqual(few(0, 1));
    expect(judge({ pledges: [pledge(1)] })).toEqual({ kind: 'free' });
    expect(judge({ pledges: [pledge(1), pledge(1)], needed: 2 })).toEqual(few(1, 2));
    expect(judge({ pledges: [pledge(1), pledge(2)], needed: 2 })).toEqual({ kind: 'free' });
    expect(judge({ pledges: [pledge(1, { until: 1499 })] })).toEqual(few(0, 1));
    expect(judge({ pledges: [pledge(1, { until: 900 })], until: 0 })).toEqual(few(0, 1));
    expect(judge({ pledges: [pledge(1, { holder: self })] })).toEqual(few(0, 1));
    expect(judge({ pledges: [pledge(1, { asker: new Uint8Array(32) })] })).toEqual(few(0, 1));
    expect(judge({ pledges: [pledge(1), pledge(2)], counts: (holder) => holder[0] === 1, needed: 2 })).toEqual(
      few(1, 2),
    );
    expect(judge({ needed: 0 })).toEqual(few(0, 1));
  });

  test('depends on the own word first', () => {
    expect(judge({ pledges: [pledge(1)], given: 1001 })).toEqual({ kind: 'bound', until: 1001 });
    expect(judge({ pledges: [pledge(1)], given: 1000 })).toEqual({ kind: 'free' });
  });

  test('needs one other in a space of two, and two in a larger one', () => {
    expect([1, 2, 3, 100].map(pledgesNeeded)).toEqual([1, 1, 2, 2]);
  });
});
