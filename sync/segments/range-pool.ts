/** Leaves from `first` up to but without `end`. */
export interface LeafRange {
  readonly first: number;
  readonly end: number;
}

/** Leaves that nobody has been asked for yet, to be handed out from the lowest on. */
export interface RangePool {
  readonly isEmpty: boolean;
  /** Takes at most `count` leaves that follow each other; undefined when there are none. */
  take(count: number): LeafRange | undefined;
  /** Adds leaves; those that are there already stay once. */
  put(range: LeafRange): void;
  /** Takes one leaf out, if it is there. */
  remove(leaf: number): void;
}

export function createRangePool(): RangePool {
  // In order, without overlaps; few, as whoever takes leaves takes from the front.
  let ranges: LeafRange[] = [];
  return {
    get isEmpty() {
      return ranges.length === 0;
    },
    take(count) {
      const found = ranges[0];
      if (!found) return undefined;
      const taken = { first: found.first, end: Math.min(found.end, found.first + count) };
      if (taken.end === found.end) ranges.shift();
      else ranges[0] = { first: taken.end, end: found.end };
      return taken;
    },
    put(range) {
      if (range.first >= range.end) return;
      let { first, end } = range;
      const apart: LeafRange[] = [];
      for (const other of ranges) {
        if (other.end < first || other.first > end) apart.push(other);
        else {
          first = Math.min(first, other.first);
          end = Math.max(end, other.end);
        }
      }
      ranges = [...apart, { first, end }].sort((left, right) => left.first - right.first);
    },
    remove(leaf) {
      const index = ranges.findIndex(({ first, end }) => first <= leaf && leaf < end);
      const found = ranges[index];
      if (!found) return;
      const parts = [
        { first: found.first, end: leaf },
        { first: leaf + 1, end: found.end },
      ].filter(({ first, end }) => first < end);
      ranges.splice(index, 1, ...parts);
    },
  };
}
