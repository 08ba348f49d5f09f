import { decodeRecord, type RecordFault } from './record.ts';
import { edgeSchema, LINEAGE_SCHEMA } from './lineage-record.ts';
import { REMOVAL_SCHEMA, removalSchema } from './removal-record.ts';
import type { AssetOperation, AssetReplica, FoldedOperation } from './replica.ts';
import {
  VERSION_SCHEMA,
  type VersionPart,
  type VersionRecord,
  versionPartSchema,
  versionSchema,
} from './version-record.ts';

/** Why a record does not count. */
export type RecordRefusal =
  | RecordFault
  /** A part of a version that does not follow the one before it in its log. */
  | 'part-order';

const SCHEMAS: ReadonlySet<string> = new Set([VERSION_SCHEMA, LINEAGE_SCHEMA, REMOVAL_SCHEMA]);

/** False for a record that says nothing here: only its place counts. */
export const isFoldedRecord = (schema: string): boolean => SCHEMAS.has(schema);

/**
 * Adds what a record says to the replica. Of a void one nothing is added, and what its schema is called is of no matter
 * then. Records of unknown schemas are kept elsewhere and say nothing here.
 */
export function foldRecord(
  state: AssetReplica,
  operation: FoldedOperation,
  { schema, clock, content }: AssetOperation,
): RecordRefusal | undefined {
  switch (schema) {
    case VERSION_SCHEMA:
      return foldVersion(state, operation, clock, content.bytes);
    case LINEAGE_SCHEMA: {
      const read = decodeRecord(edgeSchema, content.bytes);
      if (typeof read === 'string') return read;
      if (!operation.isVoid) state.edges.set(operation.id, { operation, clock, record: read.record });
      return undefined;
    }
    case REMOVAL_SCHEMA: {
      const read = decodeRecord(removalSchema, content.bytes);
      if (typeof read === 'string') return read;
      if (!operation.isVoid) state.removals.set(operation.id, { operation, clock, record: read.record });
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Parts follow each other in their log; a part 0 gives up on what was begun before it. */
function foldVersion(
  state: AssetReplica,
  operation: FoldedOperation,
  clock: AssetOperation['clock'],
  bytes: Uint8Array,
): RecordRefusal | undefined {
  const { log } = operation;
  const last = decodeRecord(versionSchema, bytes);
  const read = typeof last === 'string' ? decodeRecord(versionPartSchema, bytes) : last;
  if (typeof read === 'string') return read;
  const { part, parts } = read.record;
  if (part === 0) log.parts = [];
  if (part !== log.parts.length || (part > 0 && parts !== log.parts[0]!.parts)) return 'part-order';
  if (typeof last === 'string') {
    // A version counts as a whole or not at all: what follows a void part does not follow.
    if (operation.isVoid) log.parts = [];
    else log.parts.push(read.record);
    return undefined;
  }
  const record = joinParts([...log.parts, last.record], last.record);
  log.parts = [];
  if (!operation.isVoid) state.versions.set(operation.id, { operation, clock, record });
  return undefined;
}

function joinParts(all: readonly VersionPart[], last: VersionRecord & VersionPart): VersionRecord {
  const { part: _, parts: __, ...record } = last;
  if (all.length === 1) return record;
  return {
    ...record,
    added: all.flatMap(({ added }) => added),
    removed: all.flatMap(({ removed }) => removed),
    sealed: Object.assign({}, ...all.map(({ sealed }) => sealed)),
  };
}
