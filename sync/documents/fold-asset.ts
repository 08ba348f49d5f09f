import type { Blake3 } from '#sync/log/index.ts';
import { checkYjsUpdate } from './check-update.ts';
import { clientIdOf } from './client-id.ts';
import { foldRecord, type RecordRefusal } from './fold-record.ts';
import { WAITING_BYTES_MAX, WAITING_LOGS_MAX, WAITING_OPERATIONS_MAX } from './limits.ts';
import type { DocumentDeps, HasSeen } from './ports.ts';
import {
  type AssetLog,
  type AssetOperation,
  type AssetReplica,
  clockAfter,
  documentOf,
  emptyReplica,
  type FoldedOperation,
  seenBefore,
} from './replica.ts';
import type { UpdateRefusal } from './update-refused.ts';

/** The schema of operations whose content is an update of the document. */
export const DOCUMENT_SCHEMA = 'granary.document.v1';

export type AssetRefusal =
  | UpdateRefusal
  | RecordRefusal
  /** The log has another operation at its place, or one behind it came first. */
  | 'order'
  /** Another log has the same client id; the one of the lesser name keeps it. */
  | 'client-taken'
  /** Too much of its log waits already. Not for good: see `FoldResult.mustRebuild`. */
  | 'waiting-full';

export interface RefusedOperation {
  readonly id: string;
  readonly reason: AssetRefusal;
}

export interface FoldResult {
  /** Takes the place of the given state, which must not be used any more. */
  readonly state: AssetReplica;
  /** Each is refused for what it and the operations before it say, by every node alike, and changes nothing. */
  readonly refused: readonly RefusedOperation[];
  /**
   * What has been folded is not what all operations together would give: an operation turned out to be void, or not, after
   * it was folded; what was waited for has come when no room had been left for all that waited; or two logs have one client
   * id. Fold all operations about the asset anew, into no state and in one call.
   */
  readonly mustRebuild: boolean;
}

/**
 * Folds operations about one asset. Within a log they come in its order; beyond that any order, and any number of times,
 * gives the same state. What depends on something that is not here waits in the state. Never throws for what an operation
 * says.
 */
export function foldAsset(
  deps: DocumentDeps,
  state: AssetReplica | undefined,
  operations: readonly AssetOperation[],
): FoldResult {
  const fold = new Fold(deps, state ?? emptyReplica());
  fold.openLogs(operations);
  if (operations.some(({ content }) => content.kind === 'yjs-update') || fold.state.waiting.size > 0) {
    documentOf(deps.openDocument, fold.state).transact(() => fold.takeAll(operations));
  } else {
    fold.takeAll(operations);
  }
  return { state: fold.state, refused: fold.refused, mustRebuild: fold.state.mustRebuild };
}

const logName = ({ author, logId }: { author: string; logId: string }): string => `${author}/${logId}`;

class Fold {
  readonly refused: RefusedOperation[] = [];
  /** Devices of which more waits than before. */
  readonly #grown = new Set<string>();
  readonly #blake3: Blake3;
  readonly #openDocument: DocumentDeps['openDocument'];
  readonly state: AssetReplica;

  constructor({ blake3, openDocument }: DocumentDeps, state: AssetReplica) {
    this.#blake3 = blake3;
    this.#openDocument = openDocument;
    this.state = state;
  }

  /** Logs that are new. Of two with one client id the lesser name has it, whichever came first. */
  openLogs(operations: readonly AssetOperation[]): void {
    const names = new Map<string, AssetOperation>();
    for (const operation of operations) {
      const name = logName(operation);
      if (!this.state.logsByName.has(name)) names.set(name, operation);
    }
    for (const name of [...names.keys()].sort()) this.#openLog(name, names.get(name)!);
  }

  #openLog(name: string, { author, logId }: AssetOperation): void {
    const { logs, logsByName, logsByClient } = this.state;
    const client = clientIdOf(this.#blake3, { author, logId });
    const log: AssetLog = {
      author,
      logId,
      index: logs.length,
      client,
      operations: [],
      waiting: [],
      isCut: false,
      parts: [],
    };
    logs.push(log);
    logsByName.set(name, log);
    const other = logsByClient.get(client);
    if (other && name < logName(other)) this.state.mustRebuild = true;
    if (!other) logsByClient.set(client, log);
  }

  takeAll(operations: readonly AssetOperation[]): void {
    for (const operation of operations) this.#take(operation);
    // Only now: within one call it must not matter which came first, what waits or what is waited for.
    for (const author of this.#grown) this.#cut(author);
  }

  /** Drops what waits of a device beyond the limits; the logs that came first keep theirs. */
  #cut(author: string): void {
    let [logCount, countLeft, bytesLeft] = [0, WAITING_OPERATIONS_MAX, WAITING_BYTES_MAX];
    for (const log of this.state.logs) {
      if (log.author !== author || log.waiting.length === 0) continue;
      logCount += 1;
      let kept = 0;
      for (const { content } of log.waiting) {
        const isFound = kept === 0 && logCount <= WAITING_LOGS_MAX;
        if (!isFound && (countLeft <= 0 || content.bytes.length > bytesLeft)) break;
        kept += 1;
        countLeft -= 1;
        bytesLeft -= content.bytes.length;
      }
      for (const operation of log.waiting.splice(kept)) {
        log.isCut = true;
        this.state.waiting.delete(operation.id);
        this.#refuse(operation, 'waiting-full');
      }
    }
  }

  #take(operation: AssetOperation): void {
    const { state } = this;
    const known = state.operations.get(operation.id);
    if (known) {
      if (known.isVoid !== operation.isVoid) state.mustRebuild = true;
      return;
    }
    const log = state.logsByName.get(logName(operation))!;
    if (state.waiting.has(operation.id)) {
      log.waiting[log.waiting.findIndex(({ id }) => id === operation.id)] = operation;
      return;
    }
    if (log.isCut) return this.#refuse(operation, 'waiting-full');
    const before = log.waiting.at(-1) ?? log.operations.at(-1);
    if (before && operation.seq <= before.seq) return this.#refuse(operation, 'order');
    if (log.waiting.length === 0 && this.#missing(operation) === undefined) {
      this.#place(log, operation);
      this.#wake(operation.id);
      return;
    }
    this.#wait(log, operation);
  }

  #missing({ dependencies }: AssetOperation): string | undefined {
    return dependencies.find((id) => !this.state.operations.has(id));
  }

  #wait(log: AssetLog, operation: AssetOperation): void {
    log.waiting.push(operation);
    this.state.waiting.set(operation.id, log);
    this.#grown.add(log.author);
    if (log.waiting.length === 1) blockOn(this.state, log);
  }

  /** Places what waited for `id`, and what waited for that. */
  #wake(id: string): void {
    const { state } = this;
    const placed = [id];
    for (let next = placed.pop(); next !== undefined; next = placed.pop()) {
      const logs = state.blocked.get(next);
      if (!logs) continue;
      state.blocked.delete(next);
      for (const log of logs) {
        for (let first = log.waiting[0]; first && this.#missing(first) === undefined; first = log.waiting[0]) {
          log.waiting.shift();
          state.waiting.delete(first.id);
          this.#place(log, first);
          placed.push(first.id);
        }
        if (log.waiting.length > 0) blockOn(state, log);
        else if (this.#hasRoomFor(log.author)) state.mustRebuild = true;
      }
    }
  }

  /** Whether something of a device was dropped that may find room now that one of its logs waits no more. */
  #hasRoomFor(author: string): boolean {
    return this.state.logs.some((log) => log.author === author && log.isCut && log.waiting.length === 0);
  }

  /** Gives an operation its place, refused or not: others may depend on it, and whether it is refused all nodes agree. */
  #place(log: AssetLog, operation: AssetOperation): void {
    const { state } = this;
    const { id, seq, isVoid } = operation;
    const dependencies = operation.dependencies.map((id) => state.operations.get(id)!);
    const seen = seenBefore(log, dependencies);
    const clock = clockAfter(log, log.operations.length);
    const place = { id, log, index: log.operations.length, seq, isVoid, dependencies, seen };
    const folded: FoldedOperation = { ...place, clockEnd: this.#applyUpdate(operation, log, seen, clock) };
    for (const dependency of dependencies) state.heads.delete(dependency.id);
    const previous = log.operations.at(-1);
    if (previous) state.heads.delete(previous.id);
    state.heads.add(id);
    log.operations.push(folded);
    state.operations.set(id, folded);
    if (operation.content.kind !== 'record') return;
    const refusal = foldRecord(state, folded, operation);
    if (refusal) this.#refuse(operation, refusal);
  }

  /** Returns where the client stands after the operation. */
  #applyUpdate(operation: AssetOperation, log: AssetLog, seen: readonly number[], clock: number): number {
    const { state } = this;
    if (operation.content.kind !== 'yjs-update' || operation.schema !== DOCUMENT_SCHEMA) return clock;
    if (state.logsByClient.get(log.client) !== log) {
      this.#refuse(operation, 'client-taken');
      return clock;
    }
    const hasSeen: HasSeen = (client, itemClock) => {
      const other = state.logsByClient.get(client);
      if (!other) return false;
      return itemClock < (other === log ? clock : clockAfter(other, seen[other.index] ?? 0));
    };
    const document = documentOf(this.#openDocument, state);
    const update = checkYjsUpdate(document, { client: log.client, clock, hasSeen }, operation.content.bytes);
    if (typeof update === 'string') {
      this.#refuse(operation, update);
      return clock;
    }
    document.apply(update, operation.isVoid);
    return update.client === undefined ? clock : update.clockEnd;
  }

  #refuse({ id }: AssetOperation, reason: AssetRefusal): void {
    this.refused.push({ id, reason });
  }
}

/** Remembers what the first operation that waits in a log waits for. */
export function blockOn(state: AssetReplica, log: AssetLog): void {
  const missing = log.waiting[0]!.dependencies.find((id) => !state.operations.has(id))!;
  const logs = state.blocked.get(missing);
  if (logs) logs.add(log);
  else state.blocked.set(missing, new Set([log]));
}
