import { concatBytes, fromHex } from '#core/kernel/index.ts';
import { type CreatePlainHasher, LEAF_PLAIN_BYTES, type LeafCipher, sealLeaf } from '#sync/segments/index.ts';
import type { BundleStart } from './bundle-seal.ts';
import type { NewFile } from './ports.ts';

/** The body of a bundle that is being written, from its first byte to its last. */
export interface BodyWriter {
  /** Bytes of the body so far. */
  readonly offset: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Writes what is left and the hash of the whole; returns the bytes of the file. At least one byte was written. */
  end(): Promise<number>;
}

/** Writes the start of the file and what follows it, encrypted when the start has a key. */
export async function startBody(
  deps: { readonly createHasher: CreatePlainHasher; readonly cipher: LeafCipher },
  file: NewFile,
  { bytes: start, bodyKey }: BundleStart,
): Promise<BodyWriter> {
  const hasher = await deps.createHasher();
  let fileBytes = 0;
  let offset = 0;
  let pending: Uint8Array = new Uint8Array();
  let leaf = 0;

  async function put(bytes: Uint8Array): Promise<void> {
    hasher.update(bytes);
    fileBytes += bytes.length;
    await file.write(bytes);
  }

  const seal = (plain: Uint8Array, isLast: boolean): Uint8Array => {
    const place = { leaf, leafCount: isLast ? leaf + 1 : Infinity };
    leaf += 1;
    return sealLeaf(deps.cipher, bodyKey!, place, plain);
  };

  /** Seals whole chunks; the last bytes wait, as only the end knows the last chunk. */
  async function putSealed(bytes: Uint8Array): Promise<void> {
    pending = concatBytes([pending, bytes]);
    const sealed: Uint8Array[] = [];
    let done = 0;
    for (; pending.length - done > LEAF_PLAIN_BYTES; done += LEAF_PLAIN_BYTES) {
      sealed.push(seal(pending.subarray(done, done + LEAF_PLAIN_BYTES), false));
    }
    pending = pending.subarray(done);
    if (sealed.length > 0) await put(concatBytes(sealed));
  }

  await put(start);
  return {
    get offset() {
      return offset;
    },
    async write(bytes) {
      offset += bytes.length;
      await (bodyKey ? putSealed(bytes) : put(bytes));
    },
    async end() {
      if (bodyKey) await put(seal(pending, true));
      const digest = fromHex(hasher.digest());
      await file.write(digest);
      return fileBytes + digest.length;
    },
  };
}
