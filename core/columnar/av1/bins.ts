/** One of at most eight ranges of residuals. A residual is stored as its bin and an offset of `bits` bits in it. */
export interface Bin {
  readonly low: bigint;
  /** 0 to 64. */
  readonly bits: number;
}

/** A bin while it is chosen. */
export interface ChosenBin extends Bin {
  /** Inclusive. */
  readonly high: bigint;
  /** How many of the sampled residuals lie in it. */
  readonly count: number;
}

/** More bits than this at any bit position would not fit the 64-bit word that is read there. */
export const OFFSET_BITS_MAX = 57;

/** One bin for each colour of the largest palette of AV1. */
export const BINS_MAX = 8;

/** The cost of a bin whose offsets could not be stored: any other is preferred. */
const TOO_WIDE = 1e15;

/** Cuts at the edges of the sample: extremes deserve bins of their own down to single values. */
const EDGE_CUTS_LOG2 = 7;
/** A value that takes this part of the sample may begin and end a bin. */
const FREQUENT_PART = 1 / 128;

type Sample = Int32Array | BigInt64Array;

/** Where a bin may begin. */
interface Cut {
  /** How many residuals of the sample lie below. */
  readonly index: number;
  readonly low: bigint;
}

/** Where bins may begin, in ascending order, and where the sample ends. */
function candidateCuts(sorted: Sample, smallest: bigint, quantiles: number): Cut[] {
  const length = sorted.length;
  const firstOfValue = (index: number): number => {
    const value = sorted[index]!;
    let low = 0;
    let high = index;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const afterValue = (index: number): number => {
    const value = sorted[index]!;
    let low = index + 1;
    let high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const cuts = new Set<number>([0]);
  // Before these a bin may end at its last residual instead of where the next begins: gaps make no bin wide.
  const gaps = new Set<number>();
  for (let i = 1; i < quantiles; i++) {
    const index = Math.floor((i * length) / quantiles);
    cuts.add(firstOfValue(index));
    const after = afterValue(index);
    if (after - index > length * FREQUENT_PART && after < length) {
      cuts.add(after);
      gaps.add(after);
      gaps.add(firstOfValue(index));
    }
  }
  for (let k = 0; k < EDGE_CUTS_LOG2; k++)
    for (const index of [2 ** k, length - 2 ** k])
      if (index > 0 && index < length) {
        cuts.add(firstOfValue(index));
        gaps.add(firstOfValue(index));
      }
  const lowAt = (index: number) => (index === 0 ? smallest : BigInt(sorted[index]!));
  const begins = [...cuts].map((index) => ({ index, low: lowAt(index) }));
  const ends = [...gaps]
    .filter((index) => index > 0 && BigInt(sorted[index]!) - BigInt(sorted[index - 1]!) > 1n)
    .map((index) => ({ index, low: BigInt(sorted[index - 1]!) + 1n }));
  const all = [...begins, ...ends].sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  return [...all, { index: length, low: 0n }];
}

/** The bits of an offset of up to `span`. */
function offsetBits(span: number): number {
  if (span < 1) return 0;
  return span < 2 ** 32 ? 32 - Math.clz32(span) : Math.floor(Math.log2(span)) + 1;
}

/**
 * Splits the range from `smallest` to `largest` into at most eight bins that together cost least: the entropy of the bin
 * numbers plus the offsets' bits, by dynamic programming over about `quantiles` possible cuts of a sample. The sample is
 * sorted in place; when it is `complete`, bins end at their largest residual instead of where the next one begins. Returns
 * the bins in ascending order and the estimated bits per value.
 */
export function chooseBins(
  sample: Sample,
  { smallest, largest, complete }: { smallest: bigint; largest: bigint; complete: boolean },
  quantiles: number,
): { readonly bins: readonly ChosenBin[]; readonly bitsPerValue: number } {
  sample.sort();
  const cuts = candidateCuts(sample, smallest, quantiles);
  const last = cuts.length - 1;
  const low = (i: number): bigint => cuts[i]!.low;
  const high = (j: number): bigint => {
    if (complete) return BigInt(sample[cuts[j]!.index - 1]!);
    return j === last ? largest : low(j) - 1n;
  };
  // Costs are estimates: double precision will do, and is a lot faster than 64-bit integers.
  const lows = Float64Array.from({ length: last }, (_, i) => Number(low(i)));
  const highs = Float64Array.from({ length: last + 1 }, (_, j) => (j === 0 ? 0 : Number(high(j))));
  const logs = new Float64Array(sample.length + 1);
  for (let i = 1; i <= sample.length; i++) logs[i] = Math.log2(sample.length / i);
  // costs[j * cuts + i] = a bin from cut i up to cut j
  const costs = new Float64Array(cuts.length * cuts.length);
  for (let j = 1; j <= last; j++)
    for (let i = 0; i < j; i++) {
      const count = cuts[j]!.index - cuts[i]!.index;
      const bits = offsetBits(highs[j]! - lows[i]!);
      costs[j * cuts.length + i] = count * (logs[count]! + bits) + (bits > OFFSET_BITS_MAX ? TOO_WIDE : 0);
    }
  // least[j] = the least cost of the sample up to cut j with the present number of bins
  let least = new Float64Array(cuts.length).fill(Infinity);
  least[0] = 0;
  const predecessors: Uint8Array[] = [];
  let binCount = 0;
  let total = Infinity;
  for (let k = 0; k < Math.min(BINS_MAX, last); k++) {
    const next = new Float64Array(cuts.length);
    const before = new Uint8Array(cuts.length);
    next[0] = Infinity;
    for (let j = 1; j <= last; j++) {
      const row = j * cuts.length;
      let cheapest = Infinity;
      let from = 0;
      for (let i = 0; i < j; i++) {
        const cost = least[i]! + costs[row + i]!;
        if (cost < cheapest) {
          cheapest = cost;
          from = i;
        }
      }
      next[j] = cheapest;
      before[j] = from;
    }
    predecessors.push(before);
    least = next;
    if (least[last]! < total - 1e-9) {
      total = least[last]!;
      binCount = k + 1;
    }
  }
  const bins: ChosenBin[] = [];
  for (let j = last, k = binCount - 1; k >= 0; k--) {
    const i = predecessors[k]![j]!;
    const span = high(j) - low(i);
    const bits = span > 0n ? span.toString(2).length : 0;
    bins.push({ low: low(i), high: high(j), bits, count: cuts[j]!.index - cuts[i]!.index });
    j = i;
  }
  return { bins: bins.reverse(), bitsPerValue: total / sample.length };
}
