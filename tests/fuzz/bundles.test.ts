import { expect, test } from 'vitest';
import { concatBytes, isGranaryError } from '#core/kernel/index.ts';
import { openBundleNode } from '#sync/bundles/testing/bundle-world.ts';
import { goldenBundles, goldenOpening } from '#sync/bundles/testing/golden-bundles.ts';
import { createMemoryFiles } from '#sync/bundles/testing/memory-files.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { createDice } from './dice.ts';
import { mutateBytes } from './mutate-bytes.ts';

const FROM = 70_000_000;
const COUNT = 500;
const CODES = ['BUNDLE_DAMAGED', 'BUNDLE_VERSION', 'BUNDLE_SEALED', 'BUNDLE_FOREIGN'];

test(`${COUNT} damaged bundles from seed ${FROM} on are refused or used as far as they hold, and the whole ones are taken in afterwards`, async () => {
  const golden = (await goldenBundles()).files;
  const whole = [...golden.values()];
  const names = [...golden.keys()];
  const verdicts: Record<string, number> = {};
  for (let seed = FROM; seed < FROM + COUNT; seed++) {
    const dice = createDice(seed);
    const files = createMemoryFiles();
    const node = await openBundleNode(2, files, { sealing: goldenOpening });
    const name = dice.pick(names);
    const original = golden.get(name)!;
    let bytes = mutateBytes(dice, original, whole);
    // A right hash of the whole leads to the checks behind it.
    const isHashed = dice.chance(0.5) && bytes.length > 32;
    if (isHashed) bytes = concatBytes([bytes.subarray(0, -32), blake3(bytes.subarray(0, -32))]);
    if (whole.some((other) => Buffer.compare(other, bytes) === 0)) continue;
    files.files.set('damaged', bytes);
    const verdict = await node.import('damaged').then(
      () => 'taken in',
      (error: unknown) => (isGranaryError(error) ? error.code : String(error)),
    );
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    expect(isHashed ? [...CODES, 'taken in'] : CODES, `seed ${seed}: ${verdict}`).toContain(verdict);
    for (const path of ['plain', 'sealed', 'since']) {
      files.files.set(path, golden.get(path)!);
      const report = await node.import(path);
      expect([report.missingOperations, report.missingSegments], `seed ${seed}`).toEqual([[], []]);
    }
    while (await node.logs.verifyNext());
    expect(await node.root(), `seed ${seed}`).toEqual((await node.list('since')).root);
  }
  console.log(`seeds ${FROM} to ${FROM + COUNT - 1}: ${JSON.stringify(verdicts)}`);
  for (const code of ['BUNDLE_DAMAGED', 'BUNDLE_SEALED', 'taken in']) {
    expect(verdicts[code], code).toBeGreaterThan(0);
  }
}, 120_000);
