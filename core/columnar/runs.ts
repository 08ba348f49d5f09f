import type { CarriedIntegers } from './carried-integers.ts';
import type { DecodeMemory } from './decode-memory.ts';
import { wordsOf } from './int64.ts';
import { bytesOf, viewAs } from './words.ts';

/** Integers of which neighbours are often alike: each run's value, and how many more of it follow the first. */
export interface Runs {
  readonly values: BigInt64Array;
  readonly extra: Uint8Array | Uint16Array | Uint32Array;
}

type Values = CarriedIntegers['values'];

/** Runs must be this long on average: shorter ones are coded as well one by one. */
const RUN_LENGTH_MIN = 8;

/** The runs of at least one integer; undefined when they are short. */
export function findRuns(integers: BigInt64Array): Runs | undefined {
  const words = wordsOf(integers);
  const runsMax = Math.floor(integers.length / RUN_LENGTH_MIN);
  const starts = new Uint32Array(runsMax + 1);
  let runCount = 0;
  for (let i = 0; i < integers.length; i++) {
    if (i > 0 && words[2 * i] === words[2 * i - 2] && words[2 * i + 1] === words[2 * i - 1]) continue;
    if (runCount === runsMax) return undefined;
    starts[runCount++] = i;
  }
  starts[runCount] = integers.length;
  const values = new BigInt64Array(runCount);
  const extra = new Uint32Array(runCount);
  let longest = 0;
  for (let run = 0; run < runCount; run++) {
    values[run] = integers[starts[run]!]!;
    extra[run] = starts[run + 1]! - starts[run]! - 1;
    longest = Math.max(longest, extra[run]!);
  }
  const narrow = longest < 2 ** 8 ? Uint8Array.from(extra) : longest < 2 ** 16 ? Uint16Array.from(extra) : extra;
  return { values, extra: narrow };
}

/** The bytes of the section that {@link joinRuns} takes. */
export const runBytes = ({ extra }: Runs): Uint8Array => bytesOf(extra);

/** Every value as often as its run is long; undefined when that is not `count` in all. */
export function joinRuns(values: Values, section: Uint8Array, count: number, memory: DecodeMemory): Values | undefined {
  const type = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[section.length / values.length];
  if (!type) return undefined;
  const extra: Uint8Array | Uint16Array | Uint32Array = viewAs(section, type as typeof Uint8Array);
  const joined = viewAs(memory.bytes(count * values.BYTES_PER_ELEMENT), values.constructor as Uint8ArrayConstructor);
  let at = 0;
  for (let run = 0; run < values.length; run++) {
    const end = at + extra[run]! + 1;
    if (end > count) return undefined;
    joined.fill(values[run] as number, at, end);
    at = end;
  }
  return at === count ? joined : undefined;
}
