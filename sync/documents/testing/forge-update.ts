import { ByteWriter } from '#core/columnar/index.ts';
import { toUtf8 } from '#core/kernel/index.ts';
import type { ItemId } from '../ports.ts';

export interface ForgedStruct {
  /** 0 GC, 1 deleted, 4 text, 8 values, 10 Skip, and others that no document of ours holds. */
  readonly content: number;
  readonly left?: ItemId | undefined;
  readonly right?: ItemId | undefined;
  readonly root?: string | undefined;
  readonly key?: string | undefined;
  /** Sets the bit that says so without writing the key, as Yjs does where there is a neighbour. */
  readonly hasKey?: boolean | undefined;
  /** The parent is the item of this id instead of a root. */
  readonly parent?: ItemId | undefined;
  readonly text?: string | undefined;
  /** Length of a struct that says nothing else. */
  readonly length?: number | undefined;
}

export interface ForgedUpdate {
  readonly clients: readonly {
    readonly client: number;
    readonly clock: number;
    readonly structs: readonly ForgedStruct[];
  }[];
  readonly deletes?: readonly { readonly client: number; readonly ranges: readonly (readonly [number, number])[] }[];
}

/** Any Yjs update of version 1, also those that no editor would write. */
export function forgeUpdate({ clients, deletes = [] }: ForgedUpdate): Uint8Array {
  const writer = new ByteWriter().number(clients.length);
  for (const { client, clock, structs } of clients) {
    writer.number(structs.length).number(client).number(clock);
    for (const struct of structs) writeStruct(writer, struct);
  }
  writer.number(deletes.length);
  for (const { client, ranges } of deletes) {
    writer.number(client).number(ranges.length);
    for (const [clock, length] of ranges) writer.number(clock).number(length);
  }
  return writer.finish();
}

function writeStruct(writer: ByteWriter, struct: ForgedStruct): void {
  const { content, left, right, root, key, hasKey, parent, text = '', length = 1 } = struct;
  const bits = (left ? 128 : 0) | (right ? 64 : 0) | (key !== undefined || hasKey ? 32 : 0);
  writer.byte(content | bits);
  if (content === 0 || content === 10 || content === 1) {
    if (content === 1) writePlace(writer, { left, right, root, key, parent });
    writer.number(length);
    return;
  }
  writePlace(writer, { left, right, root, key, parent });
  if (content === 8) writer.number(length);
  if (content === 8) writer.byte(119);
  writeText(writer, text);
}

function writePlace(writer: ByteWriter, { left, right, root, key, parent }: Partial<ForgedStruct>): void {
  for (const id of [left, right]) if (id) writer.number(id.client).number(id.clock);
  if (left || right) return;
  if (parent) writer.number(0).number(parent.client).number(parent.clock);
  else writeText(writer.number(1), root ?? 'fields');
  if (key !== undefined) writeText(writer, key);
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = toUtf8(text);
  writer.number(bytes.length).bytes(bytes);
}
