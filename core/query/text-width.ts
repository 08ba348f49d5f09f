/** Code points that stand over others and take no place of their own. */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\u200b-\u200f\u2060\ufeff]$/u;

/** Code points that take two places in a terminal: the scripts and pictures of Unicode's East Asian Width W and F. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

const characterWidth = (character: string): number =>
  character < '\u0300' ? 1 : ZERO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;

const NARROW_ONLY = /^[\x20-\x7e]*$/;

/** Places a text takes in a terminal. */
export function textWidth(text: string): number {
  if (NARROW_ONLY.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The text cut to at most `widthMax` places, the last of them an ellipsis when something was cut. */
export function cutToWidth(text: string, widthMax: number): string {
  if (text.length <= widthMax && NARROW_ONLY.test(text)) return text;
  if (textWidth(text) <= widthMax) return text;
  let cut = '';
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > widthMax - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Control characters as escapes: what a table holds must not move the cursor, nor turn the direction of the text. */
export const escapeControls = (text: string): string =>
  text.replace(
    CONTROL,
    (character) => SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
