import { createBLAKE3 } from 'hash-wasm';
import type { Blake3 } from '../ports.ts';

/** BLAKE3 in WebAssembly. The module is loaded once; after that one hasher serves every call, synchronously. */
export async function createWasmBlake3(): Promise<Blake3> {
  const hasher = await createBLAKE3();
  return (bytes) => hasher.init().update(bytes).digest('binary');
}
