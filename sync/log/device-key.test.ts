import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNodeFileSystem } from '#core/platform/index.ts';
import { readNodeFileMode } from './adapters/node-file-mode.ts';
import { deviceKeyOf, keyFingerprint, openDeviceKey } from './device-key.ts';
import { blake3, countingRandom, ed25519 } from './testing/fixtures.ts';

const message = Uint8Array.of(1, 2, 3);
const invalid = expect.objectContaining({ code: 'KEY_INVALID' });

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-device-key-'));
  path = join(folder, 'device.key');
});
afterEach(() => rm(folder, { recursive: true }));

const open = (mayCreate = true) =>
  openDeviceKey(
    { files: createNodeFileSystem(), readFileMode: readNodeFileMode, random: countingRandom(), ed25519, blake3 },
    { path, mayCreate },
  );

test('the first start creates the key, for its owner alone', async () => {
  const key = await open();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(key.publicKey).toEqual(ed25519.keyFromSeed(countingRandom().bytes(32)).publicKey);
  expect(ed25519.verify(key.publicKey, message, key.sign(message))).toBe(true);
});

test('later starts open the same key', async () => {
  const first = await open();
  const second = await open(false);
  expect(second.publicKey).toEqual(first.publicKey);
  expect(second.sign(message)).toEqual(first.sign(message));
  expect(second.fingerprint).toBe(first.fingerprint);
});

test('the opened key does not show its secret', async () => {
  const key = await open();
  const seed = /[0-9a-f]{64}/.exec(await readFile(path, 'utf8'))![0];
  expect(JSON.stringify(key)).not.toContain(seed);
  expect(Object.keys(key).toSorted()).toEqual(['deriveSecret', 'fingerprint', 'publicKey', 'sign', 'transportSeed']);
});

test('secrets follow from the seed and the label', async () => {
  const key = await open();
  const again = await open(false);
  expect(again.deriveSecret('one')).toEqual(key.deriveSecret('one'));
  expect(key.deriveSecret('one')).toHaveLength(32);
  expect(key.deriveSecret('two')).not.toEqual(key.deriveSecret('one'));
  const other = deviceKeyOf({ ed25519, blake3 }, new Uint8Array(32));
  expect(other.deriveSecret('one')).not.toEqual(key.deriveSecret('one'));
});

test('the transport is given the seed of the same key, as a copy', async () => {
  const key = await open();
  key.transportSeed().fill(0);
  expect(ed25519.keyFromSeed(key.transportSeed()).publicKey).toEqual(key.publicKey);
});

describe('refused', () => {
  test('a missing key, once something was signed', async () => {
    await expect(open(false)).rejects.toEqual(invalid);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  test('every flipped bit and every cut', async () => {
    await open();
    const bytes = await readFile(path);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(path, flipped);
      await expect(open(), `bit ${bit}`).rejects.toEqual(invalid);
    }
    for (const end of [0, 1, 32, 86, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, end));
      await expect(open(), `cut at ${end}`).rejects.toEqual(invalid);
    }
    await writeFile(path, Buffer.concat([bytes, bytes]));
    await expect(open()).rejects.toEqual(invalid);
  });

  test.runIf(process.platform !== 'win32').each([0o640, 0o604, 0o660, 0o644, 0o610, 0o601])(
    'permissions %o',
    async (mode) => {
      await open();
      await chmod(path, mode);
      await expect(open()).rejects.toEqual(invalid);
      await chmod(path, 0o600);
      await open();
    },
  );
});

test('fingerprints are eight groups of four digits', () => {
  expect(keyFingerprint(blake3, Uint8Array.of(1, 2, 3))).toBe('b177-ec1b-f26d-fb3b-7010-d473-e6d4-4713');
});
