import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '#core/kernel/index.ts';
import { decodeAnswer, decodeRequest, encodeSegmentFrame } from './frames.ts';
import { unsealSegment } from './open-sealed.ts';
import { verifySealed } from './sealed-file.ts';
import { decodeSealedSegment, encodeSealedSegment } from './sealed-segment.ts';
import { cipher, createHasher, fileBytes, plainBytes, sealBytes, sourceOf, tree } from './testing/fixtures.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const folder = new URL('../../tests/golden/sealed-v1/', import.meta.url);
const readJson = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.json') && name !== 'frames.json' && name !== 'announcement.json')
  .map((name) => name.slice(0, -'.json'.length));

const fromHex = (digits: string) => Uint8Array.from(Buffer.from(digits, 'hex'));

describe('golden files of sealed segments, format 1', () => {
  test('are all there', () => {
    expect(names).toHaveLength(5);
    expect(readdirSync(folder).filter((name) => name.endsWith('.sealed'))).toHaveLength(4);
  });

  test.each(names)('%s is sealed as it was', async (name) => {
    const says = readJson(name);
    const memory = createMemorySealedFolder();
    const plain = plainBytes(says.byteCount);
    const segment = await sealBytes(memory, plain);
    expect(toHex(encodeSealedSegment(segment))).toBe(says.record);
    const record = decodeSealedSegment(fromHex(says.record));
    expect({ ...record, key: toHex(record.key), record: says.record }).toEqual(says);

    const kept = new URL(`${name}.sealed`, folder);
    if (!existsSync(kept)) return;
    const bytes = Uint8Array.from(readFileSync(kept));
    expect(await fileBytes(memory, segment.name)).toEqual(bytes);
    await verifySealed(tree, sourceOf(bytes), record.name);
    const opened = await Array.fromAsync(unsealSegment({ cipher, createHasher }, sourceOf(bytes), record));
    expect(concatBytes(opened)).toEqual(plain);
  });

  test('frames are read and written as they were', () => {
    const kept = readJson('frames') as string[];
    expect(kept).toHaveLength(10);
    for (const digits of kept) {
      const bytes = fromHex(digits);
      const frame = bytes[0]! < 16 ? decodeRequest(bytes) : decodeAnswer(bytes);
      if (frame.kind === 'fault') throw new Error(`${digits} is refused: ${frame.reason}`);
      expect(toHex(encodeSegmentFrame(frame))).toBe(digits);
    }
    const leaf = decodeAnswer(fromHex(kept[6]!));
    expect(leaf).toMatchObject({ kind: 'leaf', request: 0x01020304, leaf: 70_000 });
  });
});
