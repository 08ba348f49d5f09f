import { schemaToJson } from '#core/columnar/index.ts';
import type { AssetId, Uuid } from '#core/kernel/index.ts';
import type { AssetSpace } from '../asset.ts';
import type { AssetReplicaState, ReplicaVersion } from '../asset-replica.ts';
import type { LineageEdge } from '../lineage-edge.ts';
import { TEST_SCHEMA, TEST_START, testSegment } from './catalog-world.ts';

const uuid = (kind: number, number: number) =>
  `0190000${kind}-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as Uuid;

export const replicaId = (number: number) => uuid(1, number) as AssetId;

/** The id of an operation of a space. */
export const operationOf = (number: number): string => number.toString(16).padStart(64, 'f');

export const TEST_SPACE: AssetSpace = { space: uuid(2, 1), spaceName: 'Millbrook' };
export const OTHER_SPACE: AssetSpace = { space: uuid(2, 2), spaceName: 'Oakdale' };

/** A version whose segments are those of the numbers; whole, unless it has a base. */
export function testVersion(
  operation: number,
  segments: readonly number[],
  change: { readonly base?: number; readonly added?: readonly number[]; readonly removed?: readonly number[] } = {},
): ReplicaVersion {
  const rows = segments.map((number) => testSegment(number));
  return {
    operationId: operationOf(operation),
    base: change.base === undefined ? null : operationOf(change.base),
    added: change.base === undefined ? rows : (change.added ?? []).map((number) => testSegment(number)),
    removed: (change.removed ?? []).map((number) => testSegment(number).id),
    rowCount: rows.length * 10,
    byteCount: rows.length * 80,
    schema: schemaToJson(TEST_SCHEMA),
    createdAt: TEST_START + operation,
    sources: [{ name: `file ${operation}`, kind: 'file', contentHash: `${operation}`, rowCount: 10 }],
  };
}

export const testEdge = (assetId: AssetId, number: number, version = 1): LineageEdge => ({
  id: uuid(3, number),
  from: { kind: 'file', name: `file ${number}` },
  to: { assetId, name: 'there', version },
  job: null,
  rowCount: 10,
  at: TEST_START,
  detail: {},
});

export function testReplica(
  number: number,
  {
    fields = {},
    ...rest
  }: Partial<Omit<AssetReplicaState, 'fields'>> & { readonly fields?: Partial<AssetReplicaState['fields']> } = {},
): AssetReplicaState {
  return {
    assetId: replicaId(number),
    origin: TEST_SPACE,
    fields: {
      name: `asset ${number}`,
      description: null,
      assetType: 'STRUCTURED',
      storageFormat: 'WEBM_COLUMNAR',
      tags: [],
      ...fields,
    },
    versions: [],
    edges: [],
    removed: false,
    ...rest,
  };
}
