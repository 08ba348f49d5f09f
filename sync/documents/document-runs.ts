/**
 * The units of a document as runs: texts that were written, or taken out, one beside the other are one. The runs of equal
 * operations are equal, in whatever order they came; what Yjs makes of them is not.
 */
import { ByteWriter } from '#core/columnar/index.ts';
import { toUtf8 } from '#core/kernel/index.ts';
import { type MapRoot, type Scalar, TEXT_ROOT } from './fields.ts';
import type { DocumentUnit, ItemId } from './ports.ts';

export interface RunPlace<Id> {
  /** Of its first unit; each further one has the one before as its left. */
  readonly left: Id | undefined;
  /** Of all of its units. */
  readonly right: Id | undefined;
}

export type RunContent =
  | { readonly kind: 'entry'; readonly root: MapRoot; readonly key: string; readonly value: Scalar }
  | { readonly kind: 'text'; readonly text: string }
  /** So many units of the description that were taken out. */
  | { readonly kind: 'gone'; readonly length: number };

export type DocumentRun = RunContent & RunPlace<ItemId>;

export const runLength = (run: RunContent): number => {
  if (run.kind === 'entry') return 1;
  return run.kind === 'text' ? run.text.length : run.length;
};

/** The runs of each client, from clock 0 on, as long as they can be. */
export function runsOf(units: Iterable<DocumentUnit>): ReadonlyMap<number, readonly DocumentRun[]> {
  const byClient = new Map<number, DocumentRun[]>();
  for (const unit of units) {
    const runs = byClient.get(unit.client) ?? [];
    byClient.set(unit.client, runs);
    const run = runOf(unit);
    const joined = follows(runs.at(-1), unit) ? joinRuns(runs.at(-1)!, run) : undefined;
    if (joined) runs.splice(-1, 1, joined);
    else runs.push(run);
  }
  return byClient;
}

function runOf({ root, key, left, right, value }: DocumentUnit): DocumentRun {
  if (key !== undefined) return { kind: 'entry', root: root as MapRoot, key, value: value as Scalar, left, right };
  if (value === undefined) return { kind: 'gone', length: 1, left, right };
  return { kind: 'text', text: value as string, left, right };
}

const follows = (before: DocumentRun | undefined, { client, clock, left, right }: DocumentUnit): boolean =>
  before !== undefined && isSameId(left, { client, clock: clock - 1 }) && isSameId(right, before.right);

export const isSameId = (one: ItemId | undefined, other: ItemId | undefined): boolean =>
  one?.client === other?.client && one?.clock === other?.clock;

function joinRuns(before: DocumentRun, next: DocumentRun): DocumentRun | undefined {
  if (before.kind === 'text' && next.kind === 'text') return { ...before, text: before.text + next.text };
  if (before.kind === 'gone' && next.kind === 'gone') return { ...before, length: before.length + next.length };
  return undefined;
}

const HAS_LEFT = 0x80;
const HAS_RIGHT = 0x40;
const HAS_KEY = 0x20;
/** The low five bits of a struct's first byte, and how values are marked; see `decode-update.ts`. */
const STRUCT = { gone: 1, text: 4, entry: 8 } as const;
const VALUE = { string: 119, true: 120, false: 121, float64: 123, null: 126 } as const;

/** The Yjs update of version 1 that makes a document of these runs out of an empty one. */
export function encodeRuns(byClient: ReadonlyMap<number, readonly DocumentRun[]>): Uint8Array {
  const clients = [...byClient].filter(([, runs]) => runs.length > 0).sort(([left], [right]) => right - left);
  const writer = new ByteWriter().number(clients.length);
  for (const [client, runs] of clients) {
    writer.number(runs.length).number(client).number(0);
    for (const run of runs) writeRun(writer, run);
  }
  return writer.number(0).finish();
}

function writeRun(writer: ByteWriter, run: DocumentRun): void {
  const { kind, left, right } = run;
  writer.byte(STRUCT[kind] | (left ? HAS_LEFT : 0) | (right ? HAS_RIGHT : 0) | (kind === 'entry' ? HAS_KEY : 0));
  for (const id of [left, right]) if (id) writer.number(id.client).number(id.clock);
  if (!left && !right) {
    writeText(writer.number(1), kind === 'entry' ? run.root : TEXT_ROOT);
    if (kind === 'entry') writeText(writer, run.key);
  }
  if (kind === 'entry') writeValue(writer.number(1), run.value);
  else if (kind === 'text') writeText(writer, run.text);
  else writer.number(run.length);
}

function writeText(writer: ByteWriter, text: string): ByteWriter {
  const bytes = toUtf8(text);
  return writer.number(bytes.length).bytes(bytes);
}

function writeValue(writer: ByteWriter, value: Scalar): void {
  if (typeof value === 'string') writeText(writer.byte(VALUE.string), value);
  else if (typeof value === 'number') {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    writer.byte(VALUE.float64).bytes(bytes);
  } else writer.byte(value === null ? VALUE.null : VALUE[`${value}`]);
}
