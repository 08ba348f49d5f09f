import { GranaryError, toUtf8 } from '#core/kernel/index.ts';

/**
 * EBML (RFC 8794), the binary tree under Matroska and WebM. A file is declared as a tree of elements, measured, and
 * written in one pass.
 */

/** Element ids as they stand in the file (RFC 8794 section 11.1, RFC 9559 section 5.1). */
export const EBML = {
  header: 0x1a45dfa3,
  version: 0x4286,
  readVersion: 0x42f7,
  maxIdLength: 0x42f2,
  maxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  defaultDuration: 0x23e383,
  name: 0x536e,
  language: 0x22b59c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  colour: 0x55b0,
  range: 0x55b9,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
  cueRelativePosition: 0xf0,
  tags: 0x1254c367,
  tag: 0x7373,
  targets: 0x63c0,
  targetTypeValue: 0x68ca,
  simpleTag: 0x67c8,
  tagName: 0x45a3,
  tagString: 0x4487,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  contentEncodings: 0x6d80,
} as const;

/** An unsigned integer; `width` bytes when given, so that its value can be filled in after measuring. */
export interface Uint {
  readonly uint: number;
  readonly width?: number;
}

/** A master element has children, the others have bytes, text, an unsigned integer or a 64-bit float. */
export interface Element {
  readonly id: number;
  readonly data: readonly Element[] | Uint8Array | string | Uint | { readonly float: number };
}

const isMaster = (data: Element['data']): data is readonly Element[] => Array.isArray(data);

const idWidth = (id: number): number => (id < 0x100 ? 1 : id < 0x10000 ? 2 : id < 0x1000000 ? 3 : 4);

/** Bytes of a variable-size integer; the value of all ones is reserved. */
export function sizeWidth(size: number): number {
  let width = 1;
  while (size >= 2 ** (7 * width) - 1) width += 1;
  return width;
}

function uintWidth({ uint, width }: Uint): number {
  if (width !== undefined) return width;
  let bytes = 1;
  while (uint >= 2 ** (8 * bytes)) bytes += 1;
  return bytes;
}

function dataByteCount(data: Element['data']): number {
  if (isMaster(data)) return data.reduce((sum, child) => sum + elementByteCount(child), 0);
  if (data instanceof Uint8Array) return data.length;
  if (typeof data === 'string') return toUtf8(data).length;
  return 'float' in data ? 8 : uintWidth(data);
}

/** Bytes of an element with its id and size. */
export function elementByteCount({ id, data }: Element): number {
  const byteCount = dataByteCount(data);
  return idWidth(id) + sizeWidth(byteCount) + byteCount;
}

/** Bytes of an element's id and size, for content of `byteCount` bytes. */
export const prefixByteCount = (id: number, byteCount: number): number => idWidth(id) + sizeWidth(byteCount);

/** Writes elements into `target` from `offset` on; returns where they end. */
export function writeElements(target: Uint8Array, offset: number, elements: readonly Element[]): number {
  let at = offset;
  for (const { id, data } of elements) {
    at = writePrefix(target, at, id, dataByteCount(data));
    if (isMaster(data)) at = writeElements(target, at, data);
    else {
      const bytes = leafBytes(data);
      target.set(bytes, at);
      at += bytes.length;
    }
  }
  return at;
}

/** Writes an element's id and size; returns where its content starts. */
export function writePrefix(target: Uint8Array, offset: number, id: number, byteCount: number): number {
  const at = writeNumber(target, offset, id, idWidth(id));
  return writeSize(target, at, byteCount);
}

function leafBytes(data: Exclude<Element['data'], readonly Element[]>): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') return toUtf8(data);
  if ('float' in data) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, data.float);
    return bytes;
  }
  const bytes = new Uint8Array(uintWidth(data));
  writeNumber(bytes, 0, data.uint, bytes.length);
  return bytes;
}

function writeNumber(target: Uint8Array, offset: number, value: number, width: number): number {
  let rest = value;
  for (let i = width - 1; i >= 0; i--) {
    target[offset + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + width;
}

/** Writes a variable-size integer. */
export function writeSize(target: Uint8Array, offset: number, size: number): number {
  const width = sizeWidth(size);
  writeNumber(target, offset, size, width);
  target[offset]! |= 1 << (8 - width);
  return offset + width;
}

/** Where an element's content lies: `start` inclusive, `end` exclusive. */
export interface ElementRange {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

const damaged = (what: string) => new GranaryError('FORMAT_INVALID', `The file is not WebM, or damaged: ${what}.`);

/** The most bytes an id and a size take. */
export const PREFIX_BYTES_MAX = 12;

/**
 * Reads the id and size at `offset`. The prefix must be there whole. Errors: `FORMAT_INVALID`, also for an unknown size,
 * which our files never have.
 */
export function readPrefix(bytes: Uint8Array, offset: number): ElementRange {
  const range = readOpenPrefix(bytes, offset);
  if (range.end === Number.POSITIVE_INFINITY) throw damaged('an element has an unknown size');
  return range;
}

/** The same for files of other programs: an element of unknown size ends at infinity. Errors: `FORMAT_INVALID`. */
export function readOpenPrefix(bytes: Uint8Array, offset: number): ElementRange {
  const first = bytes[offset] ?? 0;
  const idBytes = Math.clz32(first) - 23;
  if (idBytes > 4) throw damaged('an element has no id');
  let id = 0;
  for (let i = 0; i < idBytes; i++) id = id * 256 + (bytes[offset + i] ?? 0);
  const start = offset + idBytes;
  const { value: size, width } = readSize(bytes, start);
  if (size === undefined) return { id, start: start + width, end: Number.POSITIVE_INFINITY };
  return { id, start: start + width, end: start + width + size };
}

/** A variable-size integer, undefined when all its bits are ones: unknown. Errors: `FORMAT_INVALID`. */
export function readSize(bytes: Uint8Array, offset: number): { value: number | undefined; width: number } {
  const width = Math.clz32(bytes[offset] ?? 0) - 23;
  if (width > 8 || offset + width > bytes.length) throw damaged('an element has no size');
  let value = bytes[offset]! & (0xff >> width);
  for (let i = 1; i < width; i++) value = value * 256 + bytes[offset + i]!;
  if (value >= 2 ** (7 * width) - 1) return { value: undefined, width };
  if (!Number.isSafeInteger(value)) throw damaged('an element is too large');
  return { value, width };
}

/** The children of a master element that is there whole. Errors: `FORMAT_INVALID`. */
export function* readChildren(bytes: Uint8Array, parent: { start: number; end: number }): Generator<ElementRange> {
  for (let at = parent.start; at < parent.end;) {
    const child = readPrefix(bytes, at);
    if (child.end > parent.end) throw damaged('an element reaches over the end of its parent');
    yield child;
    at = child.end;
  }
}
