import { expect, test } from 'vitest';
import { createDice } from './dice.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { nameOfInput, SYNC_INPUTS } from './sync-inputs.ts';

const FROM = 90_000_000;
/** `GRANARY_FUZZ_INPUTS=1000000 npx vitest run tests/fuzz/sync-inputs.test.ts` tries so many of each kind. */
const COUNT = Number(process.env['GRANARY_FUZZ_INPUTS'] ?? 3000);
/** Of the processor, for one input: a thousand times what the slowest takes on a quiet machine. */
const MILLISECONDS_MAX = 2_000;
const MEMORY_BYTES_MAX = 256 * 2 ** 20;

/** Of every seventh seed bytes without any sense, else what is right with some faults. */
function inputOf(seed: number, golden: readonly Uint8Array[]): Uint8Array {
  const dice = createDice(seed);
  if (seed % 7 > 0) return mutateBytes(dice, dice.pick(golden), golden);
  const start = dice.pick(golden).subarray(0, dice.below(8));
  return Buffer.concat([start, Uint8Array.from({ length: dice.below(400) }, () => dice.below(256))]);
}

test.each(SYNC_INPUTS)(
  `${COUNT} damaged $name are refused for a reason, or read as what they are`,
  ({ name, golden, read }) => {
    const verdicts = new Map<string, number>();
    for (const bytes of golden) read(bytes);
    const before = process.memoryUsage();
    let slowest = 0;
    for (let seed = FROM; seed < FROM + COUNT; seed++) {
      const bytes = inputOf(seed, golden);
      const start = process.cpuUsage();
      try {
        const verdict = read(bytes);
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      } catch (error) {
        throw new Error(`Seed ${seed} of ${name}, ${nameOfInput(bytes)}: ${String(error)}`, { cause: error });
      }
      const { user, system } = process.cpuUsage(start);
      slowest = Math.max(slowest, (user + system) / 1000);
    }
    const after = process.memoryUsage();
    console.log(`${name}: ${JSON.stringify(Object.fromEntries(verdicts))}, the slowest ${slowest.toFixed(1)} ms`);
    expect(slowest).toBeLessThan(MILLISECONDS_MAX);
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(MEMORY_BYTES_MAX);
    // A fuzzer whose inputs are all taken shows nothing.
    expect(COUNT - (verdicts.get('accepted') ?? 0)).toBeGreaterThan(COUNT / 10);
  },
);
