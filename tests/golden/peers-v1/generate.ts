/**
 * Writes the golden file of sessions that share a stream, format 1: `node tests/golden/peers-v1/generate.ts`. It is kept so
 * that later versions prove they still speak with older ones; generate anew only to add a case.
 *
 * `sessions.json` has the bindings of some sessions of one stream by their numbers.
 */
import { writeFile } from 'node:fs/promises';
import { goldenSessions } from '#sync/peers/testing/golden-sessions.ts';

await writeFile(new URL('sessions.json', import.meta.url), `${JSON.stringify(goldenSessions(), null, 2)}\n`);
