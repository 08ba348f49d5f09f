import { createBlake3Hasher } from '#core/columnar/adapters/blake3.ts';
import { bytesSource } from '#core/columnar/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { countingRandom } from '#sync/log/testing/fixtures.ts';
import { nodeLeafCipher } from '../adapters/node-leaf-cipher.ts';
import { createHashTree } from '../hash-tree.ts';
import type { SealedFolder } from '../ports.ts';
import { sealSegment } from '../seal-segment.ts';
import type { SealedName, SealedSegment } from '../sealed-segment.ts';

export const blake3 = await createWasmBlake3();
export const tree = createHashTree(blake3);
export const cipher = nodeLeafCipher;
export const createHasher = createBlake3Hasher;

/** Bytes that differ from leaf to leaf and never look like ciphertext: `line 00000000\n`, `line 00000001\n` … */
export function plainBytes(byteCount: number): Uint8Array {
  const text = Array.from({ length: Math.ceil(byteCount / 14) }, (_, i) => `line ${String(i).padStart(8, '0')}\n`);
  return Uint8Array.from(Buffer.from(text.join('')).subarray(0, byteCount));
}

export const sourceOf = (bytes: Uint8Array): ByteSource => bytesSource(bytes);

/** Seals bytes into the folder with a key that counts up from `firstKeyByte`. */
export const sealBytes = (folder: SealedFolder, bytes: Uint8Array, firstKeyByte = 0): Promise<SealedSegment> =>
  sealSegment({ folder, cipher, blake3, createHasher, random: countingRandom(firstKeyByte) }, sourceOf(bytes));

/** Every byte of a file that must be there. */
export async function fileBytes(folder: SealedFolder, name: SealedName): Promise<Uint8Array> {
  const source = await folder.open(name);
  if (!source) throw new Error(`There is no sealed file ${name}.`);
  try {
    return await source.read(0, source.byteCount);
  } finally {
    await source.close();
  }
}
