import { equalBytes, isGranaryError, toHex } from '#core/kernel/index.ts';
import {
  type Blake3,
  checkBody,
  checkForkProof,
  encodeForkProof,
  isForkProof,
  isPruned,
  peekOperation,
  type SignedOperation,
} from '#sync/log/index.ts';
import { ed25519 } from '#sync/log/testing/fixtures.ts';
import type { Agreement } from '../agreement.ts';
import { type LogTip, NO_OPERATION } from '../log-tip.ts';
import type { AgreementStore, AppendOutcome, Arrival, OperationStore } from '../ports.ts';

interface StoredLog {
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  operations: SignedOperation[];
  raw: Uint8Array[];
  fork: { readonly seq: number; readonly proof: Uint8Array } | undefined;
}

/** A store that can be asked what it holds. */
export interface MemoryOperationStore extends OperationStore {
  /** Hexadecimal ids of all operations that count, sorted. */
  operationIds(): readonly string[];
  /** The seqs of forks by the names of their logs, sorted. */
  forks(): readonly string[];
  /** Up to this seq, operations may come without their bodies. */
  coveredUntil: number;
  /** Leaves the headers of all operations up to `coveredUntil`. */
  dropBodies(): void;
  /** A copy of what is here now, as a store of another incarnation: a backup that is restored. */
  restored(incarnation: Uint8Array): MemoryOperationStore;
}

/** Keeps operations of signed logs in memory; checks chains, and no signatures. */
export function openMemoryOperationStore(
  blake3: Blake3,
  incarnation: Uint8Array,
  from: { readonly raw: readonly Uint8Array[] } = { raw: [] },
): MemoryOperationStore {
  const trusting = { blake3, ed25519: { ...ed25519, verify: () => true } };
  const logs = new Map<string, StoredLog>();
  const arrivals: Arrival[] = [];
  const taken: Uint8Array[] = [];
  const nameOf = (author: Uint8Array, logId: Uint8Array) => toHex(author) + toHex(logId);
  const find = (author: Uint8Array, logId: Uint8Array) => logs.get(nameOf(author, logId));
  const open = (author: Uint8Array, logId: Uint8Array): StoredLog =>
    find(author, logId) ?? { author, logId, operations: [], raw: [], fork: undefined };

  const tipOf = ({ author, logId, operations, fork }: StoredLog): LogTip => {
    const operationId = operations.at(-1)?.id ?? NO_OPERATION;
    return { author, logId, seq: operations.length - 1, operationId, forkSeq: fork?.seq };
  };

  function keep(log: StoredLog, bytes: Uint8Array, seq: number): void {
    logs.set(nameOf(log.author, log.logId), log);
    arrivals.push({ author: log.author, logId: log.logId, seq });
    taken.push(bytes);
  }

  function freeze(log: StoredLog, seq: number, proof: Uint8Array, bytes: Uint8Array): void {
    log.operations = log.operations.slice(0, seq);
    log.raw = log.raw.slice(0, seq);
    log.fork = { seq, proof };
    keep(log, bytes, seq);
  }

  function takeProof(proof: Uint8Array): AppendOutcome {
    const { name, seq } = checkForkProof(trusting, proof);
    const log = open(name.author, name.logId);
    if ((log.fork?.seq ?? Infinity) <= seq) return { outcome: 'known', tip: tipOf(log) };
    freeze(log, seq, proof, proof);
    return { outcome: 'stored', tip: tipOf(log) };
  }

  function takeOperation(bytes: Uint8Array): AppendOutcome {
    const operation = peekOperation({ blake3 }, bytes);
    const { publicKey: author, seq, backlink, extensions } = operation.header;
    if (!isPruned(operation)) checkBody({ blake3 }, operation);
    else if (store.coveredUntil < 0) return { outcome: 'refused', reason: 'invalid' };
    else if (seq > store.coveredUntil) return { outcome: 'refused', reason: 'pruned' };
    if (!extensions) return { outcome: 'refused', reason: 'invalid' };
    const log = open(author, extensions.logId);
    const place: LogTip = { author, logId: log.logId, seq, operationId: operation.id, forkSeq: undefined };
    if (log.fork && seq >= log.fork.seq) return { outcome: 'refused', reason: 'fork' };
    const there = log.operations[seq];
    if (there) {
      if (equalBytes(there.id, operation.id)) return { outcome: 'known', tip: place };
      freeze(log, seq, encodeForkProof(there, operation), bytes);
      return { outcome: 'fork', tip: tipOf(log) };
    }
    if (seq !== log.operations.length) return { outcome: 'refused', reason: 'gap' };
    const previous = log.operations.at(-1);
    if (previous && !equalBytes(backlink!, previous.id)) return { outcome: 'fork', tip: tipOf(log) };
    log.operations.push(operation);
    log.raw.push(bytes);
    keep(log, bytes, seq);
    return { outcome: 'stored', tip: place };
  }

  function take(bytes: Uint8Array): AppendOutcome {
    try {
      return isForkProof(bytes) ? takeProof(bytes) : takeOperation(bytes);
    } catch (error) {
      if (isGranaryError(error)) return { outcome: 'refused', reason: 'invalid' };
      throw error;
    }
  }
  const store: MemoryOperationStore = {
    coveredUntil: -1,
    dropBodies() {
      for (const log of logs.values()) {
        log.raw = log.operations.map(({ headerBytes }, seq) =>
          seq <= store.coveredUntil ? headerBytes : log.raw[seq]!,
        );
      }
    },
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
    operationId: async (author, logId, seq) => find(author, logId)?.operations[seq]?.id,
    forkProof: async (author, logId) => find(author, logId)?.fork?.proof,
    rank: () => 0,
    lastArrival: async () => arrivals.length,
    async *arrivalsAfter(after) {
      for (let i = after; i < arrivals.length; i++) yield arrivals[i]!;
    },
    append: async (operations) => operations.map(take),
    operationIds: () => [...logs.values()].flatMap(({ operations }) => operations.map(({ id }) => toHex(id))).sort(),
    forks: () => [...logs].flatMap(([name, { fork }]) => (fork ? [`${name} ${fork.seq}`] : [])).sort(),
    restored: (other) => openMemoryOperationStore(blake3, other, { raw: taken.slice() }),
  };
  for (const bytes of from.raw) take(bytes);
  return store;
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
