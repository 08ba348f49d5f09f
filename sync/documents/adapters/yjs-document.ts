import * as Y from 'yjs';
import { ByteWriter } from '#core/columnar/index.ts';
import { concatBytes, GranaryError } from '#core/kernel/index.ts';
import type { DecodedUpdate } from '../decode-update.ts';
import { MAP_ROOTS, type MapRoot, type RootName, TEXT_ROOT } from '../fields.ts';
import type { AssetDocument, DocumentChanges, DocumentUnit, HasSeen, ItemId, Place } from '../ports.ts';

/** A document that is only read or applied to has no client: no log has this one but by a chance of 2^-53. */
const NO_CLIENT = 0;
const NO_DELETES = Uint8Array.of(0);

/** A document in Yjs. Overwritten values are kept, deleted text is not. */
export const openYjsDocument = (bytes: Uint8Array | undefined): AssetDocument => new YjsDocument(bytes);

function newDoc(): Y.Doc {
  // A name of its own would be drawn from randomness, and nobody asks for it.
  const doc = new Y.Doc({ guid: 'asset', gcFilter: (item) => item.parentSub === null });
  doc.clientID = NO_CLIENT;
  for (const root of MAP_ROOTS) doc.getMap(root);
  doc.getText(TEXT_ROOT);
  return doc;
}

class YjsDocument implements AssetDocument {
  readonly #doc = newDoc();

  constructor(bytes: Uint8Array | undefined) {
    if (bytes) Y.applyUpdate(this.#doc, bytes);
  }

  transact(work: () => void): void {
    // What comes from others is not local: Yjs then keeps no client of its own.
    Y.transact(this.#doc, work, null, false);
  }

  placeOf(id: ItemId): Place | undefined {
    const item = this.#itemOf(id);
    return item && { root: this.#rootOf(item), key: item.parentSub ?? undefined };
  }

  lastSeen({ root, key }: Place, hasSeen: HasSeen): ItemId | undefined {
    const { _map: newest } = this.#doc.share.get(root)!;
    let item = key === undefined ? undefined : newest.get(key);
    for (; item; item = item.left ?? undefined) {
      const { client, clock } = item.id;
      for (let at = item.length - 1; at >= 0; at--) {
        if (hasSeen(client, clock + at)) return { client, clock: clock + at };
      }
    }
    return undefined;
  }

  nextSeen(left: ItemId | undefined, hasSeen: HasSeen): ItemId | undefined {
    const { _start: first } = this.#doc.getText(TEXT_ROOT);
    let item = left ? this.#itemOf(left) : first;
    if (left && item) {
      if (left.clock < item.id.clock + item.length - 1 && hasSeen(left.client, left.clock + 1)) {
        return { client: left.client, clock: left.clock + 1 };
      }
      item = item.right;
    }
    while (item && !hasSeen(item.id.client, item.id.clock)) item = item.right;
    return item ? { client: item.id.client, clock: item.id.clock } : undefined;
  }

  apply(update: DecodedUpdate, isVoid: boolean): void {
    if (!isVoid) return Y.applyUpdate(this.#doc, update.bytes);
    const { client, clock, clockEnd, bytes, itemsByteCount } = update;
    if (client === undefined) return;
    Y.applyUpdate(this.#doc, concatBytes([bytes.subarray(0, itemsByteCount), NO_DELETES]));
    const range = [client, 1, clock, clockEnd - clock];
    const deletes = new ByteWriter().number(0).number(1);
    for (const number of range) deletes.number(number);
    Y.applyUpdate(this.#doc, deletes.finish());
  }

  entries(root: MapRoot, isVoid: (id: ItemId) => boolean): Map<string, unknown> {
    const values = new Map<string, unknown>();
    const { _map: newestOf } = this.#doc.getMap(root);
    for (const [key, newest] of newestOf) {
      const value = newestValue(newest, isVoid);
      if (value !== undefined && value !== null) values.set(key, value);
    }
    return values;
  }

  description(): string {
    return this.#doc.getText(TEXT_ROOT).toString();
  }

  edit(client: number, { entries, description }: DocumentChanges): Uint8Array {
    const copy = newDoc();
    Y.applyUpdate(copy, this.encode());
    // Yjs takes another id of its own whenever it sees operations of the one it has.
    copy.clientID = client;
    const before = Y.encodeStateVector(copy);
    let update: Uint8Array | undefined;
    copy.on('update', (bytes: Uint8Array) => (update = bytes));
    copy.transact(() => {
      for (const { root, key, value } of entries) copy.getMap(root).set(key, value);
      const text = copy.getText(TEXT_ROOT);
      if (description?.removed) text.delete(description.index, description.removed);
      if (description?.inserted) text.insert(description.index, description.inserted);
    });
    if (copy.clientID !== client) {
      throw new GranaryError('INTERNAL', 'Yjs changed the client id of a document while it was written.');
    }
    return update ?? Y.encodeStateAsUpdate(copy, before);
  }

  *units(): Iterable<DocumentUnit> {
    const { clients } = this.#doc.store;
    for (const client of [...clients.keys()].sort((left, right) => left - right)) {
      for (const item of clients.get(client)!) {
        if (!(item instanceof Y.Item)) throw new GranaryError('INTERNAL', 'A document has something without a place.');
        yield* this.#unitsOf(item);
      }
    }
  }

  /** Yjs joins and splits what stands beside each other as it comes; one by one they are the same. */
  *#unitsOf(item: Y.Item): Iterable<DocumentUnit> {
    const { client, clock } = item.id;
    const place = { root: this.#rootOf(item), key: item.parentSub ?? undefined };
    // In maps, marks of deletion mean nothing.
    const values = item.deleted && place.key === undefined ? [] : item.content.getContent();
    for (let at = 0; at < item.length; at++) {
      const left = at === 0 ? item.origin : { client, clock: clock + at - 1 };
      const right = item.rightOrigin;
      yield {
        client,
        clock: clock + at,
        ...place,
        left: left ?? undefined,
        right: right ?? undefined,
        value: values[at],
      };
    }
  }

  encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc);
  }

  #itemOf({ client, clock }: ItemId): Y.Item | undefined {
    const { store } = this.#doc;
    if (clock >= Y.getState(store, client)) return undefined;
    const item = Y.getItem(store, Y.createID(client, clock));
    return item instanceof Y.Item ? item : undefined;
  }

  #rootOf(item: Y.Item): RootName {
    return Y.findRootTypeKey(item.parent as Y.AbstractType<unknown>) as RootName;
  }
}

/** Yjs marks a value as deleted once another follows it, so the marks say nothing of which one counts. */
function newestValue(newest: Y.Item, isVoid: (id: ItemId) => boolean): unknown {
  for (let item: Y.Item | null = newest; item; item = item.left) {
    const values = item.content.getContent();
    for (let at = item.length - 1; at >= 0; at--) {
      if (!isVoid({ client: item.id.client, clock: item.id.clock + at })) return values[at];
    }
  }
  return undefined;
}
