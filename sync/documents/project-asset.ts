import type { HybridTime } from '#core/catalog/index.ts';
import { canonicalJson, toUtf8, concatBytes } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { AUTHOR_SEALS_MAX } from './limits.ts';
import type { AssetEdge } from './lineage-record.ts';
import type { DocumentDeps } from './ports.ts';
import { type AssetFields, projectFields } from './project-fields.ts';
import type { AssetReplica } from './replica.ts';
import { projectVersions } from './project-versions.ts';
import { decodeSealed, toBase64, type VersionRecord } from './version-record.ts';

export interface VersionFacts extends Omit<VersionRecord, 'sealed'> {
  /** Id of the operation that made it whole. */
  readonly id: string;
  /** Public key of the device, in hexadecimal digits. */
  readonly author: string;
  readonly clock: HybridTime;
  /** Versions from its first ancestor to itself, along the longest way. */
  readonly depth: number;
  /**
   * Parents that are not here, or wait themselves. While there are any the version waits: it is no head, and what it
   * holds cannot be told.
   */
  readonly missing: readonly string[];
}

export interface AssetRemoval {
  readonly id: string;
  readonly author: string;
  /** Milliseconds since the UNIX epoch. */
  readonly at: number;
}

export interface AssetProjection {
  readonly fields: AssetFields;
  /** Somebody removed the asset. Whatever others wrote meanwhile, it stays removed. */
  readonly removed: boolean;
  readonly removals: readonly AssetRemoval[];
  /** How many operations nobody who removed the asset had seen: what its removal hides from them. */
  readonly besideRemoval: number;
  readonly versions: ReadonlyMap<string, VersionFacts>;
  /** Versions that none continues, in order; more than one when devices committed without knowing of each other. */
  readonly heads: readonly string[];
  /** The head that counts meanwhile: the deepest, of these the one with the least id. */
  readonly shown: string | null;
  /**
   * By hash of the segment, how versions say that it is sealed, see `decodeSealedSegment`: several when devices sealed it without
   * knowing of each other, or when one of them says what is not so.
   */
  readonly segments: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly edges: readonly AssetEdge[];
  /** Operations that wait for others, in order. */
  readonly waiting: readonly string[];
}

const PROJECTION_DOMAIN = toUtf8('granary/asset-projection/1');

/** What the operations folded so far say together. */
export function projectAsset({ openDocument }: DocumentDeps, state: AssetReplica): AssetProjection {
  const versions = projectVersions(state);
  const removals = sortById(
    [...state.removals.values()].map(({ operation, record }) => {
      return { id: operation.id, author: operation.log.author, at: record.at };
    }),
  );
  return {
    fields: projectFields(openDocument, state),
    removed: removals.length > 0,
    removals,
    besideRemoval: countBeside(state),
    ...versions,
    segments: sealedSegments(state),
    edges: projectEdges(state),
    waiting: [...state.waiting.keys()].sort(),
  };
}

const sortById = <T extends { readonly id: string }>(items: T[]): T[] =>
  items.sort((left, right) => (left.id < right.id ? -1 : 1));

/** Operations that are void or removals themselves do not count. */
function countBeside(state: AssetReplica): number {
  if (state.removals.size === 0) return 0;
  let count = 0;
  const removals = [...state.removals.values()].map(({ operation }) => operation);
  for (const operation of state.operations.values()) {
    if (operation.isVoid || state.removals.has(operation.id)) continue;
    const { log, index } = operation;
    const isSeen = removals.some((removal) =>
      removal.log === log ? index < removal.index : index < (removal.seen[log.index] ?? 0),
    );
    if (!isSeen) count += 1;
  }
  return count;
}

/** An edge is told once; of two that say to be the same one, everybody takes that of the lesser operation. */
function projectEdges(state: AssetReplica): AssetEdge[] {
  const edges = new Map<string, AssetEdge>();
  for (const operationId of [...state.edges.keys()].sort().reverse()) {
    const { record } = state.edges.get(operationId)!;
    edges.set(record.id, record);
  }
  return sortById([...edges.values()]);
}

/** Each author has a few seals of its own for a segment: nobody drives out those of another one. */
function sealedSegments(state: AssetReplica): Map<string, readonly Uint8Array[]> {
  const bySegment = new Map<string, Map<string, Set<string>>>();
  for (const { operation, record } of state.versions.values()) {
    const { author } = operation.log;
    for (const [id, text] of Object.entries(record.sealed)) {
      const byAuthor = bySegment.get(id) ?? new Map<string, Set<string>>();
      bySegment.set(id, byAuthor.set(author, (byAuthor.get(author) ?? new Set()).add(text)));
    }
  }
  const texts = (byAuthor: ReadonlyMap<string, ReadonlySet<string>>): string[] =>
    [...new Set([...byAuthor.values()].flatMap((own) => [...own].sort().slice(0, AUTHOR_SEALS_MAX)))].sort();
  return new Map(
    [...bySegment]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, byAuthor]) => [id, texts(byAuthor).map(decodeSealed)] as const),
  );
}

/** The canonical hash of a projection: equal operations give equal hashes, in whatever order they came. */
export function hashProjection(blake3: Blake3, projection: AssetProjection): Uint8Array {
  const json = {
    ...projection,
    versions: sortById([...projection.versions.values()]),
    segments: Object.fromEntries([...projection.segments].map(([id, seals]) => [id, seals.map(toBase64)])),
  };
  return blake3(concatBytes([PROJECTION_DOMAIN, canonicalJson(json)]));
}
