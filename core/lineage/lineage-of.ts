import type { LineageEdge } from '#core/catalog/index.ts';
import { type AbortOptions, type AssetId, throwIfAborted, readRecord } from '#core/kernel/index.ts';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import { fromAssetPrefix, toAssetPrefix } from './keys.ts';

/** Edges one answer holds: more than a person reads, and small enough for one answer. */
export const LINEAGE_EDGES_MAX = 1_000;
/** How far the graph is followed from the asset that was asked about. */
export const LINEAGE_DEPTH_MAX = 32;

/** An edge and what lies behind it, seen from the asset that was asked about. */
export interface LineageBranch {
  readonly edge: LineageEdge;
  /** Upstream: where the source came from. Downstream: what was made of the target. */
  readonly branches: readonly LineageBranch[];
}

/** Where an asset came from and what was made of it. */
export interface Lineage {
  readonly assetId: AssetId;
  readonly name: string;
  readonly upstream: readonly LineageBranch[];
  readonly downstream: readonly LineageBranch[];
  /** True when there is more than {@link LINEAGE_EDGES_MAX} edges or {@link LINEAGE_DEPTH_MAX} steps allow. */
  readonly truncated: boolean;
}

interface Walk {
  readonly store: KeyValueStore;
  readonly options: AbortOptions;
  /** Edges that may still be taken. */
  left: number;
  truncated: boolean;
}

/**
 * Follows the edges from an asset in both directions. An asset is opened once in each direction, so that circles end.
 * Errors: `JOURNAL_CORRUPT`, `CANCELLED`.
 */
export async function lineageOf(
  store: KeyValueStore,
  asset: { readonly id: AssetId; readonly name: string },
  options: AbortOptions = {},
): Promise<Lineage> {
  const walk: Walk = { store, options, left: LINEAGE_EDGES_MAX, truncated: false };
  const upstream = await follow(walk, UPSTREAM, asset.id, new Set(), 1);
  const downstream = await follow(walk, DOWNSTREAM, asset.id, new Set(), 1);
  return { assetId: asset.id, name: asset.name, upstream, downstream, truncated: walk.truncated };
}

interface Direction {
  readonly prefix: (assetId: string) => string;
  readonly next: (edge: LineageEdge) => AssetId | undefined;
}

const UPSTREAM: Direction = { prefix: toAssetPrefix, next: (edge) => edge.from.assetId };
const DOWNSTREAM: Direction = { prefix: fromAssetPrefix, next: (edge) => edge.to.assetId };

async function follow(
  walk: Walk,
  direction: Direction,
  assetId: AssetId,
  opened: Set<AssetId>,
  depth: number,
): Promise<LineageBranch[]> {
  if (opened.has(assetId)) return [];
  opened.add(assetId);
  const edges: LineageEdge[] = [];
  for await (const [key, bytes] of walk.store.entries(prefixRange(direction.prefix(assetId)), walk.options)) {
    if (walk.left === 0 || depth > LINEAGE_DEPTH_MAX) {
      walk.truncated = true;
      break;
    }
    walk.left -= 1;
    edges.push(readRecord<LineageEdge>(key, bytes));
  }
  const branches: LineageBranch[] = [];
  for (const edge of edges) {
    throwIfAborted(walk.options.signal);
    const next = direction.next(edge);
    branches.push({ edge, branches: next === undefined ? [] : await follow(walk, direction, next, opened, depth + 1) });
  }
  return branches;
}

/** The edges that lead to an asset, in the order of its versions. Errors: `JOURNAL_CORRUPT`, `CANCELLED`. */
export async function edgesTo(
  store: KeyValueStore,
  assetId: AssetId,
  options: AbortOptions = {},
): Promise<LineageEdge[]> {
  const edges: LineageEdge[] = [];
  for await (const [key, bytes] of store.entries(prefixRange(toAssetPrefix(assetId)), options)) {
    edges.push(readRecord<LineageEdge>(key, bytes));
  }
  return edges;
}
