/** What bundles need from outside: a store to read or to fill, files, and keys of recipients. */
import type { FileSystem } from '#core/platform/ports.ts';
import type { AppendOutcome, OperationStore } from '#sync/reconcile/index.ts';
import type { SealedFolder, SealedName } from '#sync/segments/index.ts';
import type { BundleHeader } from './sections.ts';

/** A file that is being written and has no name yet. Errors: `DISK_FULL`, `IO_FAILED`, `FILE_NOT_FOUND`. */
export interface NewFile {
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>;
  /** Gives the file its name, once it has reached the disk; a file of that name is replaced. The file is closed. */
  publish(): Promise<void>;
  /** Closes the file and removes it, also when `publish` failed. */
  discard(): Promise<void>;
}

export interface BundleFiles extends Pick<FileSystem, 'open'> {
  /** Begins a file that is to be found at `path` once it is published. */
  create(path: string): Promise<NewFile>;
}

/** Seals a key of 32 bytes to one device. */
export interface SealKey {
  /** `recipient` is an X25519 public key; returns {@link SEALED_KEY_BYTES} bytes that do not tell whom they are for. */
  sealKeyTo(recipient: Uint8Array, key: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export interface OpenKey {
  /** Undefined when the key was not sealed to this device. */
  openKey(sealed: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** One space to be exported. */
export interface BundleSource {
  /** 32 bytes, as in reconciliation. */
  readonly spaceId: Uint8Array;
  readonly store: Pick<OperationStore, 'tips' | 'operationsFrom' | 'byteCount' | 'forkProof' | 'rank'>;
}

/** Segments to be exported with a space. */
export interface SegmentSource extends Pick<SealedFolder, 'open'> {
  /** `byteCount` is that of the opened segment. The smallest are written first. */
  readonly segments: readonly { readonly name: SealedName; readonly byteCount: number }[];
}

/** One space that takes in what a bundle holds. */
export interface BundleTarget {
  readonly spaceId: Uint8Array;
  readonly store: Pick<OperationStore, 'tip'>;
  /** Checks and keeps operations and proofs of forks, one outcome each; what is stored survives a crash. */
  append(operations: readonly Uint8Array[]): Promise<readonly AppendOutcome[]>;
  /** Where segments go; undefined takes none. Nobody else may hold the partial file of a segment of the bundle. */
  readonly folder: Pick<SealedFolder, 'open' | 'openPartial'> | undefined;
  /** False leaves a segment of the bundle alone. */
  wantsSegment(name: SealedName): boolean | Promise<boolean>;
}

/** The space that a bundle is for, found by {@link isBundleOf}; undefined when it is none of this node. */
export type FindTarget = (header: BundleHeader) => BundleTarget | undefined | Promise<BundleTarget | undefined>;
