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

const offsetBits = (span: number): number => (span < 1 ? 0 : Math.floor(Math.log2(span)) + 1);

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
  const lows = cuts.map((cut, i) => (i === 0 ? smallest : i === last ? largest + 1n : BigInt(sample[cut]!)));
  // highs[j] = the end of a bin before cut j
  const highs = cuts.map((cut, j) => (complete && j > 0 ? BigInt(sample[cut - 1]!) : lows[j]! - 1n));
  const lowNumbers = lows.map(Number);
  const highNumbers = highs.map(Number);
  const logs = new Float64Array(sample.length + 1);
  for (let i = 1; i <= sample.length; i++) logs[i] = Math.log2(sample.length / i);
  const costs = new Float64Array((last + 1) * (last + 1));
  for (let i = 0; i < last; i++)
    for (let j = i + 1; j <= last; j++) {
      const count = cuts[j]! - cuts[i]!;
      costs[i * (last + 1) + j] = count * (logs[count]! + offsetBits(highNumbers[j]! - lowNumbers[i]!));
    }
  // least[j] = the least cost of the sample up to cut j with the present number of bins
  let least = new Float64Array(last + 1).fill(Infinity);
  least[0] = 0;
  const predecessors: Int32Array[] = [];
  let binCount = 0;
  let total = Infinity;
  for (let k = 0; k < BINS_MAX; k++) {
    const next = new Float64Array(last + 1).fill(Infinity);
    const before = new Int32Array(last + 1);
    for (let j = 1; j <= last; j++)
      for (let i = 0; i < j; i++) {
        const cost = least[i]! + costs[i * (last + 1) + j]!;
        if (cost < next[j]!) {
          next[j] = cost;
          before[j] = i;
        }
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
    const low = lows[i]!;
    const high = highs[j]!;
    const bits = high > low ? (high - low).toString(2).length : 0;
    bins.push({ low, high, bits, count: cuts[j]! - cuts[i]! });
    j = i;
  }
  return { bins: bins.reverse(), bitsPerValue: total / sample.length };
}
