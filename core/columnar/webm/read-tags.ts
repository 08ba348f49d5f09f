import { GranaryError } from '#core/kernel/index.ts';
import { TAGS_MAX } from '../limits.ts';
import { EBML, readChildren } from './ebml.ts';
import type { Tags } from './header-json.ts';

// Tag strings are compared byte by byte through a checksum: a byte order mark must not get lost.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of an element. Errors: `FORMAT_INVALID`. */
export function readText(bytes: Uint8Array, range: { start: number; end: number }): string {
  try {
    return decoder.decode(bytes.subarray(range.start, range.end));
  } catch (error) {
    throw new GranaryError('FORMAT_INVALID', 'A text of the header is not UTF-8.', {}, { cause: error });
  }
}

/** The names and texts of a whole Tags element in order. Errors: `FORMAT_INVALID`. */
export function readTags(bytes: Uint8Array, element: { start: number; end: number }): Tags {
  const tags: [string, string][] = [];
  for (const tag of readChildren(bytes, element)) {
    if (tag.id !== EBML.tag) continue;
    for (const simple of readChildren(bytes, tag)) {
      if (simple.id !== EBML.simpleTag) continue;
      let name = '';
      let text = '';
      for (const part of readChildren(bytes, simple)) {
        if (part.id === EBML.tagName) name = readText(bytes, part);
        if (part.id === EBML.tagString) text = readText(bytes, part);
      }
      tags.push([name, text]);
      if (tags.length > TAGS_MAX)
        throw new GranaryError('FORMAT_INVALID', `The file has more than ${TAGS_MAX} tags.`, { limit: TAGS_MAX });
    }
  }
  return tags;
}
