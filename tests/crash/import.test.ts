import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openLevelStore } from '#core/platform/index.ts';
import { createNodeBundleFiles } from '#sync/bundles/adapters/node-bundle-files.ts';
import { exportBundle } from '#sync/bundles/index.ts';
import { bundleSpace } from '#sync/bundles/testing/bundle-space.ts';
import { openBundleNode } from '#sync/bundles/testing/bundle-world.ts';
import { openLogStore } from '#sync/log/index.ts';
import { blake3, countingRandom, ed25519, tickingClock } from '#sync/log/testing/fixtures.ts';
import { keyOf } from '#sync/log/testing/signed-logs.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { LEAF_PLAIN_BYTES, verifySealed } from '#sync/segments/index.ts';
import { cipher, createHasher, plainBytes, sealBytes, tree } from '#sync/segments/testing/fixtures.ts';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createDice } from '#tests/fuzz/dice.ts';

const VICTIM = fileURLToPath(new URL('./import-until-killed.ts', import.meta.url));
const KILLS = 16;
const OPERATIONS = 3000;
const LEAVES = 2000;

test(`${KILLS} kills at random places of an import: it goes on where it stopped, and ends as one that was not killed`, async () => {
  await using mine = await temporaryFolder();
  await using theirs = await temporaryFolder();
  const anna = await openBundleNode(1);
  await anna.write(1, 200, 10);
  await anna.write(1, 1, OPERATIONS - 10, 'some words of an operation '.repeat(40));
  const served = createNodeSealedFolder(theirs.path);
  const segment = await sealBytes(served, plainBytes(LEAVES * LEAF_PLAIN_BYTES));
  const bundle = join(theirs.path, 'stick');
  const { operationBytes, segmentBytes } = await exportBundle(
    {
      files: createNodeBundleFiles(),
      key: keyOf(1),
      clock: tickingClock(),
      random: countingRandom(),
      blake3,
      createHasher,
      cipher,
    },
    anna.space,
    bundle,
    { segments: { segments: [segment], open: (name) => served.open(name) } },
  );
  const [location, folder] = [join(mine.path, 'store'), join(mine.path, 'segments')];
  await mkdir(folder);

  /** Runs one process until it has come so far, or to its end; what it said last. */
  async function run(killAfter: number): Promise<string> {
    const args = ['--disable-warning=ExperimentalWarning', VICTIM, bundle, location, folder];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const done = Number(said.trim().split('\n').at(-1));
      if (done > killAfter) child.kill('SIGKILL');
    });
    await once(child, 'close');
    return said.trim().split('\n').at(-1) ?? '';
  }

  /** Operations that are there. */
  async function countOperations(): Promise<number> {
    const store = await openLevelStore(location);
    try {
      const space = bundleSpace(await openLogStore({ store, blake3, ed25519 }), anna.space.spaceId);
      let count = 0;
      for await (const { seq } of space.store.tips()) count += seq + 1;
      return count;
    } finally {
      await store.close();
    }
  }

  const dice = createDice(11);
  const counts: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    // Half of the kills among the operations, half among the leaves, each later than the one before.
    const isEarly = kill < KILLS / 2;
    const share = ((kill % (KILLS / 2)) + dice.below(1000) / 1000) / (KILLS / 2);
    const last = await run(isEarly ? share * operationBytes * 0.8 : operationBytes + share * segmentBytes * 0.8);
    expect(last.startsWith('{'), `kill ${kill} came too late`).toBe(false);
    counts.push(await countOperations());
  }
  expect(counts).toEqual(counts.toSorted((left, right) => left - right));
  expect(new Set(counts).size).toBeGreaterThan(3);
  expect(counts.at(-1)).toBe(OPERATIONS);
  expect(await readdir(folder)).toEqual([`${segment.name}.partial`]);

  const report = JSON.parse(await run(Infinity));
  expect(report).toMatchObject({
    storedCount: 0,
    knownCount: OPERATIONS,
    missingOperations: [],
    missingSegments: [],
    segments: [{ outcome: 'stored', leavesRefused: 0 }],
  });
  const [{ leavesStored, leavesKnown }] = report.segments;
  expect(leavesKnown).toBeGreaterThan(LEAVES / 2);
  expect(leavesStored + leavesKnown).toBe(LEAVES);
  const source = (await createNodeSealedFolder(folder).open(segment.name))!;
  await verifySealed(tree, source, segment.name);
  await source.close();
}, 300_000);
