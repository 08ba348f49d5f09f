import type { CommitContribution, LineageEdge } from '#core/catalog/index.ts';
import { type Clock, type Random, type Uuid, uuidv7, canonicalJson } from '#core/kernel/index.ts';
import type { Commit } from '#core/platform/ports.ts';
import { fromAssetKey, toAssetKey } from './keys.ts';

/** Characters of a source's name that an edge keeps: the text of a query can be long, and edges travel to other nodes. */
export const SOURCE_NAME_LENGTH_MAX = 4_096;

/** Where rows of a version came from. */
export interface LineageSource {
  readonly from: LineageEdge['from'];
  readonly job?: Uuid | null | undefined;
  readonly rowCount: number;
  readonly detail?: LineageEdge['detail'] | undefined;
}

/** Adds an edge from each source to the version that is being committed. Use it in the `contribute` of a commit. */
export function recordLineage(
  deps: { readonly clock: Clock; readonly random: Random },
  { commit, assetId, assetName, version, at, recordEdge }: CommitContribution,
  sources: readonly LineageSource[],
): void {
  for (const [place, { from, job = null, rowCount, detail = {} }] of sources.entries()) {
    const edge: LineageEdge = {
      id: uuidv7(deps),
      from: { ...from, name: cut(from.name) },
      to: { assetId, name: assetName, version },
      job,
      rowCount,
      at,
      detail,
    };
    storeEdge(commit, edge, place);
    recordEdge(edge);
  }
}

/** Adds an edge to a commit where it is found from both of its ends; `place` is its own among those of its version. */
export function storeEdge(commit: Commit, edge: LineageEdge, place: number): void {
  const bytes = canonicalJson(edge);
  commit.put(toAssetKey(edge, place), bytes);
  if (edge.from.assetId !== undefined) commit.put(fromAssetKey(edge.from.assetId, edge), bytes);
}

const cut = (name: string) =>
  (name.length > SOURCE_NAME_LENGTH_MAX ? `${name.slice(0, SOURCE_NAME_LENGTH_MAX)}…` : name).toWellFormed();
