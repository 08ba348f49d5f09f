import type { Schema } from 'apache-arrow';
import { schemaFromJson } from '#core/columnar/index.ts';
import {
  type AbortOptions,
  type AssetId,
  GranaryError,
  createMutex,
  canonicalJson,
  readRecord,
} from '#core/kernel/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import { type AssetVersion, toAssetVersion, type VersionRecord } from './asset-version.ts';
import type { AssetOrigin, AssetSpace } from './asset.ts';
import { type AssetReplicaState } from './asset-replica.ts';
import { type ApplyOptions, applyReplicas, type ReplicaOutcome } from './apply-replicas.ts';
import { type AssetRecord, type CatalogAsset, toCatalogAsset } from './catalog-asset.ts';
import {
  commitSegments,
  type CommitOutcome,
  findContent,
  type KnownContent,
  type SegmentCommit,
} from './commit-segments.ts';
import { createAsset, type NewAsset } from './create-asset.ts';
import type { IngestionJob } from './ingestion-job.ts';
import { assetOf, type CatalogEvent, readJournal, readJournalHead } from './journal.ts';
import { ASSETS, JOBS, jobKey, manifestKey, REMOVED_ASSETS, SEGMENTS, segmentPrefix } from './keys.ts';
import { createManifestReader } from './manifest-reader.ts';
import type { SegmentRef } from './ports.ts';
import {
  discardOpenQuarantine,
  listQuarantined,
  openQuarantine,
  type QuarantineList,
  type QuarantineRun,
} from './quarantine.ts';
import {
  type AssetList,
  assetNotFound,
  type AssetQuery,
  listAssets,
  readAsset,
  readAssetByName,
  readAssetNames,
  readAssets,
  readVersion,
} from './read-catalog.ts';
import { assertRowsHere, noteSegments, resolveRemote } from './remote-segments.ts';
import { removeAsset } from './remove-asset.ts';
import { setHead } from './set-head.ts';
import { setOrigin } from './set-origin.ts';
import { type CatalogCore, type CatalogDeps, type ChangeOptions, transact } from './transact.ts';
import { type AssetChanges, updateAsset, type UpdateOptions } from './update-asset.ts';

/** Which version is meant: one by its number, or the one that was current at a time (ms since the UNIX epoch). */
export type VersionSelector = { readonly version: number } | { readonly time: number };

/** A change of an asset, as the journal tells it. */
export interface AssetChange {
  readonly sequence: number;
  readonly assetId: AssetId;
  readonly kind: CatalogEvent['kind'];
  /** True when it came from a space. */
  readonly isReplica: boolean;
}

/** A version with the schema its rows have. */
export interface ResolvedVersion extends AssetVersion {
  readonly schema: Schema;
}

/**
 * What is stored under which name, and how it came to be. Reads see the last commit and never wait; changes wait for each
 * other. Every change is one synced commit with its signed operation and its audit entry.
 */
export interface Catalog {
  createAsset(input: NewAsset, options: ChangeOptions): Promise<CatalogAsset>;
  /** By id, else by exact name. Errors: `ASSET_NOT_FOUND`. */
  getAsset(nameOrId: string): Promise<CatalogAsset>;
  /** Assets by their ids, in one read; those that are not there are left out. */
  getAssets(assetIds: readonly AssetId[]): Promise<ReadonlyMap<AssetId, CatalogAsset>>;
  /** As `getAsset`; then without regard to case, when that fits one asset only. Undefined when there is none. */
  findAsset(name: string): Promise<CatalogAsset | undefined>;
  listAssets(query?: AssetQuery, options?: AbortOptions): Promise<AssetList>;
  /** All names, in order. */
  assetNames(options?: AbortOptions): Promise<readonly string[]>;
  updateAsset(assetId: AssetId, changes: AssetChanges, options: UpdateOptions): Promise<CatalogAsset>;
  removeAsset(assetId: AssetId, options: UpdateOptions): Promise<void>;

  commitSegments(input: SegmentCommit, options: ChangeOptions): Promise<CommitOutcome>;
  /** The version of the asset that took in this content, by its hash. */
  findContent(assetId: AssetId, contentHash: string): Promise<KnownContent | undefined>;
  /** The versions, newest first. Errors: `ASSET_NOT_FOUND`. */
  listVersions(assetId: AssetId, query?: { readonly limit?: number | undefined }): Promise<readonly AssetVersion[]>;
  /**
   * The version that is meant; the current one when `selector` is absent, which is version 0 for an asset without rows.
   * Errors: `ASSET_NOT_FOUND`, `VERSION_NOT_FOUND`.
   */
  resolveAsOf(assetId: AssetId, selector?: VersionSelector): Promise<ResolvedVersion>;
  /**
   * The segments of a version in the order of their rows; those that have not come to this node are marked `remote`.
   * Errors: `ASSET_NOT_FOUND`, `VERSION_NOT_FOUND`.
   */
  getManifest(assetId: AssetId, version: number, options?: AbortOptions): Promise<readonly SegmentRef[]>;

  /** See `set-origin.ts`. */
  setOrigin(assetId: AssetId, space: AssetSpace | null, options: ChangeOptions): Promise<CatalogAsset>;
  /** See `set-head.ts`. */
  setHead(assetId: AssetId, head: NonNullable<AssetOrigin['head']>): Promise<void>;
  /** What a version changed in the segments of its parent. Errors: `ASSET_NOT_FOUND`, `VERSION_NOT_FOUND`. */
  getChange(assetId: AssetId, version: number): Promise<Pick<VersionRecord, 'added' | 'removed'>>;
  /** See `apply-replicas.ts`; the outcomes in the order of the states. */
  applyReplicas(states: readonly AssetReplicaState[], options: ApplyOptions): Promise<readonly ReplicaOutcome[]>;
  /**
   * Notes that segments of an asset have come to this node, with what each file says of itself; from then on they are not
   * `remote`, in whatever version of the asset they stand. Returns the ids that no version names, and those whose counts
   * are not what the current version claims: their rows stay out of reach. Errors: `ASSET_NOT_FOUND`, `SEGMENT_MISSING`
   * when one was taken off the node meanwhile.
   */
  confirmSegments(assetId: AssetId, files: readonly SegmentRef[]): Promise<{ readonly refused: readonly string[] }>;
  /**
   * Takes a segment of an asset off this node: notes that it is not here any more, then calls `remove`. Nothing of the catalog
   * changes meanwhile, and a commit that waits for it finds the rows gone. False when another asset names the segment: then
   * nothing happens. `remove` must not change the catalog. Errors: those of `remove`.
   */
  evictSegment(assetId: AssetId, segmentId: string, remove: () => Promise<void>): Promise<boolean>;
  /** What happened to assets after an entry of the journal, in order. */
  changesAfter(sequence: number, options?: AbortOptions): AsyncIterable<AssetChange>;
  /** The number of the newest entry of the journal; 0 before the first. */
  lastSequence(): Promise<number>;
  /** Calls `listener` after each commit, until the function that comes back is called. */
  onCommit(listener: () => void): () => void;

  /** Whether any version of an asset that is not removed names the segment. */
  isReferenced(segmentId: string): Promise<boolean>;
  /** The assets of which any version names the segment, but for removed ones. */
  assetsNaming(segmentId: string): Promise<AssetId[]>;
  /** Those of them in which the rows of the segment are here; of an asset that has been in no space nothing is said. */
  assetsHolding(segmentId: string): Promise<AssetId[]>;
  /** The ids of all such segments, each once, and of those of removed assets that may come back, see `keepsRows`. */
  referencedSegments(options?: AbortOptions): AsyncIterable<string>;

  openQuarantine(): QuarantineRun;
  /** Errors: `ASSET_NOT_FOUND`. */
  listQuarantined(
    assetId: AssetId,
    query: { readonly limit: number; readonly offset?: number },
    options?: AbortOptions,
  ): Promise<QuarantineList>;
  /** Removes what a crash left of unfinished ingestions. Called at the start, before any of them runs. */
  discardUnfinished(options?: AbortOptions): Promise<{ readonly quarantineRuns: number }>;

  /** Stores the state of a job outside of a commit of rows: when it starts, and when it fails. */
  recordJob(job: IngestionJob, options: ChangeOptions): Promise<void>;
  listJobs(options?: AbortOptions): Promise<readonly IngestionJob[]>;
}

export function createCatalog(deps: CatalogDeps): Catalog {
  const core: CatalogCore = { ...deps, oneAtATime: createMutex(), listeners: new Set() };
  const { store } = core;
  const manifests = createManifestReader(store);

  const requireRecord = async (assetId: AssetId): Promise<AssetRecord> => {
    const record = await readAsset(store, assetId);
    if (!record) throw assetNotFound(assetId);
    return record;
  };

  const requireVersion = async (asset: AssetRecord, version: number): Promise<VersionRecord> => {
    const known = Number.isSafeInteger(version) && version >= 1 && version <= asset.version;
    const record = known ? await readVersion(store, asset.id, version) : undefined;
    if (!record) throw versionNotFound(asset, `no version ${version}`);
    return record;
  };

  /** The last version made at or before `time`: versions of an asset follow each other in time. */
  const versionAt = async (asset: AssetRecord, time: number): Promise<number> => {
    let [low, high] = [0, asset.version];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((await requireVersion(asset, middle)).createdAt <= time) low = middle;
      else high = middle - 1;
    }
    if (low === 0) throw versionNotFound(asset, `no version at ${timeText(time)}`);
    return low;
  };

  const schemaOf = async (asset: AssetRecord, version: number): Promise<Schema> => {
    if (version === 0) return schemaFromJson({ fields: [] });
    const { schema } = await requireVersion(asset, version);
    if (schema) return schemaFromJson(schema);
    throw new GranaryError(
      'JOURNAL_CORRUPT',
      `Version ${version} of the asset ${JSON.stringify(asset.name)} has lost its schema. Restore the home from a backup.`,
    );
  };

  const getManifest: Catalog['getManifest'] = async (assetId, version, options) => {
    const asset = await requireRecord(assetId);
    if (version === 0 && asset.version === 0) return [];
    const segments =
      (version <= asset.version ? manifests.cached(assetId, version) : undefined) ??
      (await manifests.read(assetId, await requireVersion(asset, version), options));
    return resolveRemote(store, assetId, segments);
  };

  const assetsOf = async (segmentId: string, isMeant: (note: Uint8Array) => boolean): Promise<AssetId[]> => {
    const prefix = segmentPrefix(segmentId);
    const assets: AssetId[] = [];
    for await (const [key, note] of store.entries(prefixRange(prefix))) {
      const assetId = key.slice(prefix.length) as AssetId;
      if (isMeant(note) && (await readAsset(store, assetId))) assets.push(assetId);
    }
    return assets;
  };
  const assetsNaming: Catalog['assetsNaming'] = (segmentId) => assetsOf(segmentId, () => true);

  return {
    createAsset: (input, options) => createAsset(core, input, options),
    async getAsset(nameOrId) {
      const record = await readAssetByName(store, nameOrId);
      if (!record) throw assetNotFound(nameOrId);
      return toCatalogAsset(record);
    },
    async findAsset(name) {
      const exact = await readAssetByName(store, name);
      if (exact) return toCatalogAsset(exact);
      const folded = name.normalize('NFC').toLowerCase();
      const alike = (await readAssetNames(store)).filter((other) => other.toLowerCase() === folded);
      const record = alike.length === 1 ? await readAssetByName(store, alike[0]!) : undefined;
      return record && toCatalogAsset(record);
    },
    async getAssets(assetIds) {
      const records = await readAssets(store, assetIds);
      return new Map(records.map((record) => [record.id, toCatalogAsset(record)]));
    },
    listAssets: (query = {}, options) => listAssets(store, query, options),
    assetNames: (options) => readAssetNames(store, options),
    updateAsset: (assetId, changes, options) => updateAsset(core, assetId, changes, options),
    removeAsset: (assetId, options) => removeAsset(core, assetId, options),

    commitSegments: (input, options) => commitSegments(core, manifests, input, options),
    findContent: (assetId, contentHash) => findContent(store, assetId, contentHash),
    async listVersions(assetId, { limit = 1000 } = {}) {
      const asset = await requireRecord(assetId);
      const versions: AssetVersion[] = [];
      const range = { gte: manifestKey(assetId, 1), lt: manifestKey(assetId, asset.version + 1), reverse: true, limit };
      for await (const [key, bytes] of store.entries(range)) {
        versions.push(toAssetVersion(readRecord<VersionRecord>(key, bytes)));
      }
      return versions;
    },
    async resolveAsOf(assetId, selector) {
      const asset = await requireRecord(assetId);
      const number =
        selector === undefined
          ? asset.version
          : 'version' in selector
            ? selector.version
            : await versionAt(asset, selector.time);
      if (number === 0 && asset.version === 0) return { ...emptyVersion(asset), schema: await schemaOf(asset, 0) };
      const record = await requireVersion(asset, number);
      return { ...toAssetVersion(record), schema: await schemaOf(asset, record.schemaVersion) };
    },
    getManifest,

    setHead: (assetId, head) => setHead(core, assetId, head),
    async getChange(assetId, version) {
      const { added, removed } = await requireVersion(await requireRecord(assetId), version);
      return { added, removed };
    },
    setOrigin: (assetId, space, options) => setOrigin(core, assetId, space, options),
    applyReplicas: (states, options) => applyReplicas(core, manifests, states, options),
    confirmSegments: (assetId, files) =>
      core.oneAtATime(async () => {
        const { name, version } = await requireRecord(assetId);
        await assertRowsHere(core, name, files);
        const notes = files.map((file) => ({ id: file.id, file }));
        const unnamed = await noteSegments(store, assetId, notes);
        const given = new Set(files.map(({ id }) => id));
        const claimed = (await getManifest(assetId, version)).filter(({ id, remote }) => remote && given.has(id));
        return { refused: [...new Set([...unnamed, ...claimed.map(({ id }) => id)])] };
      }),
    evictSegment: (assetId, segmentId, remove) =>
      core.oneAtATime(async () => {
        const isAlone = (await assetsNaming(segmentId)).every((id) => id === assetId);
        if (!isAlone) return false;
        // First the note: a file that the catalog does not count on does no harm, one that is missing does.
        await noteSegments(store, assetId, [{ id: segmentId, file: undefined }]);
        await remove();
        return true;
      }),
    async *changesAfter(sequence, options) {
      for await (const entry of readJournal(store, sequence + 1, options)) {
        const assetId = assetOf(entry);
        if (assetId === undefined) continue;
        yield { sequence: entry.sequence, assetId, kind: entry.kind, isReplica: entry.replica ?? false };
      }
    },
    lastSequence: async () => (await readJournalHead(store)).sequence,
    onCommit(listener) {
      core.listeners.add(listener);
      return () => void core.listeners.delete(listener);
    },

    isReferenced: async (segmentId) => (await assetsNaming(segmentId)).length > 0,
    assetsNaming,
    assetsHolding: (segmentId) => assetsOf(segmentId, (note) => note.length > 0),
    async *referencedSegments(options) {
      const live = new Set<string>();
      for await (const [key] of store.entries(prefixRange(ASSETS), options)) live.add(key.slice(ASSETS.length));
      for await (const [key, bytes] of store.entries(prefixRange(REMOVED_ASSETS), options)) {
        if (readRecord<AssetRecord>(key, bytes).keepsRows) live.add(key.slice(REMOVED_ASSETS.length));
      }
      let last: string | undefined;
      for await (const [key] of store.entries(prefixRange(SEGMENTS), options)) {
        const slash = key.lastIndexOf('/');
        const segment = key.slice(SEGMENTS.length, slash);
        if (segment === last || !live.has(key.slice(slash + 1))) continue;
        last = segment;
        yield decodeURIComponent(segment);
      }
    },

    openQuarantine: () => openQuarantine(core),
    async listQuarantined(assetId, query, options) {
      await requireRecord(assetId);
      return listQuarantined(store, assetId, query, options);
    },
    discardUnfinished: async (options) => ({ quarantineRuns: await discardOpenQuarantine(store, options) }),

    recordJob: (job, options) =>
      transact(core, options, async (draft) => {
        draft.commit.put(jobKey(job.id), canonicalJson(job));
        draft.events.push({ kind: 'job-recorded', job });
      }),
    async listJobs(options) {
      const jobs: IngestionJob[] = [];
      for await (const [key, bytes] of store.entries(prefixRange(JOBS), options)) jobs.push(readRecord(key, bytes));
      return jobs;
    },
  };
}

const emptyVersion = (asset: AssetRecord): AssetVersion => ({
  version: 0,
  parentVersion: 0,
  kind: 'append',
  createdAt: asset.createdAt,
  rowCount: 0,
  byteCount: 0,
  segmentCount: 0,
  segmentsAdded: 0,
  segmentsRemoved: 0,
  rowsAdded: 0,
  quarantinedCount: 0,
  sources: [],
  operationId: null,
});

/** A time from outside can lie where no calendar reaches. */
const timeText = (time: number) => (Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : `${time} ms since 1970`);

function versionNotFound(asset: AssetRecord, what: string): GranaryError {
  const extent = asset.version === 0 ? 'It has no versions yet.' : `It has the versions 1 to ${asset.version}.`;
  return new GranaryError('VERSION_NOT_FOUND', `The asset ${JSON.stringify(asset.name)} has ${what}. ${extent}`, {
    name: asset.name,
    version: asset.version,
  });
}
