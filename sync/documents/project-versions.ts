import type { AssetProjection, VersionFacts } from './project-asset.ts';
import type { AssetReplica } from './replica.ts';

/** The versions of an asset and which of them stand at the end. */
export function projectVersions(state: AssetReplica): Pick<AssetProjection, 'versions' | 'heads' | 'shown'> {
  const depths = depthsOf(state);
  const versions = new Map<string, VersionFacts>();
  const heads = new Set<string>();
  for (const id of [...state.versions.keys()].sort()) {
    const { operation, clock, record } = state.versions.get(id)!;
    const { sealed: _, ...facts } = record;
    const missing = record.parents.filter((parent) => !depths.has(parent));
    const depth = depths.get(id) ?? 0;
    versions.set(id, { id, ...facts, author: operation.log.author, clock, depth, missing });
    if (missing.length === 0) heads.add(id);
  }
  for (const { parents, missing } of versions.values()) {
    if (missing.length === 0) for (const parent of parents) heads.delete(parent);
  }
  let shown: string | null = null;
  for (const id of heads) if (shown === null || depths.get(id)! > depths.get(shown)!) shown = id;
  return { versions, heads: [...heads], shown };
}

/** How deep each version stands that has all of its ancestors; those that wait are not in it. */
function depthsOf({ versions }: AssetReplica): Map<string, number> {
  const depths = new Map<string, number>();
  const children = new Map<string, string[]>();
  const due = new Map<string, number>();
  const ready: string[] = [];
  for (const [id, { record }] of versions) {
    for (const parent of record.parents) {
      const siblings = children.get(parent);
      if (siblings) siblings.push(id);
      else children.set(parent, [id]);
    }
    due.set(id, record.parents.length);
    if (record.parents.length === 0) ready.push(id);
  }
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    let depth = 1;
    for (const parent of versions.get(id)!.record.parents) depth = Math.max(depth, depths.get(parent)! + 1);
    depths.set(id, depth);
    for (const child of children.get(id) ?? []) {
      due.set(child, due.get(child)! - 1);
      if (due.get(child) === 0) ready.push(child);
    }
  }
  return depths;
}
