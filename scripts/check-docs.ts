/**
 * Checks the documents against the code, and with `--write` brings the generated pages up to date:
 * `docs/errors.md` from the error codes, `docs/limits.md` from the exported limits.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '#core/kernel/index.ts';
import { findBannedWords } from './docs/banned-words.ts';
import { renderErrorsPage } from './docs/errors-page.ts';
import { findBrokenLinks } from './docs/links.ts';
import { findLimits, findLimitsWithoutReason, renderLimitsPage } from './docs/limits-page.ts';
import { projectFiles } from './docs/project-files.ts';
import { root } from './run-tool.ts';

const files = await projectFiles(root);
const limits = findLimits(files);
const pages = {
  'docs/errors.md': renderErrorsPage(ERROR_CODES),
  'docs/limits.md': renderLimitsPage(limits),
};

const faults = [...findLimitsWithoutReason(limits), ...findBrokenLinks(files), ...findBannedWords(files)];
for (const [path, text] of Object.entries(pages)) {
  const place = join(root, path);
  if (process.argv.includes('--write')) writeFileSync(place, text);
  else if (!existsSync(place) || readFileSync(place, 'utf8') !== text) {
    faults.push(`${path} does not say what the code says. Run: node scripts/check-docs.ts --write`);
  }
}
for (const fault of faults) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
