/**
 * Writes the golden files of what peers say to each other, format 1: `node tests/golden/peers-v1/generate.ts`. They are kept
 * so that later versions prove they still speak with older ones; generate anew only to add a case.
 *
 * `frames.json` has requests to join, the verdicts on them, and lists of addresses; `sessions.json` the bindings of some
 * sessions of one stream by their numbers.
 */
import { writeFile } from 'node:fs/promises';
import { goldenFrames } from '#sync/peers/testing/golden-frames.ts';
import { goldenSessions } from '#sync/peers/testing/golden-sessions.ts';

for (const [name, golden] of Object.entries({ frames: goldenFrames(), sessions: goldenSessions() })) {
  await writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(golden, null, 2)}\n`);
}
