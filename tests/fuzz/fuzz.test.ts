import { expect, test } from 'vitest';
import { runFuzz } from './run-fuzz.ts';

/** Other inputs than those of `npm run bench -- fuzz`; a fault names its seed, which `fuzz-process.ts SEED SEED+1 1` repeats. */
const FROM = 50_000_000;
const COUNT = 6000;

test(`${COUNT} hostile inputs from seed ${FROM} on are read rightly or refused with a documented code`, async () => {
  const { faults, verdicts } = await runFuzz({ from: FROM, count: COUNT, processCount: 2 });
  console.log(`seeds ${FROM} to ${FROM + COUNT - 1}: ${JSON.stringify(verdicts)}`);
  expect(faults).toEqual([]);
  // The fuzzer gets behind the checksums, and into every layer.
  expect(verdicts['accepted']).toBeGreaterThan(COUNT / 10);
  for (const code of ['FORMAT_INVALID', 'FORMAT_VERSION', 'SEGMENT_CORRUPT', 'CODEC_DAMAGED', 'CODEC_PROFILE'])
    expect(verdicts[code]).toBeGreaterThan(0);
});
