/**
 * Writes the golden files of pledges, format 1: `node tests/golden/pledge-v1/generate.ts`. They are kept so that later
 * versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * `pledges.json` has one pledge for each sealed segment: its bytes, the proof and the leaves that were challenged; the
 * segments are those of `plainBytes`, sealed as in `sealed-v1`. `frames.json` has one frame of every kind, in hexadecimal.
 */
import { writeFile } from 'node:fs/promises';
import { toHex } from '#core/kernel/index.ts';
import { encodeAsk, encodePledgeAnswer } from '#sync/segments/pledge-frames.ts';
import { goldenPledge, goldenTerms } from '#sync/segments/testing/golden-pledges.ts';

const save = (name: string, value: unknown) =>
  writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(value, null, 2)}\n`);

const pledges = [];
for (const byteCount of [0, 16_369, 16_368 * 40]) pledges.push(await goldenPledge(byteCount));
await save('pledges', pledges);

const name = pledges[0]!.name;
const { nonce, until } = goldenTerms(name);
const bytes = (byteCount: number) => Uint8Array.from({ length: byteCount }, (_, i) => i);
await save(
  'frames',
  [
    encodeAsk({ nonce, until, names: pledges.map((pledge) => pledge.name) }),
    encodePledgeAnswer({ kind: 'pledged', proof: bytes(32), signature: bytes(64) }),
    ...(['unavailable', 'leaving', 'period', 'failed'] as const).map((reason) =>
      encodePledgeAnswer({ kind: 'declined', reason }),
    ),
  ].map(toHex),
);
