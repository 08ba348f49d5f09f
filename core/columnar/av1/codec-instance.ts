import { GranaryError } from '#core/kernel/index.ts';
import { CODEC_MODULE_BASE64 } from '../wasm/codec-module.ts';
import { BLOCK_SYNTAX_CDFS, PALETTE_Y_COLOUR_CDFS } from './default-cdfs.ts';

/** The functions of the WASM module; see `core/columnar/wasm/codec.as.ts`. Addresses and sizes are bytes. */
interface CodecExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  initialise(): void;
  defaultCdfsAt(): number;
  /** Returns 0 when the memory cannot grow to `bytes`. */
  reserve(bytes: number): number;
  largestByte(at: number, count: number): number;
  beginDecoding(index: number, at: number, end: number, symbols: number): void;
  decodeTiles(count: number, width: number, height: number, chroma: boolean, map: number): number;
  paletteChanged(index: number): number;
  paletteSize(index: number): number;
  paletteAt(index: number): number;
  beginEncoding(index: number, at: number, symbols: number): void;
  encodeTiles(
    count: number,
    width: number,
    height: number,
    chroma: boolean,
    map: number,
    size: number,
    colours: number,
  ): number;
  encodedBytes(index: number): number;
  predict32(source: number, target: number, count: number, predictor: number, base: bigint, lag: number): number;
  predict64(source: number, target: number, count: number, predictor: number, base: bigint, lag: number): void;
  classify32(residuals: number, classes: number, count: number): void;
  classify64(residuals: number, classes: number, count: number): void;
  packOffsets32(residuals: number, classes: number, count: number, target: number): number;
  packOffsets64(residuals: number, classes: number, count: number, target: number): number;
  restoreValues(
    classes: number,
    count: number,
    offsets: number,
    end: number,
    target: number,
    predictor: number,
    base: bigint,
    slope: bigint,
    lag: number,
  ): number;
  rankClasses(source: number, target: number, count: number, order: number): void;
  unrankClasses(source: number, target: number, count: number, order: number): void;
  byteModelBytes(count: number): number;
  encodeBytes(work: number, bytes: number, count: number, width: number, terminator: number, target: number): number;
  decodeBytes(
    work: number,
    bytes: number,
    count: number,
    width: number,
    terminator: number,
    source: number,
    end: number,
  ): void;
}

/** The codec of this thread. Calls on it do not overlap: everything is synchronous and reuses the same heap. */
export interface Codec {
  readonly exports: CodecExports;
  /** Makes the memory at least `bytes` large and returns it. Errors: `LIMIT_EXCEEDED`. */
  reserve(bytes: number): Uint8Array;
}

/** The host's part of the module's memory starts here; below lie the codec's own tables (`layout.as.ts`). */
export const HEAP = 65_536;
/** `count` of these fit side by side without sharing a cache line. */
export const align = (bytes: number): number => (bytes + 63) & ~63;

/** What the largest frame of 64-bit integers needs, with room to spare; more would be a mistake or an attack. */
export const CODEC_MEMORY_BYTES_MAX = 2 ** 30;

/** A row of probabilities in the module's memory. */
const CDF_ROW_U16 = 16;
const CDF_ONE = 32_768;

/** What is used of WebAssembly's JavaScript interface, which the library types of Node programs leave out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}
const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

let module: object | undefined;
let instance: Codec | undefined;

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function writeDefaultCdfs(exports: CodecExports): void {
  const rows = [...BLOCK_SYNTAX_CDFS, ...PALETTE_Y_COLOUR_CDFS.flat()];
  const image = new Uint16Array(exports.memory.buffer, exports.defaultCdfsAt(), rows.length * CDF_ROW_U16);
  rows.forEach((row, i) =>
    row.forEach((cdf, symbol) => {
      image[i * CDF_ROW_U16 + symbol] = CDF_ONE - cdf;
    }),
  );
}

function instantiate(): Codec {
  module ??= new webAssembly.Module(decodeBase64(CODEC_MODULE_BASE64));
  const exports = new webAssembly.Instance(module).exports as CodecExports;
  exports.initialise();
  writeDefaultCdfs(exports);
  let memory = new Uint8Array(exports.memory.buffer);
  return {
    exports,
    reserve(bytes) {
      if (bytes > CODEC_MEMORY_BYTES_MAX || !exports.reserve(bytes))
        throw new GranaryError('LIMIT_EXCEEDED', `The codec needs ${bytes} bytes of memory. Use smaller row groups.`);
      if (memory.buffer !== exports.memory.buffer) memory = new Uint8Array(exports.memory.buffer);
      return memory;
    },
  };
}

/** The codec of this thread, instantiated on first use. */
export function useCodec(): Codec {
  instance ??= instantiate();
  return instance;
}

/** The bytes the codec of this thread holds; 0 when there is none. */
export const codecMemoryBytes = (): number => instance?.exports.memory.buffer.byteLength ?? 0;

/**
 * Lets go of this thread's codec when it holds more than `keepBytes`, as WASM memory never shrinks; the next call makes
 * a new one.
 */
export function releaseCodec(keepBytes = 0): void {
  if (codecMemoryBytes() > keepBytes) instance = undefined;
}
