import { canonicalJson, fromUtf8, GranaryError } from '#core/kernel/index.ts';
import { checkYjsUpdate } from './check-update.ts';
import { clientIdOf, type LogOfAuthor } from './client-id.ts';
import type { MapRoot, Scalar } from './fields.ts';
import { type AssetFields, projectFields } from './project-fields.ts';
import type { DocumentChanges, DocumentDeps } from './ports.ts';
import { type AssetReplica, clockAfter, documentOf, emptyReplica } from './replica.ts';

/** What the fields shall be; what is absent stays as it is. Tags, error bounds and fields of one's own are given whole. */
export type AssetEdit = { readonly [Field in keyof AssetFields]?: AssetFields[Field] | undefined };

/**
 * The update by which `author` brings the document to what `edit` says; undefined when it says so already. It builds on
 * all that was folded, so its operation must depend on `assetHeads(state)`. Nothing changes until it is folded itself.
 * Errors: `INPUT_INVALID` for a value that a field cannot have, `LIMIT_EXCEEDED` for more than fits into one operation.
 */
export function editAsset(
  deps: DocumentDeps,
  state: AssetReplica | undefined,
  author: LogOfAuthor,
  edit: AssetEdit,
): Uint8Array | undefined {
  const replica = state ?? emptyReplica();
  const log = replica.logsByName.get(`${author.author}/${author.logId}`);
  if (log && log.waiting.length > 0) {
    throw new GranaryError(
      'VERSION_CONFLICT',
      'What this device wrote of the asset before waits for operations of others. Sync, and repeat the change.',
    );
  }
  const changes = planChanges(projectFields(deps.openDocument, replica), edit);
  if (changes.entries.length === 0 && !changes.description) return undefined;
  const client = clientIdOf(deps.blake3, author);
  const document = documentOf(deps.openDocument, replica);
  const update = document.edit(client, changes);
  const clock = log ? clockAfter(log, log.operations.length) : 0;
  const checked = checkYjsUpdate(document, { client, clock, hasSeen: () => true }, update);
  if (checked === 'size') {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `The change of an asset takes ${update.length} bytes. Change less at once.`,
      {
        byteCount: update.length,
      },
    );
  }
  if (typeof checked === 'string') {
    throw new GranaryError('INPUT_INVALID', `The change of an asset cannot be written down: ${checked}.`, {
      reason: checked,
    });
  }
  return update;
}

/** What differs between what is and what shall be. */
function planChanges(now: AssetFields, edit: AssetEdit): DocumentChanges {
  const entries: { root: MapRoot; key: string; value: Scalar }[] = [];
  const set = (root: MapRoot, key: string, value: Scalar) => entries.push({ root, key, value });
  for (const key of ['name', 'assetType', 'storageFormat'] as const) {
    const value = edit[key];
    if (value !== undefined && value !== now[key]) set('fields', key, value);
  }
  if (edit.contract !== undefined) {
    const text = jsonOf(edit.contract);
    if (text !== jsonOf(now.contract)) set('fields', 'contract', edit.contract === null ? null : text);
  }
  if (edit.tags) {
    const tags = new Set(edit.tags);
    for (const tag of tags) if (!now.tags.includes(tag)) set('tags', tag, true);
    for (const tag of now.tags) if (!tags.has(tag)) set('tags', tag, null);
  }
  for (const root of ['maxErrors', 'custom'] as const) {
    const [before, after] = [now[root], edit[root]];
    if (!after) continue;
    for (const [key, value] of Object.entries(after)) {
      if (!Object.hasOwn(before, key) || before[key] !== value) set(root, key, value);
    }
    for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) set(root, key, null);
  }
  return { entries, description: planText(now.description ?? '', edit.description) };
}

const jsonOf = (value: unknown): string => fromUtf8(canonicalJson(value ?? null));

/** The one stretch that differs, so that what others write before and after it stays. */
function planText(now: string, after: string | null | undefined): DocumentChanges['description'] {
  const text = after ?? '';
  if (after === undefined || text === now) return undefined;
  const lengthMax = Math.min(now.length, text.length);
  let start = 0;
  while (start < lengthMax && now[start] === text[start]) start += 1;
  if (isInPair(now, start) || isInPair(text, start)) start -= 1;
  let end = 0;
  while (end < lengthMax - start && now.at(-1 - end) === text.at(-1 - end)) end += 1;
  if (isInPair(now, now.length - end) || isInPair(text, text.length - end)) end -= 1;
  return { index: start, removed: now.length - end - start, inserted: text.slice(start, text.length - end) };
}

/** True between the two halves of a character that UTF-16 needs two units for. */
const isInPair = (text: string, at: number): boolean => {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
};
