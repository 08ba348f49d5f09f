/**
 * Writes the golden files of spaces, format 1: `node tests/golden/space-v1/generate.ts`. They are kept so that later
 * versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * Records of the control log, sealed bodies with a fixed salt, and a ticket; what they say stands in
 * `sync/access/testing/golden-space.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { goldenFiles } from '#sync/access/testing/golden-space.ts';

for (const [name, bytes] of Object.entries(goldenFiles())) {
  await writeFile(new URL(name, import.meta.url), bytes);
}
