/**
 * Writes the golden files of bundles, format 1: `node tests/golden/bundle-v1/generate.ts`. They are kept so that later
 * versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * `<case>.bundle` is a bundle, `<case>.json` what a reader lists of it, in hexadecimal. `since` goes on from `plain`;
 * `sealed` opens for the X25519 key whose seed is the BLAKE3 hash of one byte, 1, by a sealing of the tests; `sealed-to-device`,
 * by the one of the product, for the key of the byte 3.
 */
import { writeFile } from 'node:fs/promises';
import { toHex } from '#core/kernel/index.ts';
import { goldenBundles } from '#sync/bundles/testing/golden-bundles.ts';

const { node, files } = await goldenBundles();
for (const [name, bytes] of files) {
  await writeFile(new URL(`${name}.bundle`, import.meta.url), bytes);
  const listing = await node.list(name);
  const text = JSON.stringify(listing, (_, value) => (value instanceof Uint8Array ? toHex(value) : value), 2);
  await writeFile(new URL(`${name}.json`, import.meta.url), `${text}\n`);
}
