import { sequenceKey } from '#core/audit/index.ts';

/**
 * Where the catalog keeps what in the node's store. Ids are UUIDs and stand as they are; names and hashes come from
 * outside and are percent-encoded, so that no text can step out of its place.
 *
 * | key                                     | value                                                            |
 * | --------------------------------------- | ---------------------------------------------------------------- |
 * | `journal/<sequence>`                    | an entry of the journal                                          |
 * | `journal-head`                          | number and time of the newest entry                              |
 * | `asset/<asset>`                         | the asset at its current version                                 |
 * | `asset-name/<name>`                     | the id of the asset of this name                                 |
 * | `asset-removed/<asset>`                 | the asset as it was when it was removed                          |
 * | `manifest/<asset>/<version>`            | what the version changed                                         |
 * | `manifest-checkpoint/<asset>/<version>` | all segments of the version                                      |
 * | `content/<asset>/<content hash>`        | the version that took this content in                            |
 * | `segment/<segment>/<asset>`             | some version of the asset names the segment: nothing, or what    |
 * |                                         | the file says of itself when the asset is in a space and it is   |
 * |                                         | here                                                             |
 * | `edge/<asset>/<edge>`                   | nothing: the edge is recorded                                    |
 * | `job/<job>`                             | an ingestion job                                                 |
 * | `quarantine/<run>/<number>`             | a row set aside                                                  |
 * | `quarantine-open/<run>`                 | nothing: the run belongs to no version yet                       |
 * | `quarantine-run/<asset>/<version>`      | the run whose rows the version set aside, and how many           |
 */
export const JOURNAL = 'journal/';
export const JOURNAL_HEAD = 'journal-head';
export const ASSETS = 'asset/';
export const REMOVED_ASSETS = 'asset-removed/';
export const ASSET_NAMES = 'asset-name/';
export const SEGMENTS = 'segment/';
export const JOBS = 'job/';
export const QUARANTINE_OPEN = 'quarantine-open/';

export const journalKey = (sequence: number) => JOURNAL + sequenceKey(sequence);
export const assetKey = (assetId: string) => ASSETS + assetId;
export const assetNameKey = (name: string) => ASSET_NAMES + encodeURIComponent(name);
export const removedAssetKey = (assetId: string) => REMOVED_ASSETS + assetId;
export const manifestPrefix = (assetId: string) => `manifest/${assetId}/`;
export const manifestKey = (assetId: string, version: number) => manifestPrefix(assetId) + sequenceKey(version);
export const checkpointKey = (assetId: string, version: number) =>
  `manifest-checkpoint/${assetId}/${sequenceKey(version)}`;
export const contentKey = (assetId: string, contentHash: string) =>
  `content/${assetId}/${encodeURIComponent(contentHash)}`;
export const segmentPrefix = (segmentId: string) => `${SEGMENTS}${encodeURIComponent(segmentId)}/`;
export const segmentKey = (segmentId: string, assetId: string) => segmentPrefix(segmentId) + assetId;
/** Segments of an asset whose files were removed from this node, whoever made them. */
export const evictedPrefix = (assetId: string) => `segment-evicted/${assetId}/`;
export const evictedKey = (assetId: string, segmentId: string) =>
  evictedPrefix(assetId) + encodeURIComponent(segmentId);
export const edgeKey = (assetId: string, edgeId: string) => `edge/${assetId}/${edgeId}`;
export const jobKey = (jobId: string) => JOBS + jobId;
export const quarantinePrefix = (runId: string) => `quarantine/${runId}/`;
export const quarantineKey = (runId: string, number: number) => quarantinePrefix(runId) + sequenceKey(number);
export const quarantineOpenKey = (runId: string) => QUARANTINE_OPEN + runId;
export const quarantineRunPrefix = (assetId: string) => `quarantine-run/${assetId}/`;
export const quarantineRunKey = (assetId: string, version: number) =>
  quarantineRunPrefix(assetId) + sequenceKey(version);
