import type { ProjectFiles } from './project-files.ts';

/** What must not stand in the repository, and what to do instead. */
const BANNED: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  {
    pattern: /(?<![\w.~-])\/(?:work|root|Users)\/\w[^\s'"`)]*|\/tmp\/n24\b/,
    instead: 'a path of one machine; use a path relative to the project or a temporary folder',
  },
  { pattern: /https?:\/\/[^\s/'"]*\bregistry\b[^\s/'"]*/, instead: "a registry's host; npm knows its registry" },
  { pattern: /\b(?:TODO|FIXME)\b/, instead: 'a promise; do it or leave it out' },
  { pattern: /\bissue #?\d+\b/i, instead: 'an issue number; say what is meant' },
];

const THIS_FILE = 'scripts/docs/banned-words.ts';

/** Lines with something that must not stand in the repository. */
export function findBannedWords(files: ProjectFiles): string[] {
  const faults: string[] = [];
  for (const [path, text] of files) {
    if (path === THIS_FILE) continue;
    for (const { pattern, instead } of BANNED) {
      const found = pattern.exec(text);
      if (!found) continue;
      const line = text.slice(0, found.index).split('\n').length;
      faults.push(`${path}:${line}: “${found[0]}” is ${instead}.`);
    }
  }
  return faults;
}
