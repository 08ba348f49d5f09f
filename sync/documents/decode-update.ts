/**
 * Reads a Yjs update of version 1, every byte of it, and accepts only what documents of assets are made of. Source: yjs
 * 13.6.33, `src/utils/encoding.js`, `src/structs/Item.js`; lib0, `decoding.js`. Numbers are LEB128.
 *
 * `clients (0 or 1) [structs client clock struct…] clients [client ranges [clock length]…]…`
 *
 * No length is believed before its bytes are there, and every struct and range costs the update at least two bytes.
 */
import { isMapRoot, type MapRoot, type RootName, type Scalar, TEXT_ROOT } from './fields.ts';
import { LOG_CLOCK_MAX, UPDATE_BYTES_MAX, UPDATE_ENTRIES_MAX } from './limits.ts';
import type { ItemId } from './ports.ts';
import { updateRefused } from './update-refused.ts';

const CONTENT_BITS = 0x1f;
const HAS_KEY = 0x20;
const HAS_RIGHT = 0x40;
const HAS_LEFT = 0x80;

/** The low five bits of a struct's first byte. */
const STRUCT = { gc: 0, text: 4, value: 8, skip: 10 } as const;

/** The first byte of a value, as lib0 writes it. */
const VALUE = { string: 119, true: 120, false: 121, float64: 123, float32: 124, integer: 125, null: 126 } as const;

/** Where an item says that it stands; what has a neighbour stands where that does. */
interface DecodedItem {
  readonly clock: number;
  readonly left: ItemId | undefined;
  readonly right: ItemId | undefined;
  readonly hasKey: boolean;
  readonly root: RootName | undefined;
  readonly key: string | undefined;
}

export interface DecodedEntry extends DecodedItem {
  readonly kind: 'entry';
  readonly value: Scalar;
}

export interface DecodedText extends DecodedItem {
  readonly kind: 'text';
  readonly text: string;
}

export interface DeleteRange {
  readonly client: number;
  /** From this clock on, up to but without `end`. */
  readonly clock: number;
  readonly end: number;
}

export interface DecodedUpdate {
  readonly bytes: Uint8Array;
  /** Undefined when it only deletes. */
  readonly client: number | undefined;
  /** Of its first item; 0 when it only deletes. */
  readonly clock: number;
  /** After its last item. */
  readonly clockEnd: number;
  readonly items: readonly (DecodedEntry | DecodedText)[];
  /** Bytes up to the delete ranges. */
  readonly itemsByteCount: number;
  readonly deletes: readonly DeleteRange[];
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class UpdateReader {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.offset === this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw updateRefused('malformed');
    this.offset += 1;
    return byte;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw updateRefused('malformed');
      if (byte > 127) continue;
      if (byte === 0 && factor > 1) throw updateRefused('malformed');
      return value;
    }
  }

  id(): ItemId {
    return { client: this.number(), clock: this.number() };
  }

  text(): string {
    const bytes = this.#take(this.number());
    try {
      return decoder.decode(bytes);
    } catch {
      throw updateRefused('malformed');
    }
  }

  scalar(): Scalar {
    switch (this.byte()) {
      case VALUE.string:
        return this.text();
      case VALUE.true:
        return true;
      case VALUE.false:
        return false;
      case VALUE.null:
        return null;
      case VALUE.integer:
        return this.#signed();
      case VALUE.float32:
        return this.#view(4).getFloat32(0);
      case VALUE.float64:
        return this.#view(8).getFloat64(0);
      default:
        throw updateRefused('content');
    }
  }

  /** Six bits, sign and "more" in the first byte, then seven in each. */
  #signed(): number {
    const first = this.byte();
    let value = first & 63;
    for (let factor = 64, byte = first; byte > 127; factor *= 128) {
      byte = this.byte();
      value += (byte & 127) * factor;
      if (value > Number.MAX_SAFE_INTEGER || byte === 0) throw updateRefused('malformed');
    }
    return (first & 64) === 0 ? value : -value;
  }

  #take(byteCount: number): Uint8Array {
    const end = this.offset + byteCount;
    if (end > this.#bytes.length) throw updateRefused('malformed');
    const taken = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return taken;
  }

  #view(byteCount: number): DataView {
    const bytes = this.#take(byteCount);
    return new DataView(bytes.buffer, bytes.byteOffset, byteCount);
  }
}

/** Errors: `OPERATION_INVALID` with the reason in its details, see `UPDATE_REFUSALS`. */
export function decodeUpdate(bytes: Uint8Array): DecodedUpdate {
  if (bytes.length > UPDATE_BYTES_MAX) throw updateRefused('size');
  const reader = new UpdateReader(bytes);
  const clientCount = reader.number();
  if (clientCount > 1) throw updateRefused('client');
  const { client, clock, clockEnd, items } = clientCount === 1 ? readItems(reader) : NO_ITEMS;
  const itemsByteCount = reader.offset;
  const deletes = readDeletes(reader);
  if (!reader.isAtEnd) throw updateRefused('malformed');
  if (items.length === 0 && deletes.length === 0) throw updateRefused('empty');
  return { bytes, client, clock, clockEnd, items, itemsByteCount, deletes };
}

const NO_ITEMS = { client: undefined, clock: 0, clockEnd: 0, items: [] } as const;

function readItems(reader: UpdateReader) {
  const count = reader.number();
  if (count === 0) throw updateRefused('malformed');
  if (count > UPDATE_ENTRIES_MAX) throw updateRefused('size');
  const client = reader.number();
  const clock = reader.number();
  const items: (DecodedEntry | DecodedText)[] = [];
  let clockEnd = clock;
  while (items.length < count) {
    const item = readItem(reader, clockEnd);
    clockEnd += item.kind === 'text' ? item.text.length : 1;
    items.push(item);
  }
  if (clockEnd > LOG_CLOCK_MAX) throw updateRefused('clock');
  return { client, clock, clockEnd, items };
}

function readItem(reader: UpdateReader, clock: number): DecodedEntry | DecodedText {
  const info = reader.byte();
  const content = info & CONTENT_BITS;
  if (content === STRUCT.gc) throw updateRefused('gc-struct');
  if (content === STRUCT.skip) throw updateRefused('skip-struct');
  if (content !== STRUCT.text && content !== STRUCT.value) throw updateRefused('content');
  const left = info & HAS_LEFT ? reader.id() : undefined;
  const right = info & HAS_RIGHT ? reader.id() : undefined;
  const hasKey = (info & HAS_KEY) !== 0;
  const isFirst = !left && !right;
  const root = isFirst ? readRoot(reader) : undefined;
  const key = isFirst && hasKey ? reader.text() : undefined;
  const place = { clock, left, right, hasKey, root, key };
  if (content === STRUCT.text) {
    const text = reader.text();
    if (text.length === 0) throw updateRefused('content');
    return { kind: 'text', ...place, text };
  }
  if (reader.number() !== 1) throw updateRefused('content');
  return { kind: 'entry', ...place, value: reader.scalar() };
}

function readRoot(reader: UpdateReader): RootName {
  if (reader.number() !== 1) throw updateRefused('parent');
  const root = reader.text();
  if (root !== TEXT_ROOT && !isMapRoot(root)) throw updateRefused('parent');
  return root satisfies MapRoot | typeof TEXT_ROOT;
}

/** Clients fall and clocks rise, without overlaps: nothing is gone through twice. */
function readDeletes(reader: UpdateReader): DeleteRange[] {
  const ranges: DeleteRange[] = [];
  const clientCount = reader.number();
  let clientBefore = Infinity;
  for (let i = 0; i < clientCount; i++) {
    const client = reader.number();
    const rangeCount = reader.number();
    if (client >= clientBefore || rangeCount === 0) throw updateRefused('malformed');
    clientBefore = client;
    for (let from = 0, range = 0; range < rangeCount; range++) {
      const clock = reader.number();
      const end = clock + reader.number();
      if (clock < from || end === clock) throw updateRefused('malformed');
      if (end > LOG_CLOCK_MAX) throw updateRefused('delete-range');
      ranges.push({ client, clock, end });
      from = end;
    }
  }
  return ranges;
}
