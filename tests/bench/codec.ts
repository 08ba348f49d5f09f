import {
  decodeIntegerUnit,
  decodePalette,
  encodeIntegerUnit,
  encodePalette,
  type PaletteMapping,
} from '#core/columnar/av1/index.ts';
import { decodeByStandard } from '#core/columnar/testing/standard-av1-decoder.ts';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { measureInChromium } from './codec-in-chromium.ts';
import { measureColumns } from './column-speed.ts';
import { type Benchmark, type Measurement, ratio, reported } from './measure.ts';
import { rate } from './rate.ts';

const SYMBOLS = 1 << 20;
const random = seededRandom(1);
const run8 = { value: 0 };
interface SymbolSource {
  readonly alphabet: number;
  readonly mapping: PaletteMapping;
  readonly next: () => number;
}
const SYMBOL_SOURCES: Readonly<Record<string, SymbolSource>> = {
  'noise, 8 symbols': { alphabet: 8, mapping: 'rank', next: () => Math.floor(random() * 8) },
  'skewed, 8 symbols': { alphabet: 8, mapping: 'rank', next: () => Math.floor(8 * random() ** 4) },
  'runs, 8 symbols': {
    alphabet: 8,
    mapping: 'raw',
    next: () => (run8.value = random() < 1 / 40 ? Math.floor(random() * 8) : run8.value),
  },
  'sparse, 2 symbols': { alphabet: 2, mapping: 'rank', next: () => (random() < 0.02 ? 1 : 0) },
};

const walk = { value: 0n };
const INTEGER_SOURCES: Readonly<Record<string, (i: number) => bigint>> = {
  walk: () => (walk.value += BigInt(Math.round((random() + random() + random() - 1.5) * 20))),
  'timestamps with jitter': (i) => 1_700_000_000_000n + BigInt(i * 1000 + Math.round((random() - 0.5) * 60)),
  'noise of 40 bits': () => BigInt(Math.floor(random() * 2 ** 40)),
};

/** Rates in millions a second, of the coder alone and of whole columns, and memory. */
export const codecBenchmark: Benchmark = {
  name: 'codec',
  async run() {
    const measurements: Measurement[] = [];
    for (const [name, { alphabet, mapping, next }] of Object.entries(SYMBOL_SOURCES)) {
      const symbols = Uint8Array.from({ length: SYMBOLS }, next);
      const unit = encodePalette(symbols, { alphabet, mapping });
      const encode = await rate(SYMBOLS, () => encodePalette(symbols, { alphabet, mapping }));
      const decode = await rate(SYMBOLS, () => decodePalette(unit, { symbolCount: SYMBOLS, mapping }));
      const standard = await rate(SYMBOLS, () => decodeByStandard(unit));
      measurements.push(
        reported(`${name}, bits per symbol`, ((unit.length * 8) / SYMBOLS).toFixed(3)),
        reported(`${name}, encoded and decoded`, `${encode.toFixed(0)} and ${decode.toFixed(0)} M/s`),
        reported(`${name}, decoded against dav1d`, ratio(decode / standard)),
      );
    }
    for (const [name, next] of Object.entries(INTEGER_SOURCES)) {
      const values = BigInt64Array.from({ length: SYMBOLS }, (_, i) => next(i));
      const { unit, description } = encodeIntegerUnit(values)!;
      const into = new BigInt64Array(values.length);
      const encode = await rate(SYMBOLS, () => encodeIntegerUnit(values));
      const decode = await rate(SYMBOLS, () => decodeIntegerUnit(unit, values.length, { into }));
      if (into.some((value, i) => value !== values[i])) throw new Error(`The integers of "${name}" did not come back.`);
      const { predictor, ranker } = description;
      measurements.push(
        reported(`${name} (${predictor}, ${ranker}), bits per value`, ((unit.length * 8) / SYMBOLS).toFixed(2)),
        reported(`${name}, encoded and decoded`, `${encode.toFixed(0)} and ${decode.toFixed(0)} M/s`),
      );
    }
    return [...measurements, ...(await measureColumns()), ...(await measureInChromium())];
  },
};
