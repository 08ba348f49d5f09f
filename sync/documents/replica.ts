/** What a node knows of one asset from the operations of all devices. Only the files of this folder look inside. */
import type { HybridTime } from '#core/catalog/index.ts';
import type { EnvelopeContent } from '#sync/log/index.ts';
import type { AssetEdge } from './lineage-record.ts';
import type { LogOfAuthor } from './client-id.ts';
import type { AssetDocument } from './ports.ts';
import type { VersionPart, VersionRecord } from './version-record.ts';

/** One operation about the asset, its signature, its author's right and its envelope checked and its body opened. */
export interface AssetOperation extends LogOfAuthor {
  /** Hexadecimal digits, as all ids here. */
  readonly id: string;
  readonly seq: number;
  readonly clock: HybridTime;
  /** Of the envelope's, those that are not known to be about something else, such as control operations. */
  readonly dependencies: readonly string[];
  /** Its author had no right to it; what honest authors built on it stays. */
  readonly isVoid: boolean;
  readonly schema: string;
  readonly content: EnvelopeContent;
}

/** An operation in its place. */
export interface FoldedOperation {
  readonly id: string;
  readonly log: AssetLog;
  /** How many operations about the asset came before it in its log. */
  readonly index: number;
  readonly seq: number;
  readonly isVoid: boolean;
  readonly dependencies: readonly FoldedOperation[];
  /** By log but its own, how many of its operations the author had seen; of logs behind the end none. */
  readonly seen: readonly number[];
  /** Where the log's client stands after it. */
  readonly clockEnd: number;
}

export interface AssetLog extends LogOfAuthor {
  readonly index: number;
  readonly client: number;
  readonly operations: FoldedOperation[];
  /** Taken, but not in their place yet, in the order of the log. */
  readonly waiting: AssetOperation[];
  /** More waited than may; what came behind was refused, and everything of this log is until those that wait are placed. */
  isCut: boolean;
  /** The parts of a version that is not whole yet. */
  parts: VersionPart[];
}

/** A record and the operation that carries it, the last of them for a version in parts. */
export interface Recorded<T> {
  readonly operation: FoldedOperation;
  readonly clock: HybridTime;
  readonly record: T;
}

export interface AssetReplica {
  readonly logs: AssetLog[];
  readonly logsByName: Map<string, AssetLog>;
  readonly logsByClient: Map<number, AssetLog>;
  /** In an order in which each follows its dependencies. */
  readonly operations: Map<string, FoldedOperation>;
  /** Operations that nothing builds on yet. */
  readonly heads: Set<string>;
  /** Ids of what waits, with its log, and what each log waits for. */
  readonly waiting: Map<string, AssetLog>;
  readonly blocked: Map<string, Set<AssetLog>>;
  readonly versions: Map<string, Recorded<VersionRecord>>;
  readonly edges: Map<string, Recorded<AssetEdge>>;
  readonly removals: Map<string, Recorded<{ readonly at: number }>>;
  /** Opened when an update has to be applied or the fields are asked for. */
  document: AssetDocument | Uint8Array | undefined;
  /** What is known now needs all operations folded anew, see `FoldResult`. */
  mustRebuild: boolean;
}

export const emptyReplica = (): AssetReplica => ({
  logs: [],
  logsByName: new Map(),
  logsByClient: new Map(),
  operations: new Map(),
  heads: new Set(),
  waiting: new Map(),
  blocked: new Map(),
  versions: new Map(),
  edges: new Map(),
  removals: new Map(),
  document: undefined,
  mustRebuild: false,
});

/** Where the client of `log` stood after its first `count` operations. */
export const clockAfter = (log: AssetLog, count: number): number =>
  count === 0 ? 0 : log.operations[count - 1]!.clockEnd;

/** The operation that wrote the item; its clock is below the log's. */
export function operationAt(log: AssetLog, clock: number): FoldedOperation {
  let [low, high] = [0, log.operations.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (log.operations[middle]!.clockEnd > clock) high = middle;
    else low = middle + 1;
  }
  return log.operations[low]!;
}

/**
 * What the author of the next operation of `log` had seen: what it had seen before, its dependencies, and what their authors
 * had seen. The list is that of its last operation when that had seen as much.
 */
export function seenBefore(log: AssetLog, dependencies: readonly FoldedOperation[]): readonly number[] {
  const before = log.operations.at(-1)?.seen ?? NOTHING_SEEN;
  let seen: number[] | undefined;
  const raise = (index: number, count: number) => {
    if (count <= ((seen ?? before)[index] ?? 0)) return;
    seen ??= [...before];
    while (seen.length < index) seen.push(0);
    seen[index] = count;
  };
  for (const operation of dependencies) {
    for (let i = 0; i < operation.seen.length; i++) if (i !== log.index) raise(i, operation.seen[i]!);
    if (operation.log !== log) raise(operation.log.index, operation.index + 1);
  }
  return seen ?? before;
}

const NOTHING_SEEN: readonly number[] = [];

/** The operations that wait, of all logs. */
export const waitingOperations = (state: AssetReplica): readonly AssetOperation[] =>
  state.logs.flatMap(({ waiting }) => waiting);

/** Forgets what waits, as if it had not come. */
export function dropWaiting(state: AssetReplica): void {
  for (const log of state.logs) log.waiting.length = 0;
  state.waiting.clear();
  state.blocked.clear();
}

/** The document, opened. */
export function documentOf(openDocument: (bytes: Uint8Array | undefined) => AssetDocument, state: AssetReplica) {
  if (!state.document || state.document instanceof Uint8Array) state.document = openDocument(state.document);
  return state.document;
}

/**
 * Ids of the operations that nothing builds on yet, in order: what an operation about the asset depends on that is made
 * from what the replica shows.
 */
export const assetHeads = (state: AssetReplica): string[] => [...state.heads].sort();
