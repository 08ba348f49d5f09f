import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { checkSuccessor } from './check-successor.ts';
import { type LogStore, openLogStore } from './log-store.ts';
import { operationCount } from './log-state.ts';
import { type SignedOperation, splitOperation } from './operation.ts';
import { blake3, ed25519 } from './testing/fixtures.ts';
import { arbitraryWorld, rootInputsOf, type World } from './testing/log-model.ts';
import { collect, rootInputs, verifyAll } from './testing/log-store-contract.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
/** A log is at most this long, and each round brings it forward by one at least. */
const ROUNDS_MAX = 30;

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

interface Node {
  readonly store: MemoryStore;
  logs: LogStore;
}

const openNode = async (store = openMemoryStore()): Promise<Node> => ({
  store,
  logs: await openLogStore({ store, blake3, ed25519 }),
});

/** What holds at every moment, whatever came in. */
async function checkInvariants({ logs }: Node): Promise<void> {
  // The latest change of each log, and that their numbers rise without a gap.
  const arrivals = await collect(logs.arrivalsAfter(0));
  expect(arrivals.map(({ arrival }) => arrival)).toEqual(arrivals.map((_, i) => i + 1));
  for (const head of await collect(logs.tips())) {
    let previous: SignedOperation | undefined;
    let unverifiedBytes = 0;
    let byteCount = 0;
    for (const bytes of await collect(logs.operationsFrom(head.author, head.logId, 0))) {
      const operation = splitOperation({ blake3 }, bytes);
      checkSuccessor(previous, operation);
      byteCount += bytes.length;
      if (operation.header.seq >= head.verifiedCount) unverifiedBytes += bytes.length;
      previous = operation;
    }
    expect(previous?.id).toEqual(head.tip?.operationId);
    expect(head.byteCount).toBe(byteCount);
    expect(head.provisionalBytes).toBe(unverifiedBytes);
    expect(head.verifiedCount).toBeLessThanOrEqual(operationCount(head));
    expect(operationCount(head)).toBeLessThanOrEqual(head.frozenFrom ?? Infinity);
    const latest = arrivals.findLast(
      ({ logId, author }) => toHex(logId) + toHex(author) === toHex(head.logId) + toHex(head.author),
    );
    expect(head.arrival).toBe(latest?.arrival);
  }
}

/** Hands all of a world to a node again and again, each time in another order, until nothing changes any more. */
async function settle(node: Node, { messages }: World, seed: number): Promise<string[]> {
  const random = seededRandom(seed);
  let before: string[] | undefined;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const waiting = shuffled(messages, random);
    while (waiting.length > 0) {
      await node.logs.ingest(waiting.splice(0, 1 + Math.floor(random() * 5)));
      if (random() < 0.2) await node.logs.verifyNext();
      if (random() < 0.1) {
        const acknowledged = await rootInputs(node.logs);
        node.store.crash();
        node.logs = await openLogStore({ store: node.store, blake3, ed25519 });
        expect(await rootInputs(node.logs)).toEqual(acknowledged);
      }
      await checkInvariants(node);
    }
    await verifyAll(node.logs);
    await checkInvariants(node);
    const after = await rootInputs(node.logs);
    if (before && after.join() === before.join()) return after;
    before = after;
  }
  throw new Error('The logs do not come to rest.');
}

test('whatever the order, copies, crashes and checks in between, a node comes to what the model says', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryWorld({ onUnsigned: false }), seeds, async (world, seed) => {
      expect((await settle(await openNode(), world, seed)).toSorted()).toEqual(rootInputsOf(world));
    }),
    { seed: 11, numRuns: 150 },
  );
});

test('two nodes with the same operations and proofs agree, also about authors who build on what is not signed', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryWorld({ onUnsigned: true }), seeds, seeds, async (world, left, right) => {
      const nodes = [await openNode(), await openNode()] as const;
      await settle(nodes[0], world, left);
      await settle(nodes[1], world, right);
      for (const [from, to] of [nodes, nodes.toReversed()] as [Node, Node][]) {
        for (const proof of await collect(from.logs.forkProofs())) await to.logs.ingestForkProof(proof);
      }
      const ends = [await settle(nodes[0], world, right), await settle(nodes[1], world, left)];
      expect(ends[0]).toEqual(ends[1]);
    }),
    { seed: 12, numRuns: 100 },
  );
});
