import { fromHex, type Uuid } from '#core/kernel/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { createCoverage, pieceCount } from '#sync/compaction/index.ts';
import type { AssetReplica } from '#sync/documents/index.ts';
import type { Blake3, LogStore } from '#sync/log/index.ts';
import { type KnownSnapshot, placeOf } from './asset-growth.ts';
import { readFollowedOf } from './followed-snapshots.ts';
import type { OpenSpace } from './open-space.ts';
import { readSnapshot } from './snapshot-operations.ts';

interface TakenDeps {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly blake3: Blake3;
}

/**
 * True when a snapshot that is on its way, or followed, stands for all that this node knows of the asset but for what carries
 * snapshots: another one would say the same.
 */
export async function isTaken(
  deps: TakenDeps,
  space: OpenSpace,
  asset: Uuid,
  replica: AssetReplica,
  known: ReadonlyMap<string, KnownSnapshot>,
): Promise<boolean> {
  const followed = await readFollowedOf(deps.store, space.record.space, asset);
  const covered = followed ? [followed.record.covered] : [];
  const places = followed ? [followed.record.snapshot] : [];
  for (const [id, snapshot] of known) {
    if (snapshot.asset !== asset) continue;
    const place = placeOf(id, snapshot);
    const read = await readSnapshot(deps, space, place, { withPieces: false });
    if (read.kind !== 'whole') continue;
    places.push({ ...place, pieces: pieceCount(read.record.byteCount) });
    covered.push(
      read.record.covered.map(({ author, logId, seq }) => ({ author, logId, ranges: [{ seqStart: 0, seqEnd: seq }] })),
    );
  }
  const carriers = places.map(({ author, logId, seq, pieces }) => ({
    covered: [{ author, logId, ranges: [{ seqStart: seq, seqEnd: seq + pieces }] }],
  }));
  const carriesSnapshot = createCoverage(carriers);
  const left = [...replica.operations.values()].flatMap(({ log, seq }) => {
    const place = { log: { author: fromHex(log.author), logId: fromHex(log.logId) }, seq };
    return carriesSnapshot(place.log, seq) ? [] : [place];
  });
  return covered.some((logs) => {
    const covers = createCoverage([{ covered: logs }]);
    return left.every(({ log, seq }) => covers(log, seq));
  });
}
