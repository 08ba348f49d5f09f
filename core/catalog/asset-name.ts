import { GranaryError } from '#core/kernel/index.ts';

/** Characters (code points) of a name: enough for a path or a sentence, and still one line on a screen. */
export const ASSET_NAME_CHARACTERS_MAX = 255;

/** Control characters, line and paragraph separators, and the marks that make a terminal print text backwards. */
const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/**
 * The name as it is stored: in Unicode's normal form C, so that two ways to type the same letters are one name. Any text
 * of one line will do, also quotes, slashes and SQL keywords. Errors: `ASSET_NAME_INVALID`.
 */
export function normaliseAssetName(name: string): string {
  const normal = name.normalize('NFC');
  if (!normal.isWellFormed()) throw invalid(name, 'is not valid Unicode text');
  if (FORBIDDEN.test(normal)) throw invalid(name, 'holds control characters');
  if (normal.trim() === '') throw invalid(name, 'is empty');
  const length = Array.from(normal).length;
  if (length > ASSET_NAME_CHARACTERS_MAX) {
    throw invalid(name, `has ${length} characters, more than ${ASSET_NAME_CHARACTERS_MAX}`);
  }
  return normal;
}

function invalid(name: string, fault: string): GranaryError {
  const shown = JSON.stringify(Array.from(name.toWellFormed()).slice(0, 60).join(''));
  return new GranaryError('ASSET_NAME_INVALID', `The asset name ${shown} ${fault}. Choose another name.`, {
    name: shown,
  });
}
