/**
 * Writes the golden files of compaction, format 1: `node tests/golden/compaction-v1/generate.ts`. They are kept so that later
 * versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * Records with fixed values, and the snapshot of the story in `documents-v1`; what they say stands in
 * `sync/compaction/testing/golden-snapshot.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { goldenFiles } from '#sync/compaction/testing/golden-snapshot.ts';

for (const [name, bytes] of Object.entries(goldenFiles())) {
  await writeFile(new URL(name, import.meta.url), bytes);
}
