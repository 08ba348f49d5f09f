import { concatBytes, equalBytes, isGranaryError, toHex } from '#core/kernel/index.ts';
import { checkSuccessor, type Blake3, type SignedOperation, splitOperation } from '#sync/log/index.ts';
import type { Agreement } from '../agreement.ts';
import { compareBytes, type LogTip } from '../log-tip.ts';
import type { AgreementStore, AppendOutcome, Arrival, OperationStore } from '../ports.ts';

interface StoredLog {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly operations: SignedOperation[];
  readonly raw: Uint8Array[];
  /** The two least operations that claim one place. */
  fork: readonly [SignedOperation, SignedOperation] | undefined;
}

/** A store that can be asked what it holds. */
export interface MemoryOperationStore extends OperationStore {
  /** Hexadecimal ids of all operations, sorted. */
  operationIds(): readonly string[];
  /** A copy of what is here now, as a store of another incarnation: a backup that is restored. */
  restored(incarnation: Uint8Array): MemoryOperationStore;
}

/** Keeps operations of signed logs in memory; checks chains, and no signatures. */
export function openMemoryOperationStore(
  blake3: Blake3,
  incarnation: Uint8Array,
  from: { readonly raw: readonly Uint8Array[] } = { raw: [] },
): MemoryOperationStore {
  const logs = new Map<string, StoredLog>();
  const arrivals: Arrival[] = [];
  const rawArrivals: Uint8Array[] = [];
  const nameOf = (author: Uint8Array, logId: Uint8Array) => toHex(author) + toHex(logId);
  const find = (author: Uint8Array, logId: Uint8Array) => logs.get(nameOf(author, logId));

  const tipOf = ({ author, logId, operations, fork }: StoredLog): LogTip => {
    if (fork) {
      const seq = fork[0].header.seq;
      return { author, logId, seq, operationId: blake3(concatBytes(fork.map(({ id }) => id))) };
    }
    const last = operations.at(-1)!;
    return { author, logId, seq: last.header.seq, operationId: last.id };
  };

  function take(bytes: Uint8Array): AppendOutcome {
    let operation: SignedOperation;
    try {
      operation = splitOperation({ blake3 }, bytes);
    } catch (error) {
      if (isGranaryError(error)) return { outcome: 'refused', reason: 'invalid' };
      throw error;
    }
    const { publicKey: author, seq, extensions } = operation.header;
    if (!extensions) return { outcome: 'refused', reason: 'invalid' };
    const { logId } = extensions;
    const log = find(author, logId) ?? { author, logId, operations: [], raw: [], fork: undefined };
    const place: LogTip = { author, logId, seq, operationId: operation.id };
    const there = log.operations[seq];
    if (there) {
      if (equalBytes(there.id, operation.id)) return { outcome: 'known', operation: place };
      if (!log.fork || seq < log.fork[0].header.seq) {
        log.fork = [there, operation].sort((left, right) => compareBytes(left.id, right.id)) as [
          SignedOperation,
          SignedOperation,
        ];
      }
      return { outcome: 'fork', tip: tipOf(log) };
    }
    if (log.fork) return { outcome: 'refused', reason: 'gap' };
    const previous = log.operations.at(-1);
    if (seq !== log.operations.length) return { outcome: 'refused', reason: 'gap' };
    try {
      checkSuccessor(previous, operation);
    } catch (error) {
      if (isGranaryError(error)) return { outcome: 'refused', reason: 'gap' };
      throw error;
    }
    log.operations.push(operation);
    log.raw.push(bytes);
    logs.set(nameOf(author, logId), log);
    arrivals.push({ author, logId, seq });
    rawArrivals.push(bytes);
    return { outcome: 'stored', operation: place, arrival: arrivals.length };
  }
  for (const bytes of from.raw) take(bytes);

  return {
    incarnation,
    async *tips() {
      for (const log of logs.values()) yield tipOf(log);
    },
    async tip(author, logId) {
      const log = find(author, logId);
      return log && tipOf(log);
    },
    async *operationsFrom(author, logId, seqStart) {
      yield* find(author, logId)?.raw.slice(seqStart) ?? [];
    },
    async byteCount(author, logId, seqStart, seqEnd) {
      const raw = find(author, logId)?.raw.slice(seqStart, seqEnd + 1) ?? [];
      return raw.reduce((sum, { length }) => sum + length, 0);
    },
    lastArrival: async () => arrivals.length,
    async *arrivalsAfter(after) {
      for (let i = after; i < arrivals.length; i++) yield arrivals[i]!;
    },
    append: async (bytes) => take(bytes),
    operationIds: () => [...logs.values()].flatMap(({ operations }) => operations.map(({ id }) => toHex(id))).sort(),
    restored: (other) => openMemoryOperationStore(blake3, other, { raw: rawArrivals.slice() }),
  };
}

/** Remembers agreements in memory. */
export function createMemoryAgreements(): AgreementStore {
  const agreements = new Map<string, Agreement>();
  const nameOf = (peerId: Uint8Array, spaceId: Uint8Array) => `${toHex(peerId)}/${toHex(spaceId)}`;
  return {
    get: async (peerId, spaceId) => agreements.get(nameOf(peerId, spaceId)),
    async put(peerId, spaceId, agreement) {
      agreements.set(nameOf(peerId, spaceId), agreement);
    },
  };
}
