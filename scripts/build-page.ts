/**
 * `npm run build:page`: the page that shows a segment, as one HTML file that a browser opens from disk, without a server
 * and without a network: renderer/segment-page/segment-page.html.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleForBrowser } from './bundle.ts';
import { root } from './run-tool.ts';

const FOLDER = join(root, 'renderer/segment-page');
export const SEGMENT_PAGE = join(FOLDER, 'segment-page.html');

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Only our own script and style run, named by their hashes; nothing can be fetched or sent. WASM is our codec. */
const policy = (script: string, style: string): string =>
  [
    `default-src 'none'`,
    `script-src ${hash(script)} 'wasm-unsafe-eval'`,
    `style-src ${hash(style)}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');

/** Writes the page and returns its path. */
export async function buildPage(target = SEGMENT_PAGE): Promise<string> {
  const [template, style, code] = await Promise.all([
    readFile(join(FOLDER, 'index.html'), 'utf8'),
    readFile(join(FOLDER, 'style.css'), 'utf8'),
    bundleForBrowser('renderer/segment-page/main.ts'),
  ]);
  // In a script element only these end it early, or hide its end.
  const script = code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
  const parts: Readonly<Record<string, string>> = {
    policy: `<meta http-equiv="Content-Security-Policy" content="${policy(script, style)}" />`,
    style: `<style>${style}</style>`,
    script: `<script>${script}</script>`,
  };
  await writeFile(
    target,
    template.replaceAll(/<!-- (policy|style|script) -->/g, (_, name: string) => parts[name]!),
  );
  return target;
}

if (import.meta.main) {
  const path = await buildPage();
  console.log(`Open this in a browser: ${pathToFileURL(path).href}`);
}
