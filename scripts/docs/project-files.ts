import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { glob } from 'tinyglobby';

/** The text of the project's own text files by path, with `/` between folders. */
export type ProjectFiles = ReadonlyMap<string, string>;

const TEXT_FILES = ['**/*.{ts,mjs,cjs,json,md,sql,yml,yaml,html,css}', '.ci/*', '.*', 'LICENSE'];
const NOT_OURS = ['**/node_modules/**', '.git/**', 'coverage/**'];

/** Reads the text files under `root`. */
export async function projectFiles(root: string): Promise<ProjectFiles> {
  const paths = await glob(TEXT_FILES, { cwd: root, ignore: NOT_OURS, dot: true });
  const read = async (path: string) => [path, await readFile(join(root, path), 'utf8')] as const;
  return new Map(await Promise.all(paths.toSorted().map(read)));
}
