import { type SealedName, sealedFileBytes } from '#sync/segments/index.ts';
import type { KnownAnnouncement } from '#sync/spaces/index.ts';

export interface HoldingFacts {
  /** What members of the space have announced. */
  readonly announced: Iterable<KnownAnnouncement>;
  /** True for what is here and was pledged: it stays, whatever comes. */
  readonly isBound: (name: SealedName) => boolean;
  /** Bytes of sealed files. */
  readonly bytesMax: number;
}

/** What a relay is to hold of one space. */
export interface HoldingPlan {
  /** In the order in which they are fetched. */
  readonly held: readonly KnownAnnouncement[];
  /** Bytes of their files. */
  readonly byteCount: number;
  /** What there is no place for. */
  readonly leftOut: number;
}

/**
 * Chooses what a relay holds: what is bound, then the newest, as much as fits. Devices have equal shares, so that one that
 * announces without end drives out what it announced itself. Pure; the same facts give the same plan.
 */
export function planHoldings({ announced, isBound, bytesMax }: HoldingFacts): HoldingPlan {
  const held: KnownAnnouncement[] = [];
  const queues = new Map<string, KnownAnnouncement[]>();
  const shares = new Map<string, number>();
  let byteCount = 0;
  let leftOut = 0;

  function hold(segment: KnownAnnouncement, fileBytes: number): void {
    held.push(segment);
    byteCount += fileBytes;
    shares.set(segment.author, (shares.get(segment.author) ?? 0) + fileBytes);
  }

  for (const segment of announced) {
    const fileBytes = sealedFileBytes(segment.byteCount);
    if (isBound(segment.name)) {
      hold(segment, fileBytes);
      continue;
    }
    const queue = queues.get(segment.author) ?? [];
    queue.push(segment);
    queues.set(segment.author, queue);
  }
  for (const queue of queues.values()) queue.sort(newestLast);
  for (let author = next(); author !== undefined; author = next()) {
    const queue = queues.get(author)!;
    const segment = queue.pop()!;
    if (queue.length === 0) queues.delete(author);
    const fileBytes = sealedFileBytes(segment.byteCount);
    if (byteCount + fileBytes <= bytesMax) hold(segment, fileBytes);
    else leftOut += 1;
  }
  return { held, byteCount, leftOut };

  /** The device of those that have announced more whose share is the smallest. */
  function next(): string | undefined {
    let least: string | undefined;
    for (const author of queues.keys()) {
      if (least === undefined) least = author;
      const before = shareOf(author) - shareOf(least);
      if (before < 0 || (before === 0 && author < least)) least = author;
    }
    return least;
  }

  function shareOf(author: string): number {
    return shares.get(author) ?? 0;
  }
}

const newestLast = (left: KnownAnnouncement, right: KnownAnnouncement): number =>
  left.at - right.at || (left.name < right.name ? -1 : 1);
