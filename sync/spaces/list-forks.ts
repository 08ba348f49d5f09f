import { type AssetId, toHex } from '#core/kernel/index.ts';
import { checkForkProof, keyFingerprint } from '#sync/log/index.ts';
import { findAsset } from './apply-replicas.ts';
import type { OpenSpace } from './open-space.ts';
import type { ForkOutput } from './operations.ts';
import { lostOperations, type RetellDeps } from './retell-lost.ts';
import { readUnforked } from './unforked-space.ts';

/** The logs of a space that ended because their device signed two operations for one place, and what this node has behind. */
export async function listForks(deps: RetellDeps, space: OpenSpace): Promise<ForkOutput[]> {
  const { logs, blake3 } = deps;
  const forks: ForkOutput[] = [];
  const unforked = await readUnforked(deps, space);
  for (const kind of ['control', 'data'] as const) {
    for (const name of space.store.logs(kind)) {
      const bytes = await logs.forkProof(name.author, name.logId);
      if (!bytes) continue;
      const { seq, operationIds } = checkForkProof(deps, bytes);
      const device = toHex(name.author);
      const assets = new Set<string>();
      let lostCount = 0;
      for await (const _ of logs.operationsBehindFork(name.author, name.logId)) lostCount += 1;
      if (kind === 'data') {
        for await (const { asset } of lostOperations(deps, space, name, unforked, {})) assets.add(asset);
      }
      forks.push({
        device,
        fingerprint: keyFingerprint(blake3, name.author),
        name: space.access.members.get(device)?.name ?? '',
        isThisDevice: device === space.self,
        kind,
        seq,
        operationIds: operationIds.map(toHex),
        lostCount,
        assets: await Promise.all([...assets].map((asset) => nameOf(deps, asset as AssetId))),
      });
    }
  }
  return forks;
}

const nameOf = async ({ catalog }: RetellDeps, asset: AssetId): Promise<string> =>
  (await findAsset(catalog, asset))?.name ?? asset;
