import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { checkForkProof, encodeForkProof, splitOperation } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { makeOperation, meet, named, openSyncNode, type SyncNode } from './testing/sync-world.ts';

/** `common` operations, and then so many of each branch, signed by one author for one log. */
function branches(common: number, lengths: readonly number[]): readonly (readonly Uint8Array[])[] {
  const extend = (operations: readonly Uint8Array[], count: number, branch: string) => {
    const all = [...operations];
    for (let i = 0; i < count; i++) {
      const last = all.at(-1);
      const backlink = last && splitOperation({ blake3 }, last).id;
      all.push(makeOperation({ author: 'cloned', log: 'diary', seq: all.length, backlink }, `${branch} ${i}`));
    }
    return all;
  };
  const start = extend([], common, 'common');
  return lengths.map((count, branch) => extend(start, count, `branch ${branch}`));
}

const place = [named('cloned'), named('diary')] as const;
const tipOf = ({ store }: SyncNode) => store.tip(...place);

/** What a node has of the log, before it meets the other: a branch or a part of it, and maybe a proof. */
const holding = fc.record({ branch: fc.nat(2), share: fc.constantFrom(0, 0.5, 1), knowsProof: fc.boolean() });

test('two nodes agree in one session, whichever branches and proofs of a fork each has', async () => {
  const world = fc.record({
    common: fc.nat(12),
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 3, maxLength: 3 }),
    sides: fc.tuple(holding, holding),
    agreedBefore: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ common, lengths, sides, agreedBefore }) => {
      const all = branches(common, lengths);
      const [left, right] = [await openSyncNode('anna'), await openSyncNode('ben')];
      await left.write('anna', 'other', 'one');
      if (agreedBefore) await meet(left, right);
      const proof = encodeForkProof(
        splitOperation({ blake3 }, all[0]![common]!),
        splitOperation({ blake3 }, all[1]![common]!),
      );
      for (const [i, { branch, share, knowsProof }] of sides.entries()) {
        const { view } = [left, right][i]!;
        const operations = all[branch]!;
        await view.append(operations.slice(0, Math.ceil(share * operations.length)));
        if (knowsProof) await view.append([proof]);
      }
      const { initiator, responder } = await meet(left, right);
      expect([initiator, responder].map(({ spaces }) => spaces.map(({ equal }) => equal))).toEqual([[true], [true]]);
      expect(await tipOf(left)).toEqual(await tipOf(right));
      const isForked = (await tipOf(left))?.forkSeq !== undefined;
      for (const { store } of [left, right]) {
        const kept = await store.forkProof(...place);
        expect(kept !== undefined).toBe(isForked);
        const trusting = { blake3, ed25519: { ...ed25519, verify: () => true } };
        if (kept) expect(checkForkProof(trusting, kept).seq).toBe((await tipOf(left))?.forkSeq);
      }
      if (sides.some(({ knowsProof }) => knowsProof)) expect(isForked).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test('a fork far back is found without sending the whole log', async () => {
  const [one, other] = branches(3000, [300, 20_000]) as [Uint8Array[], Uint8Array[]];
  const [left, right] = [await openSyncNode('anna'), await openSyncNode('ben')];
  await left.view.append(one);
  await right.view.append(other.slice(0, 3000 + 200));
  const { initiator } = await meet(left, right);
  expect(initiator.spaces).toMatchObject([{ equal: true }]);
  expect(await tipOf(left)).toMatchObject({ seq: 2999, forkSeq: 3000 });
  expect(initiator.progress.operationsDone).toBeLessThan(1000);
  expect(toHex(left.view.root)).toBe(toHex(right.view.root));
});

test('an honest node that has a long branch is not taken for one that sends garbage', async () => {
  const [one, other] = branches(10, [2, 15_000]) as [Uint8Array[], Uint8Array[]];
  for (const swap of [false, true]) {
    const [left, right] = [await openSyncNode('anna'), await openSyncNode('ben')];
    await left.view.append(one);
    await right.view.append(other);
    const { initiator, responder } = await (swap ? meet(right, left) : meet(left, right));
    expect([initiator.end, responder.end]).toEqual(['complete', 'complete']);
    expect(initiator.spaces).toMatchObject([{ equal: true }]);
    expect(await tipOf(right)).toMatchObject({ seq: 9, forkSeq: 10 });
  }
});
