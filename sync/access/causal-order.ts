/**
 * Control operations in an order in which each comes after all that its author had seen: its backlink, its dependencies,
 * and what lies before those. The past of each is kept as a set of bits, so that "had seen" is one look. Operations of
 * devices that nobody let in are left out.
 */
import { GranaryError, toHex } from '#core/kernel/index.ts';
import type { ControlOperation } from './control-operation.ts';

/** Operations that access is resolved from: the pasts of so many take 64 MiB. A space of 1,000 devices has some 10,000. */
export const CONTROL_OPERATIONS_MAX = 32_768;

/** A set of nodes by their number; of each node, it holds the whole past as well. */
export type Bits = Uint32Array;

export const hasBit = (bits: Bits, index: number): boolean => ((bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;

export function addBit(bits: Bits, index: number): void {
  bits[index >>> 5]! |= 1 << (index & 31);
}

export function addBits(bits: Bits, more: Bits): void {
  for (let i = 0; i < more.length; i++) bits[i]! |= more[i]!;
}

export const bitsFor = (count: number): Bits => new Uint32Array((count + 31) >>> 5);

/** One operation among those whose past is known. Numbers depend on the order of arrival, ids and depths do not. */
export interface Node {
  readonly index: number;
  readonly id: string;
  readonly author: string;
  readonly logId: string;
  readonly operation: ControlOperation;
  /** What comes immediately before. */
  readonly before: readonly Node[];
  /** All that its author had seen. */
  readonly past: Bits;
  /** The length of the longest way back to an operation with nothing before it. */
  readonly depth: number;
}

export interface CausalOrder {
  readonly nodes: readonly Node[];
  readonly byId: ReadonlyMap<string, Node>;
  /** Operations of devices that were not let in, or with something in their past that is not here, by id. */
  readonly waiting: ReadonlySet<string>;
}

interface Entry {
  readonly operation: ControlOperation;
  readonly before: readonly string[];
  missing: number;
}

/**
 * `take` is given each operation after all that its author had seen, and returns the devices that it lets in: only then
 * are their operations looked at, wherever they stand. The author of the operation `first` needs nobody for that. Errors:
 * `LIMIT_EXCEEDED`.
 */
export function orderCausally(
  operations: Iterable<ControlOperation>,
  first: string,
  take: (node: Node, byId: ReadonlyMap<string, Node>) => Iterable<string>,
): CausalOrder {
  const entries = new Map<string, Entry>();
  for (const operation of operations) {
    const { id, backlink, dependencies } = operation;
    const before = [...new Set([...(backlink ? [backlink] : []), ...dependencies].map(toHex))];
    entries.set(toHex(id), { operation, before, missing: before.length });
  }
  if (entries.size > CONTROL_OPERATIONS_MAX) {
    throw new GranaryError(
      'LIMIT_EXCEEDED',
      `The space has ${entries.size} control operations; the limit is ${CONTROL_OPERATIONS_MAX}. Found a new space.`,
      { operationCount: entries.size, limit: CONTROL_OPERATIONS_MAX },
    );
  }
  const after = new Map<string, string[]>();
  for (const [id, { before }] of entries) {
    for (const earlier of before) pushTo(after, earlier, id);
  }
  const nodes: Node[] = [];
  const byId = new Map<string, Node>();
  const founding = entries.get(first);
  const admitted = new Set(founding ? [toHex(founding.operation.author)] : []);
  const strange = new Map<string, string[]>();
  const ready = [...entries].filter(([, { missing }]) => missing === 0).map(([id]) => id);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    const { operation } = entries.get(id)!;
    const author = toHex(operation.author);
    if (!admitted.has(author)) {
      pushTo(strange, author, id);
      continue;
    }
    const node = createNode(nodes.length, id, entries.get(id)!, byId);
    nodes.push(node);
    byId.set(id, node);
    for (const device of take(node, byId)) {
      admitted.add(device);
      ready.push(...(strange.get(device) ?? []));
      strange.delete(device);
    }
    for (const later of after.get(id) ?? []) if (--entries.get(later)!.missing === 0) ready.push(later);
  }
  return { nodes, byId, waiting: new Set([...entries.keys()].filter((id) => !byId.has(id))) };
}

/** Adds to the list of a key, which may be new. */
export function pushTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

function createNode(index: number, id: string, entry: Entry, byId: ReadonlyMap<string, Node>): Node {
  const { operation } = entry;
  // The latest first: what lies in the past of one that was added need not be added again.
  const before = entry.before.map((earlier) => byId.get(earlier)!).toSorted((left, right) => right.index - left.index);
  const past = bitsFor(index);
  let depth = 0;
  for (const earlier of before) {
    depth = Math.max(depth, earlier.depth + 1);
    if (hasBit(past, earlier.index)) continue;
    addBits(past, earlier.past);
    addBit(past, earlier.index);
  }
  return { index, id, author: toHex(operation.author), logId: toHex(operation.logId), operation, before, past, depth };
}
