/**
 * Writes the golden files of sealed segments, format 1: `node tests/golden/sealed-v1/generate.ts`. They are kept so that
 * later versions prove they still read and write the same bytes; generate anew only to add a case.
 *
 * Each case is `<name>.json`, the record of a segment whose bytes are those of `plainBytes`, and the sealed file itself as
 * `<name>.sealed` where it is small. `frames.json` has one frame of every kind, in hexadecimal.
 */
import { writeFile } from 'node:fs/promises';
import { toHex } from '#core/kernel/index.ts';
import { type AnswerFrame, encodeSegmentFrame, type RequestFrame } from '#sync/segments/frames.ts';
import { encodeSealedSegment, type SealedName } from '#sync/segments/index.ts';
import { fileBytes, plainBytes, sealBytes } from '#sync/segments/testing/fixtures.ts';
import { createMemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';

const KEPT_BYTES_MAX = 64 * 1024;
const LEAF_PLAIN_BYTES = 16_368;

const cases: Record<string, number> = {
  empty: 0,
  'one-byte': 1,
  'one-full-leaf': LEAF_PLAIN_BYTES,
  'two-leaves': LEAF_PLAIN_BYTES + 1,
  'two-pages': LEAF_PLAIN_BYTES * 512 + 1,
};

const save = (name: string, value: unknown) =>
  writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(value, null, 2)}\n`);

for (const [caseName, byteCount] of Object.entries(cases)) {
  const folder = createMemorySealedFolder();
  const segment = await sealBytes(folder, plainBytes(byteCount));
  const { name, key, hash } = segment;
  await save(caseName, { name, key: toHex(key), hash, byteCount, record: toHex(encodeSealedSegment(segment)) });
  const bytes = await fileBytes(folder, name);
  if (bytes.length <= KEPT_BYTES_MAX) await writeFile(new URL(`${caseName}.sealed`, import.meta.url), bytes);
}

const name = '0123456789abcdef'.repeat(4) as SealedName;
const request = 0x01020304;
const frames: readonly (RequestFrame | AnswerFrame)[] = [
  { kind: 'get-root', request, name },
  { kind: 'get-page', request, name, page: 8191 },
  { kind: 'get-leaves', request, name, first: 70_000, count: 32 },
  { kind: 'cancel', request },
  { kind: 'root', request, rootRecord: Uint8Array.from({ length: 40 }, (_, i) => i) },
  { kind: 'page', request, leafHashes: Uint8Array.from({ length: 64 }, (_, i) => 255 - i) },
  { kind: 'leaf', request, leaf: 70_000, bytes: Uint8Array.from({ length: 17 }, (_, i) => 7 * i) },
  { kind: 'end', request },
  { kind: 'refused', request, reason: 'unavailable' },
  { kind: 'refused', request, reason: 'failed' },
];
await save(
  'frames',
  frames.map((frame) => toHex(encodeSegmentFrame(frame))),
);
