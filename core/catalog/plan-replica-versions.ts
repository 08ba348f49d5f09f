import type { SchemaJson } from '#core/columnar/index.ts';
import { canonicalJson, equalBytes, GranaryError } from '#core/kernel/index.ts';
import type { OriginHead } from './asset.ts';
import type { ReplicaVersion } from './asset-replica.ts';
import type { VersionRecord } from './asset-version.ts';
import type { AssetRecord } from './catalog-asset.ts';
import { countRemoved, sum } from './draft-version.ts';
import { applyChange, deltaWeight, isCheckpointDue } from './manifest.ts';
import type { ManifestReader } from './manifest-reader.ts';
import type { SegmentRef } from './ports.ts';

/** The versions that an asset gets from a space. */
export interface VersionsPlan {
  readonly records: readonly VersionRecord[];
  readonly checkpoints: readonly { readonly version: number; readonly segments: readonly SegmentRef[] }[];
  /** The segments of the last one, when they are at hand. */
  readonly manifest: readonly SegmentRef[] | undefined;
  /** The operation whose rows the asset has then, and the version here that has them. */
  readonly head: OriginHead | undefined;
}

type Change = Pick<VersionRecord, 'added' | 'removed'>;

/**
 * What is to be appended to the versions of an asset for it to have those of a space, with numbers that go on from its own.
 * Versions up to the one that is here already, by its operation or by its rows, are passed over. Errors: `VERSION_CONFLICT`
 * when the first changes a version that is not the present one (hand it in whole), `INPUT_INVALID` when counts or
 * segments do not agree.
 *
 * @param first the record of the present version; undefined before there is one
 */
export async function planReplicaVersions(
  manifests: ManifestReader,
  asset: AssetRecord,
  first: VersionRecord | undefined,
  versions: readonly ReplicaVersion[],
  now: number,
): Promise<VersionsPlan> {
  let head = asset.origin?.head?.version === asset.version ? asset.origin.head : undefined;
  const known = head ? versions.findLastIndex(({ operationId }) => operationId === head?.operationId) : -1;
  let due = versions.slice(known + 1);
  if (due.length === 0) return { records: [], checkpoints: [], manifest: undefined, head };

  /** Undefined while they need not be known; `later` are those that came to them meanwhile. */
  let segments: SegmentRef[] | undefined = asset.segmentCount === 0 ? [] : undefined;
  const later: SegmentRef[] = [];
  const load = async () => (segments ??= [...(await manifests.read(asset.id, first!)), ...later]);

  if (due[0]!.base === null && asset.version > 0) {
    const same = findSame(due, await load(), asset.schema);
    if (same >= 0) head = { operationId: due[same]!.operationId, version: asset.version };
    due = due.slice(same + 1);
  }
  const records: VersionRecord[] = [];
  const checkpoints: VersionsPlan['checkpoints'][number][] = [];
  let parent: Pick<VersionRecord, 'createdAt' | 'checkpointVersion' | 'deltaWeight'> = first ?? START;
  let { version, schema, schemaVersion, rowCount, byteCount, segmentCount } = asset;
  for (const wanted of due) {
    if (wanted.base !== null && wanted.base !== head?.operationId) throw notPresent(asset, wanted);
    const change: Change =
      wanted.base === null && segmentCount > 0
        ? changeBetween(await load(), wanted.added.map(asRemote))
        : { added: wanted.added.map(asRemote), removed: wanted.removed };
    if (change.removed.length > 0) await load();
    const gone = countRemoved(segments, change.removed);
    if (segments && change.removed.length > 0) segments = applyChange(segments, change);
    else for (const added of change.added) (segments ?? later).push(added);

    const parentVersion = version;
    version += 1;
    rowCount += sum(change.added, 'rowCount') - gone.rowCount;
    byteCount += sum(change.added, 'byteCount') - gone.byteCount;
    segmentCount += change.added.length - change.removed.length;
    if (rowCount !== wanted.rowCount || byteCount !== wanted.byteCount) throw miscounted(asset, wanted);
    const schemaChanged = schemaVersion === 0 || !sameSchema(schema, wanted.schema);
    if (schemaChanged) [schema, schemaVersion] = [wanted.schema, version];
    const weight = parent.deltaWeight + deltaWeight(change);
    const checkpoint = isCheckpointDue(weight, segmentCount);
    if (checkpoint) checkpoints.push({ version, segments: [...(await load())] });
    const record: VersionRecord = {
      version,
      parentVersion,
      kind: change.removed.length > 0 ? 'replace' : 'append',
      // Times of versions rise, and another node's clock does not reach into the future of this one.
      createdAt: Math.max(Math.min(wanted.createdAt, now), parent.createdAt + 1),
      rowCount,
      byteCount,
      segmentCount,
      quarantinedCount: 0,
      sources: wanted.sources,
      operationId: wanted.operationId,
      ...change,
      ...(schemaChanged ? { schema } : {}),
      schemaVersion,
      checkpointVersion: checkpoint ? version : parent.checkpointVersion,
      deltaWeight: checkpoint ? 0 : weight,
    };
    records.push(record);
    parent = record;
    head = { operationId: wanted.operationId, version };
  }
  return { records, checkpoints, manifest: segments, head };
}

const START = { createdAt: -1, checkpointVersion: 0, deltaWeight: 0 };

const asRemote = (segment: SegmentRef): SegmentRef => ({ ...segment, remote: true });

const sameSchema = (left: SchemaJson, right: SchemaJson) => equalBytes(canonicalJson(left), canonicalJson(right));

const sameSegments = (left: readonly SegmentRef[], right: readonly SegmentRef[]) =>
  left.length === right.length && left.every(({ id }, i) => id === right[i]!.id);

/** The last of the versions whose rows are those that are present; -1 for none. */
function findSame(versions: readonly ReplicaVersion[], present: readonly SegmentRef[], schema: SchemaJson): number {
  let segments: readonly SegmentRef[] = [];
  let found = -1;
  for (const [i, { base, added, removed, ...wanted }] of versions.entries()) {
    segments = base === null ? added : applyChange(segments, { added, removed });
    if (sameSegments(segments, present) && sameSchema(wanted.schema, schema)) found = i;
  }
  return found;
}

/** What takes the present segments to the wanted ones. Those that stay keep what is known of them here. */
function changeBetween(present: readonly SegmentRef[], wanted: readonly SegmentRef[]): Change {
  let kept = 0;
  const removed: string[] = [];
  for (const { id } of present) {
    if (id === wanted[kept]?.id) kept += 1;
    else removed.push(id);
  }
  const change = { added: wanted.slice(kept), removed };
  // A segment that stands twice is removed where it stands first, which may not be the place that was meant.
  if (sameSegments(applyChange(present, change), wanted)) return change;
  return { added: wanted, removed: present.map(({ id }) => id) };
}

const notPresent = ({ name }: AssetRecord, { operationId, base }: ReplicaVersion) =>
  new GranaryError(
    'VERSION_CONFLICT',
    `The version ${operationId} of the asset ${JSON.stringify(name)} changes the version ${base}, which is not the ` +
      'present one here. Hand it in with all of its segments.',
    { operationId },
  );

const miscounted = ({ name }: AssetRecord, { operationId, rowCount, byteCount }: ReplicaVersion) =>
  new GranaryError(
    'INPUT_INVALID',
    `The version ${operationId} of the asset ${JSON.stringify(name)} claims ${rowCount} rows and ${byteCount} bytes, which ` +
      'its segments do not have.',
    { operationId },
  );
