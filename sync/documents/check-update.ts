/**
 * Whether an update may be applied. The answer depends on the update and on what its author had seen, never on what else
 * has arrived: so every node gives the same one.
 */
import { type DecodedEntry, type DecodedText, type DecodedUpdate, decodeUpdate } from './decode-update.ts';
import { isKeyOf, isMapRoot, isValueOf, TEXT_ROOT } from './fields.ts';
import type { AssetDocument, HasSeen, ItemId, Place } from './ports.ts';
import { orRefusal, type UpdateRefusal, updateRefused } from './update-refused.ts';

/** What is known of the author of an update from its log and from what the operation depends on. */
export interface UpdateAuthor {
  /** See `clientIdOf`. */
  readonly client: number;
  /** Where the last update of this client ended. */
  readonly clock: number;
  /** What the operation's dependencies, those of these and so on, and its own log before it have written. */
  readonly hasSeen: HasSeen;
}

/** Decodes an update in full and checks it. The document is not changed. */
export function checkYjsUpdate(
  document: AssetDocument,
  author: UpdateAuthor,
  bytes: Uint8Array,
): DecodedUpdate | UpdateRefusal {
  return orRefusal(() => {
    const update = decodeUpdate(bytes);
    if (update.client !== undefined && update.client !== author.client) throw updateRefused('client');
    if (update.client !== undefined && update.clock !== author.clock) throw updateRefused('clock');
    const changed = new Set<string>();
    for (const item of update.items) {
      const place = placeIn(document, author, item);
      const name = `${place.root}/${place.key ?? ''}`;
      // What an update says twice about one place its author could have said once.
      if (changed.has(name)) throw updateRefused('origin');
      changed.add(name);
      if (item.kind === 'entry') checkEntry(document, author, item, place);
      else checkText(document, author, item, place);
    }
    for (const { client, end } of update.deletes) {
      if (!author.hasSeen(client, end - 1)) throw updateRefused('delete-range');
    }
    return update;
  });
}

const seen = (author: UpdateAuthor, id: ItemId | undefined): boolean => !id || author.hasSeen(id.client, id.clock);

function placeIn(document: AssetDocument, author: UpdateAuthor, item: DecodedEntry | DecodedText): Place {
  if (!seen(author, item.left) || !seen(author, item.right)) throw updateRefused('origin');
  if (item.root) return { root: item.root, key: item.key };
  const place = document.placeOf((item.left ?? item.right)!);
  if (!place) throw updateRefused('origin');
  return place;
}

/** The new value of a key follows the one that its author saw last. */
function checkEntry(document: AssetDocument, author: UpdateAuthor, item: DecodedEntry, place: Place): void {
  const { root, key } = place;
  if (!isMapRoot(root) || key === undefined || !item.hasKey || !isKeyOf(root, key)) throw updateRefused('parent');
  if (!isValueOf(root, key, item.value)) throw updateRefused('value');
  if (item.right || !sameId(item.left, document.lastSeen(place, author.hasSeen))) throw updateRefused('origin');
}

/** A text stands between two characters that were next to each other when its author saw them. */
function checkText(document: AssetDocument, author: UpdateAuthor, item: DecodedText, { root }: Place): void {
  if (root !== TEXT_ROOT || item.hasKey) throw updateRefused('parent');
  if (item.left && document.placeOf(item.left)?.root !== TEXT_ROOT) throw updateRefused('origin');
  if (!sameId(item.right, document.nextSeen(item.left, author.hasSeen))) throw updateRefused('origin');
}

const sameId = (left: ItemId | undefined, right: ItemId | undefined): boolean =>
  left?.client === right?.client && left?.clock === right?.clock;
