import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../run-tool.ts';
import type { ProjectFiles } from './project-files.ts';

const LINK = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;
const CODE = /```[\s\S]*?```|`[^`\n]*`/g;
const HEADING = /^#{1,6} +(.+)$/gm;

/** Links between documents that lead nowhere: a missing file, or a missing heading in a document. */
export function findBrokenLinks(files: ProjectFiles): string[] {
  const documents = [...files].filter(([path]) => path.endsWith('.md'));
  return documents.flatMap(([path, text]) =>
    [...text.replaceAll(CODE, '').matchAll(LINK)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(files, path, target))
      .map((target) => `${path}: the link to ${target} leads nowhere.`),
  );
}

function leadsSomewhere(files: ProjectFiles, from: string, target: string): boolean {
  const [relative, anchor] = target.split('#');
  const path = relative ? posix.join(posix.dirname(from), decodeURI(relative)) : from;
  const text = files.get(path);
  if (path.startsWith('..') || (text === undefined && !existsSync(join(root, path)))) return false;
  return anchor === undefined || text === undefined || anchorsOf(text).has(anchor);
}

/** The anchors GitHub makes of headings: lower case, spaces to hyphens, other marks dropped. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(HEADING)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}
