import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { encodeAssetState } from './encode-state.ts';
import type { DocumentDeps } from './ports.ts';
import type { AssetReplica } from './replica.ts';

const STATE_DOMAIN = toUtf8('granary/asset-state/1');

/** The hash that names a state, of the bytes of `encodeAssetState`. */
export const hashState = (blake3: Blake3, bytes: Uint8Array): Uint8Array => blake3(concatBytes([STATE_DOMAIN, bytes]));

/**
 * The canonical hash of all that later operations build on: every operation in its place, every record, every value and
 * character of the document. Two replicas with one hash, in which nothing waits, fold whatever comes to the same; equal
 * operations give equal hashes, in whatever order they came.
 */
export const hashReplica = (deps: DocumentDeps, state: AssetReplica): Uint8Array =>
  hashState(deps.blake3, encodeAssetState(deps, state));
