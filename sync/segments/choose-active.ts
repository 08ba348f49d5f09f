import { type DiskBudget, partialFileBytes } from './disk-budget.ts';
import type { SealedName } from './sealed-segment.ts';
import type { Wanted } from './wanted.ts';

/** Segments that are under way at once, the first of the order: small ones fill the link, and each costs a file. */
export const TRANSFERS_OPEN_MAX = 16;
/** Of these, places for the smallest of those whose turn it is not: a person's large asset does not block small ones. */
export const SMALL_PLACES = 4;

/** What there is to hope for: an answer of some peer (`soon`), or only of peers that owe one for long (`late`). */
export type AskChance = 'soon' | 'late' | 'never';

export interface ActiveChoice {
  /** In the order of the queue. */
  readonly chosen: readonly Wanted[];
  /** Files that make room for those that were chosen. */
  readonly abandoned: readonly SealedName[];
  /** What there is no place for. */
  readonly overDisk: ReadonlySet<Wanted>;
}

/**
 * Chooses what is under way and counts its files. What only silent peers may have gets the places that are left: they keep back
 * nothing that others have.
 */
export function chooseActive(
  queue: readonly Wanted[],
  chanceOf: (wanted: Wanted) => AskChance,
  disk: DiskBudget,
): ActiveChoice {
  const abandoned: SealedName[] = [];
  const overDisk = new Set<Wanted>();
  /** With their place in the queue. */
  const chosen = new Map<Wanted, number>();
  let places: Map<SealedName, number> | undefined;

  /**
   * True for a file that may go: nobody waits for it, or no peer that answers has it and what it makes room for comes first or is
   * had by one.
   */
  function isSpare(name: SealedName, wanted: Wanted): boolean {
    places ??= new Map(queue.map((other, place) => [other.name, place]));
    const place = places.get(name);
    if (place === undefined) return true;
    const chance = chanceOf(queue[place]!);
    if (chance === 'soon') return false;
    return place > places.get(wanted.name)! || (chance === 'late' && chanceOf(wanted) === 'soon');
  }

  function hasPlace(wanted: Wanted): boolean {
    const { byteCount } = wanted;
    if (disk.has(wanted.name) || byteCount === undefined) return true;
    const fileBytes = partialFileBytes(byteCount);
    let excess = disk.excess(wanted.name, fileBytes);
    const going: SealedName[] = [];
    if (excess > 0) {
      for (const [name, freed] of disk.held()) {
        if (excess <= 0) break;
        if (!isSpare(name, wanted)) continue;
        going.push(name);
        excess -= freed;
      }
    }
    if (excess > 0) return false;
    for (const name of going) disk.free(name);
    abandoned.push(...going);
    disk.hold(wanted.name, fileBytes);
    return true;
  }

  function fill(count: number, first = 0, chance: AskChance = 'soon'): void {
    for (let i = first; i < queue.length && chosen.size < count; i++) {
      const wanted = queue[i]!;
      if (chosen.has(wanted) || overDisk.has(wanted) || chanceOf(wanted) !== chance) continue;
      if (hasPlace(wanted)) chosen.set(wanted, i);
      else overDisk.add(wanted);
    }
  }
  fill(TRANSFERS_OPEN_MAX - SMALL_PLACES);
  if (chosen.size === TRANSFERS_OPEN_MAX - SMALL_PLACES) {
    // The smallest of what a person waits for are chosen already; those of the others follow them.
    fill(
      TRANSFERS_OPEN_MAX,
      Math.max(
        0,
        queue.findIndex(({ urgency }) => urgency === 'background'),
      ),
    );
    fill(TRANSFERS_OPEN_MAX);
  }
  fill(TRANSFERS_OPEN_MAX, 0, 'late');
  const inOrder = [...chosen].sort(([, left], [, right]) => left - right).map(([wanted]) => wanted);
  return { chosen: inOrder, abandoned, overDisk };
}
