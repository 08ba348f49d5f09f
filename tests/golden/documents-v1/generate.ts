/**
 * Writes the golden files of asset documents, version 1: `node tests/golden/documents-v1/generate.ts`. They are kept so
 * that later versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * `operations.json` holds what three devices say about one asset, content in hexadecimal: Yjs updates and records.
 * `projection.json` holds what all of it together says, and the hash of that.
 */
import { writeFile } from 'node:fs/promises';
import { foldAsset, projectAsset } from '#sync/documents/index.ts';
import { deps } from '#sync/documents/testing/authors.ts';
import { goldenOperations, storedOperation, storedProjection } from '#sync/documents/testing/golden-story.ts';

const write = (name: string, json: unknown) =>
  writeFile(new URL(name, import.meta.url), `${JSON.stringify(json, null, 2)}\n`);

const operations = goldenOperations();
const { state } = foldAsset(deps, undefined, operations);
await write('operations.json', operations.map(storedOperation));
await write('projection.json', storedProjection(projectAsset(deps, state)));
