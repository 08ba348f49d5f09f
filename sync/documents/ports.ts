/** What documents need from outside: a hash, and a CRDT for one asset. */
import type { Blake3 } from '#sync/log/index.ts';
import type { DecodedUpdate } from './decode-update.ts';
import type { MapRoot, RootName, Scalar } from './fields.ts';

/** Names one entry or character: of its author's client, the `clock`-th. */
export interface ItemId {
  readonly client: number;
  readonly clock: number;
}

/** True for what an author had seen. */
export type HasSeen = (client: number, clock: number) => boolean;

/** The list that an entry or a character stands in: all values a key ever had, or the text, which has no key. */
export interface Place {
  readonly root: RootName;
  readonly key: string | undefined;
}

/** One value or character, with all that decides where it stands. */
export interface DocumentUnit extends ItemId, Place {
  /** Its neighbours when it was written. */
  readonly left: ItemId | undefined;
  readonly right: ItemId | undefined;
  /** Undefined for a character that was taken out. */
  readonly value: unknown;
}

/** What changes in a document; all of it is applied in one transaction. */
export interface DocumentChanges {
  /** A key gets another value. */
  readonly entries: readonly { readonly root: MapRoot; readonly key: string; readonly value: Scalar }[];
  /** UTF-16 units of the description are taken out at `index`, and others put in. */
  readonly description: { readonly index: number; readonly removed: number; readonly inserted: string } | undefined;
}

/**
 * The document of one asset. Values that were overwritten stay in it, so that a value comes back when the one that
 * followed it turns out to be void.
 */
export interface AssetDocument {
  /** Runs `work`; what it applies counts as one transaction. */
  transact(work: () => void): void;
  /** Where an item stands; undefined when the document has none of this id. */
  placeOf(id: ItemId): Place | undefined;
  /** The newest value of a key among those that were seen, as the author saw it. */
  lastSeen(place: Place, hasSeen: HasSeen): ItemId | undefined;
  /** The character of the description that follows `left`, or begins it, among those that were seen. */
  nextSeen(left: ItemId | undefined, hasSeen: HasSeen): ItemId | undefined;
  /** Applies an update that was checked; a void one leaves its place and nothing else. */
  apply(update: DecodedUpdate, isVoid: boolean): void;
  /** The value of each key; values whose item is void do not count. */
  entries(root: MapRoot, isVoid: (id: ItemId) => boolean): Map<string, unknown>;
  description(): string;
  /** The update that makes these changes by `client`; the document itself stays as it is. */
  edit(client: number, changes: DocumentChanges): Uint8Array;
  /** All that was ever written, by client and clock: the same for equal operations in any order, as bytes are not. */
  units(): Iterable<DocumentUnit>;
  /** Bytes that {@link OpenDocument} takes. */
  encode(): Uint8Array;
}

/** Opens a document from bytes of this node's own store, or an empty one. */
export type OpenDocument = (bytes: Uint8Array | undefined) => AssetDocument;

export interface DocumentDeps {
  readonly blake3: Blake3;
  readonly openDocument: OpenDocument;
}
