/**
 * Writes the golden file of what peers say to each other beside sync, format 1: `node tests/golden/peers-v1/generate.ts`. It
 * is kept so that later versions prove they still speak with older ones; generate anew only to add a case.
 *
 * `frames.json` has requests to join, the verdicts on them, and lists of addresses.
 */
import { writeFile } from 'node:fs/promises';
import { goldenFrames } from '#sync/peers/testing/golden-frames.ts';

await writeFile(new URL('frames.json', import.meta.url), `${JSON.stringify(goldenFrames(), null, 2)}\n`);
