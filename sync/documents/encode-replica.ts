/**
 * A replica as bytes of this node's own store: 16 bytes of BLAKE3 over the rest, the length of a JSON text (u32, big
 * endian), the text, and the document as Yjs has it. Not a format for others: it is rebuilt from the operations.
 */
import { concatBytes, equalBytes, fromHex, fromUtf8, GranaryError, toHex, toUtf8 } from '#core/kernel/index.ts';
import type { HybridTime } from '#core/catalog/index.ts';
import { clientIdOf } from './client-id.ts';
import { blockOn } from './fold-asset.ts';
import type { AssetEdge } from './lineage-record.ts';
import type { DocumentDeps } from './ports.ts';
import {
  type AssetLog,
  type AssetOperation,
  type AssetReplica,
  emptyReplica,
  type FoldedOperation,
  type Recorded,
  seenBefore,
} from './replica.ts';
import type { VersionPart, VersionRecord } from './version-record.ts';

const CHECK_BYTES = 16;
const HEAD_BYTES = CHECK_BYTES + 4;
const LAYOUT = 1;

interface StoredOperation extends Omit<AssetOperation, 'content' | 'author' | 'logId'> {
  readonly kind: AssetOperation['content']['kind'];
  readonly code: number;
  readonly bytes: string;
}

type StoredLog = readonly [
  author: string,
  logId: string,
  parts: VersionPart[],
  waiting: readonly StoredOperation[],
  isCut: boolean,
];

type StoredRecord<T> = readonly [id: string, clock: HybridTime, record: T];

interface StoredReplica {
  readonly layout: typeof LAYOUT;
  readonly logs: readonly StoredLog[];
  /** In the order they were folded: id, log, seq, void, clock after it, dependencies by their place in this list. */
  readonly operations: readonly (readonly [string, number, number, 0 | 1, number, readonly number[]])[];
  readonly heads: readonly string[];
  readonly versions: readonly StoredRecord<VersionRecord>[];
  readonly edges: readonly StoredRecord<AssetEdge>[];
  readonly removals: readonly StoredRecord<{ readonly at: number }>[];
  readonly mustRebuild: boolean;
}

export function encodeAssetReplica({ blake3 }: Pick<DocumentDeps, 'blake3'>, state: AssetReplica): Uint8Array {
  const places = new Map<FoldedOperation, number>();
  const operations = [...state.operations.values()].map((operation, place) => {
    places.set(operation, place);
    const { id, log, seq, isVoid, clockEnd, dependencies } = operation;
    return [id, log.index, seq, isVoid ? 1 : 0, clockEnd, dependencies.map((other) => places.get(other)!)] as const;
  });
  const stored: StoredReplica = {
    layout: LAYOUT,
    logs: state.logs.map(storeLog),
    operations,
    heads: [...state.heads],
    versions: storeRecords(state.versions),
    edges: storeRecords(state.edges),
    removals: storeRecords(state.removals),
    mustRebuild: state.mustRebuild,
  };
  const text = toUtf8(JSON.stringify(stored));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length);
  const { document } = state;
  const documentBytes = document instanceof Uint8Array ? document : (document?.encode() ?? new Uint8Array());
  const rest = concatBytes([length, text, documentBytes]);
  return concatBytes([blake3(rest).subarray(0, CHECK_BYTES), rest]);
}

/** Errors: `STORE_DAMAGED`. */
export function decodeAssetReplica({ blake3 }: Pick<DocumentDeps, 'blake3'>, bytes: Uint8Array): AssetReplica {
  const rest = bytes.subarray(CHECK_BYTES);
  if (bytes.length < HEAD_BYTES || !equalBytes(blake3(rest).subarray(0, CHECK_BYTES), bytes.subarray(0, CHECK_BYTES))) {
    throw damaged();
  }
  const textEnd = HEAD_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(CHECK_BYTES);
  const stored = JSON.parse(fromUtf8(bytes.subarray(HEAD_BYTES, textEnd))) as StoredReplica;
  if (stored.layout !== LAYOUT) throw damaged();
  const state = emptyReplica();
  for (const [author, logId, parts, waiting, isCut] of stored.logs) {
    const client = clientIdOf(blake3, { author, logId });
    const log: AssetLog = {
      author,
      logId,
      index: state.logs.length,
      client,
      operations: [],
      waiting: [],
      isCut,
      parts,
    };
    state.logs.push(log);
    state.logsByName.set(`${author}/${logId}`, log);
    if (!state.logsByClient.has(client)) state.logsByClient.set(client, log);
    for (const operation of waiting) restoreWaiting(state, log, operation);
  }
  restoreOperations(state, stored.operations);
  for (const id of stored.heads) state.heads.add(id);
  for (const log of state.logs) if (log.waiting.length > 0) blockOn(state, log);
  restoreRecords(state, state.versions, stored.versions);
  restoreRecords(state, state.edges, stored.edges);
  restoreRecords(state, state.removals, stored.removals);
  state.mustRebuild = stored.mustRebuild;
  if (textEnd < bytes.length) state.document = bytes.slice(textEnd);
  return state;
}

function restoreOperations(state: AssetReplica, operations: StoredReplica['operations']): void {
  const placed: FoldedOperation[] = [];
  for (const [id, logIndex, seq, isVoid, clockEnd, places] of operations) {
    const log = state.logs[logIndex]!;
    const dependencies = places.map((place) => placed[place]!);
    const seen = seenBefore(log, dependencies);
    const index = log.operations.length;
    const operation = { id, log, index, seq, isVoid: isVoid === 1, dependencies, seen, clockEnd };
    placed.push(operation);
    log.operations.push(operation);
    state.operations.set(id, operation);
  }
}

const storeLog = ({ author, logId, parts, waiting, isCut }: AssetLog): StoredLog => {
  return [author, logId, parts, waiting.map(storeWaiting), isCut];
};

function storeWaiting({ id, seq, clock, dependencies, isVoid, schema, content }: AssetOperation): StoredOperation {
  const code = content.kind === 'unknown' ? content.code : 0;
  return { id, seq, clock, dependencies, isVoid, schema, kind: content.kind, code, bytes: toHex(content.bytes) };
}

function restoreWaiting(state: AssetReplica, log: AssetLog, stored: StoredOperation): void {
  const { kind, code, bytes: digits, ...rest } = stored;
  const bytes = fromHex(digits);
  const content = kind === 'unknown' ? { kind, code, bytes } : { kind, bytes };
  log.waiting.push({ ...rest, author: log.author, logId: log.logId, content });
  state.waiting.set(stored.id, log);
}

const storeRecords = <T>(records: ReadonlyMap<string, Recorded<T>>): StoredRecord<T>[] =>
  Array.from(records, ([id, { clock, record }]) => [id, clock, record] as const);

function restoreRecords<T>(
  state: AssetReplica,
  records: Map<string, Recorded<T>>,
  stored: readonly StoredRecord<T>[],
): void {
  for (const [id, clock, record] of stored) records.set(id, { operation: state.operations.get(id)!, clock, record });
}

const damaged = () =>
  new GranaryError('STORE_DAMAGED', 'What is stored of a replicated asset is damaged. Rebuild it from its operations.');
