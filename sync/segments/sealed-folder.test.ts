import { readdir } from 'node:fs/promises';
import { temporaryFolder } from '#tests/support/granary.ts';
import { createNodeSealedFolder } from './adapters/node-sealed-folder.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';
import { describeSealedFolder } from './testing/sealed-folder-contract.ts';

describeSealedFolder('a folder of this machine', async () => {
  const temporary = await temporaryFolder();
  return {
    folder: createNodeSealedFolder(temporary.path),
    fileNames: async () => (await readdir(temporary.path)).sort(),
    close: async () => temporary[Symbol.asyncDispose](),
  };
});

describeSealedFolder('a folder in memory', async () => {
  const folder = createMemorySealedFolder();
  return { folder, fileNames: async () => folder.fileNames(), close: async () => undefined };
});
