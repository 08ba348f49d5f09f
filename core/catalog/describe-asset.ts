import { GranaryError } from '#core/kernel/index.ts';

/** Characters of a description: a page of text; more belongs in a document. */
export const DESCRIPTION_LENGTH_MAX = 10_000;
/** Tags are for finding an asset among others; nobody filters by more. */
export const TAGS_MAX = 100;
/** A tag is a word or two, not a text. */
export const TAG_LENGTH_MAX = 100;

/** The tags in normal form, without blanks around them, each once, in order. Errors: `INPUT_INVALID`, `LIMIT_EXCEEDED`. */
export function normaliseTags(tags: readonly string[]): string[] {
  const normal = [...new Set(tags.map(normaliseTag))].sort();
  if (normal.length > TAGS_MAX) {
    throw new GranaryError('LIMIT_EXCEEDED', `An asset has at most ${TAGS_MAX} tags, not ${normal.length}.`, {
      limit: TAGS_MAX,
    });
  }
  return normal;
}

/** The description in normal form: an empty one is none. Errors: `INPUT_INVALID`, `LIMIT_EXCEEDED`. */
export function checkDescription(description: string | null): string | null {
  if (description === null || description === '') return null;
  if (!description.isWellFormed())
    throw new GranaryError('INPUT_INVALID', 'The description is not valid Unicode text.');
  if (description.length > DESCRIPTION_LENGTH_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `A description has at most ${DESCRIPTION_LENGTH_MAX} characters, not ${description.length}.`,
      { limit: DESCRIPTION_LENGTH_MAX },
    );
  }
  return description;
}

function normaliseTag(tag: string): string {
  const normal = tag.normalize('NFC').trim();
  if (normal === '' || normal.length > TAG_LENGTH_MAX || /\p{Cc}/u.test(normal) || !normal.isWellFormed()) {
    throw new GranaryError(
      'INPUT_INVALID',
      `The tag ${JSON.stringify(normal.slice(0, TAG_LENGTH_MAX))} cannot be used: ` +
        `a tag is a line of 1 to ${TAG_LENGTH_MAX} characters.`,
    );
  }
  return normal;
}
