import { canonicalJson, concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { DocumentDeps, DocumentUnit, ItemId } from './ports.ts';
import { type AssetReplica, documentOf, type Recorded } from './replica.ts';

const REPLICA_DOMAIN = toUtf8('granary/asset-replica/1');

/**
 * The canonical hash of all that later operations build on: every operation in its place, every record, every value and
 * character of the document. Two replicas with one hash fold whatever comes to the same; equal operations give equal
 * hashes, in whatever order they came.
 */
export function hashReplica({ blake3, openDocument }: DocumentDeps, state: AssetReplica): Uint8Array {
  const logs = [...state.logsByName.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
  const json = {
    logs: logs.map(([name, { operations, parts, isCut }]) => ({
      name,
      operations: operations.map(({ id, seq, isVoid, clockEnd, dependencies }) => ({
        id,
        seq,
        isVoid,
        clockEnd,
        dependencies: dependencies.map((dependency) => dependency.id).sort(),
      })),
      parts,
      isCut,
    })),
    heads: [...state.heads].sort(),
    waiting: [...state.waiting.keys()].sort(),
    versions: sortRecords(state.versions),
    edges: sortRecords(state.edges),
    removals: sortRecords(state.removals),
    document: state.document ? Array.from(documentOf(openDocument, state).units(), unitJson) : [],
  };
  return blake3(concatBytes([REPLICA_DOMAIN, canonicalJson(json)]));
}

const sortRecords = <T>(records: ReadonlyMap<string, Recorded<T>>) =>
  [...records]
    .map(([id, { clock, record }]) => ({ id, clock, record }))
    .sort((left, right) => (left.id < right.id ? -1 : 1));

const unitJson = ({ client, clock, root, key, left, right, value }: DocumentUnit) => [
  client,
  clock,
  root,
  key ?? null,
  idJson(left),
  idJson(right),
  value === undefined ? [] : [value],
];

const idJson = (id: ItemId | undefined) => (id ? [id.client, id.clock] : null);
