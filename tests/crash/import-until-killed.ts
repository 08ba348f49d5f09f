// A process to be killed. It takes a bundle into a store and a folder of this machine and tells how far it is.
//
// usage: node import-until-killed.ts BUNDLE STORE FOLDER
import { writeSync } from 'node:fs';
import { createBlake3Hasher } from '#core/columnar/adapters/blake3.ts';
import { openLevelStore } from '#core/platform/index.ts';
import { createNodeBundleFiles } from '#sync/bundles/adapters/node-bundle-files.ts';
import { importBundle } from '#sync/bundles/index.ts';
import { bundleSpace } from '#sync/bundles/testing/bundle-space.ts';
import { SPACE_ID } from '#sync/bundles/testing/bundle-world.ts';
import { openLogStore } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { nodeLeafCipher } from '#sync/segments/adapters/node-leaf-cipher.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';

const [bundle, location, folder] = process.argv.slice(2) as [string, string, string];
const store = await openLevelStore(location);
const logs = await openLogStore({ store, blake3, ed25519 });
const space = bundleSpace(logs, SPACE_ID, { folder: createNodeSealedFolder(folder) });
const deps = {
  files: createNodeBundleFiles(),
  blake3,
  ed25519,
  createHasher: createBlake3Hasher,
  cipher: nodeLeafCipher,
};
const report = await importBundle(deps, () => space, bundle, {
  report: ({ done }) => writeSync(1, `${done}\n`),
});
const { storedCount, knownCount, missingOperations, missingSegments, segments } = report;
writeSync(1, `${JSON.stringify({ storedCount, knownCount, missingOperations, missingSegments, segments })}\n`);
await store.close();
