/**
 * Writes the golden file of what goes over lines, format 1: `node tests/golden/transport-v1/generate.ts`. It is kept so that
 * later versions prove they still speak with older ones; generate anew only to add a case.
 *
 * `wire.json` has frames of growing size by the bytes before their content, and the binding of one stream.
 */
import { writeFile } from 'node:fs/promises';
import { goldenWire } from '#sync/transport/testing/golden-wire.ts';

await writeFile(new URL('wire.json', import.meta.url), `${JSON.stringify(goldenWire(), null, 2)}\n`);
