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

/** One bin for each colour of the largest palette of AV1. */
export const BINS_MAX = 8;

/** Cuts at the edges of the sample: extremes deserve bins of their own down to single values. */
const EDGE_CUTS_LOG2 = 7;
/** A value that takes this part of the sample may begin and end a bin. */
const FREQUENT_PART = 1 / 128;

type Sample = Int32Array | BigInt64Array;

/** Where bins may begin: indices into the sorted sample, ascending, each the first of its value, then its length. */
function candidateCuts(sorted: Sample, quantiles: number): number[] {
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
  const cuts = new Set<number>([0, length]);
  for (let i = 1; i < quantiles; i++) {
    const index = Math.floor((i * length) / quantiles);
    cuts.add(firstOfValue(index));
    const after = afterValue(index);
    if (after - index > length * FREQUENT_PART) cuts.add(after);
  }
  for (let k = 0; k < EDGE_CUTS_LOG2; k++)
    for (const index of [2 ** k, length - 2 ** k]) if (index > 0 && index < length) cuts.add(firstOfValue(index));
  return [...cuts].sort((a, b) => a - b);
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
  const cuts = candidateCuts(sample, quantiles);
  const last = cuts.length - 1;
  const low = (i: number): bigint => (i === 0 ? smallest : BigInt(sample[cuts[i]!]!));
  const high = (j: number): bigint => {
    if (complete) return BigInt(sample[cuts[j]! - 1]!);
    return j === last ? largest : low(j) - 1n;
  };
  // Costs are estimates: double precision will do, and is a lot faster than 64-bit integers.
  const lows = Float64Array.from({ length: last }, (_, i) => (i === 0 ? Number(smallest) : Number(sample[cuts[i]!]!)));
  const highs = Float64Array.from({ length: last + 1 }, (_, j) => {
    if (complete) return j === 0 ? 0 : Number(sample[cuts[j]! - 1]!);
    return j === last ? Number(largest) : lows[j]! - 1;
  });
  const logs = new Float64Array(sample.length + 1);
  for (let i = 1; i <= sample.length; i++) logs[i] = Math.log2(sample.length / i);
  // costs[j * cuts + i] = a bin from cut i up to cut j
  const costs = new Float64Array(cuts.length * cuts.length);
  for (let j = 1; j <= last; j++)
    for (let i = 0; i < j; i++) {
      const count = cuts[j]! - cuts[i]!;
      costs[j * cuts.length + i] = count * (logs[count]! + offsetBits(highs[j]! - lows[i]!));
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
    bins.push({ low: low(i), high: high(j), bits, count: cuts[j]! - cuts[i]! });
    j = i;
  }
  return { bins: bins.reverse(), bitsPerValue: total / sample.length };
}
