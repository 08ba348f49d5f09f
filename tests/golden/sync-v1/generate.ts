/**
 * Writes the golden files of the sync protocol, version 1: `node tests/golden/sync-v1/generate.ts`. They are kept so that
 * later versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * `<case>.json` holds in hexadecimal what one session is made of: space, nonce and binding, the raw operations of both
 * sides before it, the root both have after it, and every frame of each side in order.
 */
import { writeFile } from 'node:fs/promises';
import { toHex } from '#core/kernel/index.ts';
import { playGoldenSession, goldenCases } from '#sync/reconcile/testing/golden-sessions.ts';

for (const [name, prepare] of Object.entries(goldenCases)) {
  const played = await playGoldenSession(await prepare());
  const text = JSON.stringify(played, (_, value) => (value instanceof Uint8Array ? toHex(value) : value), 2);
  await writeFile(new URL(`${name}.json`, import.meta.url), `${text}\n`);
}
