import { type LogStore, operationCount } from '#sync/log/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { type PledgeBook, sealedFileBytes } from '#sync/segments/index.ts';
import { isCarried, readAnnounced, type Spaces } from '#sync/spaces/index.ts';
import { readHeld } from './held-segments.ts';
import type { RelayOutput } from './operations.ts';

export interface DescribeRelayDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly spaces: Pick<Spaces, 'opened'>;
  readonly book: Pick<PledgeBook, 'isBound'>;
}

/** What this node holds of the spaces that it may not read. */
export async function describeRelay(deps: DescribeRelayDeps): Promise<RelayOutput['spaces']> {
  const { store, logs, spaces, book } = deps;
  const here = await readHeld(store);
  const described: RelayOutput['spaces'] = [];
  for (const [id, space] of await spaces.opened()) {
    if (!isCarried(space)) continue;
    const found = { logCount: 0, operationCount: 0, operationBytes: 0 };
    for (const { author, logId } of space.store.logs()) {
      const head = await logs.tip(author, logId);
      found.logCount += 1;
      found.operationCount += head ? operationCount(head) : 0;
      found.operationBytes += head?.byteCount ?? 0;
    }
    const segments = { announcedCount: 0, heldCount: 0, heldBytes: 0, pledgedCount: 0 };
    for await (const { name, byteCount } of readAnnounced(store, id)) {
      segments.announcedCount += 1;
      const held = here.get(name);
      // Of several sizes that were announced, the one of the file is true.
      if (!held?.isWhole || held.fileBytes !== sealedFileBytes(byteCount)) continue;
      segments.heldCount += 1;
      segments.heldBytes += held.fileBytes;
      if (await book.isBound(name)) segments.pledgedCount += 1;
    }
    described.push({ space: id, name: space.record.name, ...found, ...segments });
  }
  return described;
}
