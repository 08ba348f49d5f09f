export { openYjsDocument } from './adapters/yjs-document.ts';
export { checkYjsUpdate, type UpdateAuthor } from './check-update.ts';
export { clientIdOf, type LogOfAuthor } from './client-id.ts';
export { type AssetEdit, editAsset } from './edit-asset.ts';
export { decodeAssetReplica, encodeAssetReplica } from './encode-replica.ts';
export { encodeVersion, type VersionInput } from './encode-version.ts';
export { type AssetRefusal, DOCUMENT_SCHEMA, foldAsset, type FoldResult, type RefusedOperation } from './fold-asset.ts';
export { decodeAssetState } from './decode-state.ts';
export { encodeAssetState } from './encode-state.ts';
export { isFoldedRecord } from './fold-record.ts';
export { hashReplica, hashState } from './hash-replica.ts';
export * from './limits.ts';
export { type AssetEdge, encodeEdge, LINEAGE_SCHEMA } from './lineage-record.ts';
export { fittingVersions, manifestOf, type ManifestOutcome, schemaOf } from './manifest-of.ts';
export type { AssetDocument, DocumentDeps, OpenDocument } from './ports.ts';
export {
  type AssetProjection,
  type AssetRemoval,
  hashProjection,
  projectAsset,
  type VersionFacts,
} from './project-asset.ts';
export { encodeRemoval, REMOVAL_SCHEMA, type RemovalRecord } from './removal-record.ts';
export { assetHeads, type AssetOperation, type AssetReplica, dropWaiting, waitingOperations } from './replica.ts';
export { decodeSealed, VERSION_SCHEMA } from './version-record.ts';
export type { AssetFields } from './project-fields.ts';
