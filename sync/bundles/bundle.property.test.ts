import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BundleNode, openBundleNode } from './testing/bundle-world.ts';
import { createMemoryFiles } from './testing/memory-files.ts';

/** A device writes only where it runs: devices 1 and 2 on the first node, 3 and 4 on the second. */
const write = fc.record({
  node: fc.integer({ min: 0, max: 1 }),
  device: fc.integer({ min: 1, max: 2 }),
  log: fc.constantFrom(1, 2, 200),
  count: fc.integer({ min: 1, max: 4 }),
});

/** Writes, and a bundle each way: from where, whether it goes on from the last one of either side, and taken in or lost. */
const step = fc.oneof(
  write.map((written) => ({ kind: 'write' as const, ...written })),
  fc.record({
    kind: fc.constant('carry' as const),
    node: fc.integer({ min: 0, max: 1 }),
    since: fc.option(fc.nat(), { nil: undefined }),
    isLost: fc.boolean(),
  }),
);

async function expectSuperset(node: BundleNode, of: BundleNode): Promise<void> {
  for await (const tip of of.space.store.tips()) {
    const here = await node.space.store.tip(tip.author, tip.logId);
    expect(here?.seq).toBeGreaterThanOrEqual(tip.seq);
  }
}

test('what a bundle brings is there, what it does not is named, and a bundle each way makes both equal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const files = createMemoryFiles();
      const nodes = [await openBundleNode(1, files), await openBundleNode(3, files)] as const;
      const carry = async (from: number, path: string, since?: string) => {
        const base = since === undefined ? undefined : await nodes[0].list(since);
        await nodes[from]!.export(path, { since: base });
      };
      const take = async (into: number, path: string) => {
        const report = await nodes[into]!.import(path);
        expect([...report.refused.keys()].filter((reason) => reason !== 'gap')).toEqual([]);
        const isBehind = report.missingOperations.length > 0;
        if (!isBehind) await expectSuperset(nodes[into]!, nodes[1 - into]!);
        expect(isBehind).toBe(report.missingOperations.some(({ reason }) => reason === 'left-out'));
        if (!report.bundle.base) expect(isBehind).toBe(false);
      };
      const paths: string[] = [];
      for (const next of steps) {
        if (next.kind === 'write') {
          await nodes[next.node]!.write(next.device + 2 * next.node, next.log, next.count);
          continue;
        }
        const path = `bundle ${paths.length}`;
        await carry(next.node, path, next.since === undefined ? undefined : paths[next.since % (paths.length || 1)]);
        paths.push(path);
        if (!next.isLost) await take(1 - next.node, path);
      }
      await carry(0, 'there');
      await take(1, 'there');
      await carry(1, 'back', 'there');
      await take(0, 'back');
      expect(await nodes[0].root()).toEqual(await nodes[1].root());
      // Whatever was lost comes late, in another order, and changes nothing.
      for (const path of paths.toReversed())
        for (const node of nodes) expect((await node.import(path)).storedCount).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('two bundles in any order bring the same, once each that was refused came again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 8 }), fc.array(write, { maxLength: 8 }), async (first, second) => {
      const files = createMemoryFiles();
      const anna = await openBundleNode(1, files);
      for (const { device, log, count } of first) await anna.write(device, log, count);
      await anna.export('one');
      for (const { device, log, count } of second) await anna.write(device, log, count);
      await anna.export('two', { since: await anna.list('one') });
      const roots = [];
      for (const order of [
        ['one', 'two'],
        ['two', 'one', 'two'],
      ]) {
        const node = await openBundleNode(2, files);
        for (const path of order) await node.import(path);
        roots.push(await node.root());
      }
      expect(roots).toEqual([await anna.root(), await anna.root()]);
    }),
    { numRuns: 40 },
  );
});
