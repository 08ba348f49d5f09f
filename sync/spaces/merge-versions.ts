import type { Catalog } from '#core/catalog/index.ts';
import { type Clock, fromHex, GranaryError, type Uuid } from '#core/kernel/index.ts';
import { assetHeads, encodeVersion, projectAsset, VERSION_SCHEMA, type VersionFacts } from '#sync/documents/index.ts';
import type { OpenSpace } from './open-space.ts';
import type { HeadOutput, HeadsOutput } from './operations.ts';
import type { ProjectDeps } from './project-operations.ts';
import { readReplica } from './replicas.ts';
import { readSharedAsset } from './shared-asset.ts';
import { joinHeads, newestVersions } from './version-heads.ts';

export interface MergeDeps extends ProjectDeps {
  readonly catalog: Catalog;
  readonly clock: Clock;
}

/** The newest versions of an asset of a space. Errors: `ASSET_NOT_FOUND`, `SPACE_NOT_FOUND` for one that is in none. */
export async function listHeads(
  deps: MergeDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  name: string,
): Promise<HeadsOutput> {
  const { asset, space, projection } = await openAsset(deps, spaces, name);
  const heads = projection ? newestVersions(projection) : [];
  return { asset: asset.name, heads: heads.map((head) => headOutput(space, head, projection?.shown ?? null)) };
}

const headOutput = ({ access, self }: OpenSpace, head: VersionFacts, shown: string | null): HeadOutput => ({
  version: head.id,
  isShown: head.id === shown,
  device: access.members.get(head.author)?.name ?? head.author,
  isThisDevice: head.author === self,
  createdAt: new Date(head.createdAt).toISOString(),
  rowCount: head.rowCount,
  byteCount: head.byteCount,
});

/**
 * Signs a version that joins the newest ones, see `joinHeads`; `take` is one of them, or the start of its id. Returns false
 * when there is only one. Errors: those of `listHeads` and `joinHeads`, `VERSION_NOT_FOUND`, `FORBIDDEN`, `KEY_MISSING`.
 */
export async function mergeHeads(
  deps: MergeDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  name: string,
  take: string | undefined,
): Promise<boolean> {
  const { asset, space, replica, projection } = await openAsset(deps, spaces, name);
  if (!replica || !projection || projection.heads.length < 2) return false;
  const taken = take === undefined ? undefined : findHead(asset.name, projection.heads, take);
  const records = encodeVersion(joinHeads(projection, taken, deps.clock.now()));
  await space.signData(
    records.map((bytes, i) => ({
      schema: VERSION_SCHEMA,
      subject: asset.id,
      dependencies: i === 0 ? assetHeads(replica).map(fromHex) : [],
      content: { kind: 'record', bytes },
    })),
  );
  return true;
}

function findHead(asset: string, heads: readonly string[], start: string): string {
  const found = heads.filter((id) => id.startsWith(start.toLowerCase()));
  if (found.length === 1) return found[0]!;
  throw new GranaryError(
    'VERSION_NOT_FOUND',
    `The asset ${JSON.stringify(asset)} has no newest version ${JSON.stringify(start)}. List them: granary assets heads`,
    { version: start },
  );
}

async function openAsset(deps: MergeDeps, spaces: ReadonlyMap<Uuid, OpenSpace>, name: string) {
  const asset = await deps.catalog.getAsset(name);
  const shared = await readSharedAsset(deps.store, asset.id);
  const space = shared && spaces.get(shared.space);
  if (!space) {
    throw new GranaryError('SPACE_NOT_FOUND', `The asset ${JSON.stringify(asset.name)} is in no space.`, { name });
  }
  const replica = await readReplica(deps, space.record.space, asset.id);
  return { asset, space, replica, projection: replica && projectAsset(deps, replica) };
}
