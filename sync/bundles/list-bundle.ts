import { type AbortOptions, toHex } from '#core/kernel/index.ts';
import type { LogTip } from '#sync/reconcile/index.ts';
import type { SealedName } from '#sync/segments/index.ts';
import { type OpenBundle, type OpenDeps, withBundle } from './open-bundle.ts';
import type { BundleFiles } from './ports.ts';

/** What a bundle says it holds. The frontier is signed by the sender; the rest is checked when it is imported. */
export interface BundleListing {
  /** Compare with `bundleSpaceTag`. */
  readonly spaceTag: Uint8Array;
  /** Public key of the device that wrote it. */
  readonly sender: Uint8Array;
  /** By the sender's clock, milliseconds since the UNIX epoch. For display. */
  readonly createdAt: number;
  /** Root of the frontier of the bundle that this one goes on from; undefined when it stands alone. */
  readonly base: Uint8Array | undefined;
  /** Root of the frontier, as reconciliation has it. */
  readonly root: Uint8Array;
  /** The last operation of every log that the sender has. */
  readonly frontier: readonly LogTip[];
  readonly logs: readonly BundledLog[];
  readonly forkProofCount: number;
  readonly segments: readonly BundledSegment[];
  /** Devices it is sealed to; 0 for a plain bundle. */
  readonly recipientCount: number;
  /** Bytes of the file. */
  readonly byteCount: number;
}

/** The operations of one log from `seqStart` on. */
export interface BundledLog {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seqStart: number;
  readonly operationCount: number;
  readonly byteCount: number;
}

export interface BundledSegment {
  readonly name: SealedName;
  /** Bytes of ciphertext; undefined when it was left out because the base has it. */
  readonly byteCount: number | undefined;
}

/**
 * Reads what a bundle holds from its start and its end; takes nothing in.
 * Errors: `BUNDLE_DAMAGED`, `BUNDLE_VERSION`, `BUNDLE_SEALED`, `CANCELLED`, those of the file system.
 */
export const listBundle = (
  deps: OpenDeps & { readonly files: Pick<BundleFiles, 'open'> },
  path: string,
  options: AbortOptions = {},
): Promise<BundleListing> => withBundle(deps, path, options, async (bundle) => listingOf(bundle));

export function listingOf({ header, frontier, index, body }: OpenBundle): BundleListing {
  return {
    spaceTag: header.spaceTag,
    sender: header.sender,
    createdAt: header.createdAt,
    base: header.base[0],
    root: header.root,
    frontier,
    logs: index.logs.map(({ log, ...range }) => ({
      author: frontier[log]!.author,
      logId: frontier[log]!.logId,
      ...range,
    })),
    forkProofCount: index.proofCount,
    segments: index.segments.map(({ name, byteCount }) => ({
      name: toHex(name) as SealedName,
      byteCount: byteCount || undefined,
    })),
    recipientCount: body.recipientCount,
    byteCount: body.fileBytes,
  };
}
