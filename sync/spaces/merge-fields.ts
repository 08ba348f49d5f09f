/** What a person changed here, brought together with what others changed meanwhile. */
import { canonicalJson, equalBytes } from '#core/kernel/index.ts';
import type { AssetEdit, AssetFields } from '#sync/documents/index.ts';
import type { SharedFields } from './shared-asset.ts';

/**
 * What has to be said so that the space has what was changed from `told` to `fields`, and keeps what `known` has besides.
 * Undefined when nothing was changed. Without `told` everything is said.
 */
export function mergeFields(
  told: SharedFields | undefined,
  fields: SharedFields,
  known: AssetFields | undefined,
): AssetEdit | undefined {
  const base = told ?? NOTHING_TOLD;
  const isChanged = (name: keyof SharedFields) => !told || !isEqual(told[name] ?? NOTHING, fields[name] ?? NOTHING);
  const { name, description, assetType, storageFormat } = fields;
  const edit: AssetEdit = {
    ...(isChanged('name') && { name }),
    ...(isChanged('assetType') && { assetType }),
    ...(isChanged('storageFormat') && { storageFormat }),
    ...(isChanged('description') && {
      description: mergeText(base.description ?? '', description ?? '', known?.description ?? ''),
    }),
    ...(isChanged('tags') && { tags: mergeTags(base.tags, fields.tags, known?.tags ?? []) }),
    ...(isChanged('maxErrors') && {
      maxErrors: mergeBounds(base.maxErrors ?? {}, fields.maxErrors ?? {}, known?.maxErrors ?? {}),
    }),
  };
  return Object.keys(edit).length > 0 ? edit : undefined;
}

const NOTHING = {};
const NOTHING_TOLD = { description: null, tags: [], maxErrors: {} };

const isEqual = (left: unknown, right: unknown): boolean => equalBytes(canonicalJson(left), canonicalJson(right));

function mergeTags(before: readonly string[], after: readonly string[], others: readonly string[]): string[] {
  const removed = new Set(before.filter((tag) => !after.includes(tag)));
  return [...new Set([...others, ...after.filter((tag) => !before.includes(tag))])].filter((tag) => !removed.has(tag));
}

type Bounds = AssetFields['maxErrors'];

function mergeBounds(before: Bounds, after: Bounds, others: Bounds): Bounds {
  const merged = new Map(Object.entries(others));
  for (const column of Object.keys(before)) if (!Object.hasOwn(after, column)) merged.delete(column);
  for (const [column, bound] of Object.entries(after)) if (before[column] !== bound) merged.set(column, bound);
  return Object.fromEntries(merged);
}

/** One stretch of a text that became another. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Both changes of a text where they lie apart; where they do not, the one that was made here. */
export function mergeText(before: string, after: string, others: string): string {
  if (after === others) return after;
  const [ours, theirs] = [changeBetween(before, after), changeBetween(before, others)];
  if (ours.end <= theirs.start) return apply(apply(before, theirs), ours);
  if (theirs.end <= ours.start) return apply(apply(before, ours), theirs);
  return after;
}

const apply = (text: string, change: Change): string =>
  text.slice(0, change.start) + change.text + text.slice(change.end);

function changeBetween(before: string, after: string): Change {
  const lengthMax = Math.min(before.length, after.length);
  let start = 0;
  while (start < lengthMax && before[start] === after[start]) start += 1;
  if (isInPair(before, start) || isInPair(after, start)) start -= 1;
  let end = 0;
  while (end < lengthMax - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (isInPair(before, before.length - end) || isInPair(after, after.length - end)) end -= 1;
  return { start, end: before.length - end, text: after.slice(start, after.length - end) };
}

/** True between the two halves of a character that UTF-16 needs two units for. */
function isInPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
