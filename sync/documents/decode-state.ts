/**
 * Reads the state of an asset that another device wrote, every byte of it, and accepts only what folding operations gives a
 * form to: all that it names is there, all that it says is in range, and it encodes to the same bytes again. That it is what
 * operations amount to only its hash can tell, which members came to by themselves.
 */
import { equalBytes, fromUtf8, toHex } from '#core/kernel/index.ts';
import type { z } from 'zod';
import {
  type CborCursor,
  operationInvalid,
  readArrayLength,
  readBoolean,
  readBytesUpTo,
  readByteString,
  readEnd,
  readUnsigned,
} from '#sync/log/index.ts';
import { clientIdOf } from './client-id.ts';
import { type DocumentRun, encodeRuns, type RunContent, runLength, type RunPlace } from './document-runs.ts';
import { encodeAssetState, RUN_KINDS, STATE_VERSION } from './encode-state.ts';
import { isKeyOf, isValueOf, MAP_ROOTS, type Scalar } from './fields.ts';
import {
  CONTRACT_BYTES_MAX,
  CUSTOM_TEXT_LENGTH_MAX,
  LOG_CLOCK_MAX,
  RECORD_TEXT_LENGTH_MAX,
  STATE_BYTES_MAX,
  STATE_LOGS_MAX,
  VERSION_PARTS_MAX,
} from './limits.ts';
import { edgeSchema } from './lineage-record.ts';
import type { DocumentDeps, ItemId } from './ports.ts';
import { decodeRecord } from './record.ts';
import { removalSchema } from './removal-record.ts';
import {
  type AssetLog,
  type AssetReplica,
  emptyReplica,
  type FoldedOperation,
  type Recorded,
  seenBefore,
} from './replica.ts';
import { type VersionPart, versionPartSchema, wholeVersionSchema } from './version-record.ts';

const ID_BYTES = 32;
const SEQ_LARGEST = 0xffff_ffff;
/** Bytes of a value as canonical JSON: each character takes six at most. */
const VALUE_BYTES_MAX = 6 * Math.max(CONTRACT_BYTES_MAX, CUSTOM_TEXT_LENGTH_MAX);

/** Where an operation stands: its log, and how many of that log come before it. */
interface PlaceInState {
  readonly log: number;
  readonly index: number;
}

interface ReadOperation {
  readonly id: string;
  readonly seq: number;
  readonly isVoid: boolean;
  readonly clockEnd: number;
  readonly dependencies: readonly PlaceInState[];
}

/** A neighbour, by the place of its log. */
interface UnitName {
  readonly log: number;
  readonly clock: number;
}

type ReadRun = RunContent & RunPlace<UnitName> & { readonly clock: number };

interface ReadLog {
  readonly author: string;
  readonly logId: string;
  readonly operations: readonly ReadOperation[];
  readonly parts: VersionPart[];
  readonly runs: readonly ReadRun[];
}

/** A byte order mark at the beginning is a character as any other. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const wrong = (what: string) => operationInvalid(`the state of an asset is not one: ${what}`);

/** Errors: `OPERATION_INVALID`. */
export function decodeAssetState(deps: DocumentDeps, bytes: Uint8Array): AssetReplica {
  if (bytes.length > STATE_BYTES_MAX) throw wrong(`it has ${bytes.length} bytes`);
  const cursor: CborCursor = { bytes, offset: 0 };
  readTuple(cursor, 5);
  if (readNumber(cursor, 0xffff) !== STATE_VERSION) throw wrong('its version is not known');
  const logs = readList(cursor, readLog, STATE_LOGS_MAX);
  const names = logs.map(({ author, logId }) => author + logId);
  if (names.some((name, i) => i > 0 && names[i - 1]! >= name)) throw wrong('its logs do not rise');
  const state = placeLogs(deps, logs);
  readRecords(cursor, state, state.versions, wholeVersionSchema);
  readRecords(cursor, state, state.edges, edgeSchema);
  readRecords(cursor, state, state.removals, removalSchema);
  readEnd(cursor);
  state.document = placeRuns(state, logs);
  if (!isCanonical(deps, state, bytes)) throw wrong('it is not in its one form');
  return state;
}

/** Yjs leaves out what has no place, or throws; both are not what was read. */
function isCanonical(deps: DocumentDeps, state: AssetReplica, bytes: Uint8Array): boolean {
  try {
    return equalBytes(encodeAssetState(deps, state), bytes);
  } catch {
    return false;
  }
}

function readTuple(cursor: CborCursor, length: number): void {
  if (readArrayLength(cursor) !== BigInt(length)) throw wrong(`an array has not ${length} elements`);
}

const readNumber = (cursor: CborCursor, max: number): number => Number(readUnsigned(cursor, BigInt(max)));
const readId = (cursor: CborCursor): string => toHex(readByteString(cursor, ID_BYTES));

/** No more than what the bytes hold: every item takes at least one. */
function readList<T>(cursor: CborCursor, readItem: (cursor: CborCursor) => T, max = STATE_BYTES_MAX): T[] {
  const count = readArrayLength(cursor);
  if (count > BigInt(Math.min(max, cursor.bytes.length - cursor.offset))) throw wrong(`a list of ${count} is too long`);
  const items: T[] = [];
  while (items.length < Number(count)) items.push(readItem(cursor));
  return items;
}

function readLog(cursor: CborCursor): ReadLog {
  readTuple(cursor, 5);
  const [author, logId] = [readId(cursor), readId(cursor)];
  const operations = readList(cursor, readOperation);
  if (operations.length === 0) throw wrong('a log is empty');
  for (const [i, { seq, clockEnd }] of operations.entries()) {
    const before = operations[i - 1];
    if (before && (before.seq >= seq || before.clockEnd > clockEnd)) throw wrong('a log does not rise');
  }
  const parts = readList(cursor, readPart, VERSION_PARTS_MAX);
  if (parts.some(({ part, parts: count }, i) => part !== i || count !== parts[0]!.parts))
    throw wrong('parts are missing');
  let clock = 0;
  const runs = readList(cursor, (at) => {
    const run: ReadRun = { ...readRun(at), clock };
    clock += runLength(run);
    return run;
  });
  return { author, logId, operations, parts, runs };
}

function readOperation(cursor: CborCursor): ReadOperation {
  readTuple(cursor, 5);
  return {
    id: readId(cursor),
    seq: readNumber(cursor, SEQ_LARGEST),
    isVoid: readBoolean(cursor),
    clockEnd: readNumber(cursor, LOG_CLOCK_MAX),
    dependencies: readPlaces(cursor),
  };
}

function readPlaces(cursor: CborCursor): PlaceInState[] {
  const numbers = readList(cursor, (at) => readNumber(at, SEQ_LARGEST));
  if (numbers.length % 2 === 1) throw wrong('a dependency is half a one');
  return Array.from({ length: numbers.length / 2 }, (_, i) => ({ log: numbers[2 * i]!, index: numbers[2 * i + 1]! }));
}

function readJson<T>(cursor: CborCursor, schema: z.ZodType<T>): T {
  const read = decodeRecord(schema, readBytesUpTo(cursor, STATE_BYTES_MAX), STATE_BYTES_MAX);
  if (typeof read === 'string') throw wrong(`it holds a record that is none (${read})`);
  return read.record;
}

const readPart = (cursor: CborCursor): VersionPart => readJson(cursor, versionPartSchema);

function readRun(cursor: CborCursor): RunContent & RunPlace<UnitName> {
  const length = Number(readArrayLength(cursor));
  const kind = RUN_KINDS[readNumber(cursor, RUN_KINDS.length - 1)]!;
  if (length !== (kind === 'entry' ? 6 : 4)) throw wrong('a run has another length than its kind');
  const place = { left: readUnitName(cursor), right: readUnitName(cursor) };
  if (kind === 'gone') {
    const count = readNumber(cursor, LOG_CLOCK_MAX);
    if (count === 0) throw wrong('a run is empty');
    return { kind, ...place, length: count };
  }
  if (kind === 'text') {
    const text = readUtf8(readBytesUpTo(cursor, STATE_BYTES_MAX));
    if (text.length === 0) throw wrong('a run is empty');
    return { kind, ...place, text };
  }
  const root = MAP_ROOTS[readNumber(cursor, MAP_ROOTS.length - 1)]!;
  const key = readUtf8(readBytesUpTo(cursor, RECORD_TEXT_LENGTH_MAX));
  const value = readValue(readBytesUpTo(cursor, VALUE_BYTES_MAX));
  if (!isKeyOf(root, key) || !isValueOf(root, key, value) || place.right) throw wrong('it sets what no asset has');
  return { kind, ...place, root, key, value };
}

function readUnitName(cursor: CborCursor): UnitName | undefined {
  const length = readArrayLength(cursor);
  if (length === 0n) return undefined;
  if (length !== 2n) throw wrong('a neighbour is not of two numbers');
  return { log: readNumber(cursor, STATE_LOGS_MAX), clock: readNumber(cursor, LOG_CLOCK_MAX) };
}

function readUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw wrong('a text is not UTF-8');
  }
}

function readValue(bytes: Uint8Array): Scalar {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes));
  } catch {
    throw wrong('a value is no JSON');
  }
  if (value !== null && typeof value === 'object') throw wrong('a value is a list or an object');
  return value as Scalar;
}

/** Gives each operation its place after those it depends on. */
function placeLogs({ blake3 }: DocumentDeps, logs: readonly ReadLog[]): AssetReplica {
  const state = emptyReplica();
  for (const { author, logId, parts } of logs) {
    const client = clientIdOf(blake3, { author, logId });
    const log: AssetLog = {
      author,
      logId,
      index: state.logs.length,
      client,
      operations: [],
      waiting: [],
      isCut: false,
      parts,
    };
    state.logs.push(log);
    state.logsByName.set(`${author}/${logId}`, log);
    if (!state.logsByClient.has(client)) state.logsByClient.set(client, log);
  }
  /** Logs by the place of the operation that their next one waits for. */
  const waiting = new Map<string, number[]>();
  const ready = logs.map((_, place) => place).reverse();
  for (let place = ready.pop(); place !== undefined; place = ready.pop()) {
    const log = state.logs[place]!;
    for (const read of logs[place]!.operations.slice(log.operations.length)) {
      const missing = read.dependencies.find((name) => !operationAt(state, name));
      if (missing) {
        const key = `${missing.log}/${missing.index}`;
        waiting.set(key, [...(waiting.get(key) ?? []), place]);
        break;
      }
      placeOperation(state, log, read);
      const key = `${place}/${log.operations.length - 1}`;
      ready.push(...(waiting.get(key) ?? []));
      waiting.delete(key);
    }
  }
  if (waiting.size > 0) throw wrong('something depends on what is not there');
  return state;
}

const operationAt = (state: AssetReplica, { log, index }: PlaceInState): FoldedOperation | undefined =>
  state.logs[log]?.operations[index];

function placeOperation(state: AssetReplica, log: AssetLog, read: ReadOperation): void {
  const { id, seq, isVoid, clockEnd } = read;
  if (state.operations.has(id)) throw wrong('an operation stands in it twice');
  const dependencies = read.dependencies.map((name) => operationAt(state, name)!);
  const seen = seenBefore(log, dependencies);
  const index = log.operations.length;
  const operation: FoldedOperation = { id, log, index, seq, isVoid, dependencies, seen, clockEnd };
  const before = log.operations.at(-1);
  for (const other of before ? [...dependencies, before] : dependencies) state.heads.delete(other.id);
  state.heads.add(id);
  log.operations.push(operation);
  state.operations.set(id, operation);
}

function readRecords<T>(
  cursor: CborCursor,
  state: AssetReplica,
  records: Map<string, Recorded<T>>,
  schema: z.ZodType<T>,
): void {
  for (const { name, clock, record } of readList(cursor, (at) => readRecorded(at, schema))) {
    const operation = operationAt(state, name);
    if (!operation || operation.isVoid) throw wrong('a record has no operation that counts');
    records.set(operation.id, { operation, clock, record });
  }
}

function readRecorded<T>(cursor: CborCursor, schema: z.ZodType<T>) {
  readTuple(cursor, 5);
  const name = { log: readNumber(cursor, STATE_LOGS_MAX), index: readNumber(cursor, SEQ_LARGEST) };
  const clock = {
    wall: readNumber(cursor, Number.MAX_SAFE_INTEGER),
    counter: readNumber(cursor, Number.MAX_SAFE_INTEGER),
  };
  return { name, clock, record: readJson(cursor, schema) };
}

/** The document, as bytes that can be opened; undefined when nothing was ever written in it. */
function placeRuns(state: AssetReplica, logs: readonly ReadLog[]): Uint8Array | undefined {
  const byClient = new Map<number, DocumentRun[]>();
  for (const [place, { runs, operations }] of logs.entries()) {
    const log = state.logs[place]!;
    const last = runs.at(-1);
    const written = last ? last.clock + runLength(last) : 0;
    if (written !== operations.at(-1)!.clockEnd) throw wrong('a log wrote more or less than its operations');
    if (runs.length === 0) continue;
    if (state.logsByClient.get(log.client) !== log) throw wrong('a log writes for another');
    byClient.set(
      log.client,
      runs.map((run): DocumentRun => {
        const [left, right] = [neighbour(state, logs, run, run.left), neighbour(state, logs, run, run.right)];
        return { ...run, left, right };
      }),
    );
  }
  return byClient.size > 0 ? encodeRuns(byClient) : undefined;
}

/** A neighbour stands where the run does: among the values of its key, or in the description. */
function neighbour(
  state: AssetReplica,
  logs: readonly ReadLog[],
  run: ReadRun,
  name: UnitName | undefined,
): ItemId | undefined {
  if (!name) return undefined;
  const other = runAt(logs[name.log]?.runs ?? [], name.clock);
  if (!other || listOf(other) !== listOf(run)) throw wrong('a neighbour is not there');
  return { client: state.logs[name.log]!.client, clock: name.clock };
}

const listOf = (run: RunContent): string => (run.kind === 'entry' ? `${run.root}/${run.key}` : '');

/** The run that holds the unit of this clock. */
function runAt(runs: readonly ReadRun[], clock: number): ReadRun | undefined {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.clock <= clock) low = middle + 1;
    else high = middle;
  }
  const run = runs[low - 1];
  return run && clock < run.clock + runLength(run) ? run : undefined;
}
