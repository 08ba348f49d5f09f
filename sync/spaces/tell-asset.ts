import { fromHex, type Uuid } from '#core/kernel/index.ts';
import { assetHeads, type AssetReplica } from '#sync/documents/index.ts';
import type { DataEnvelope, OpenSpace, SignOptions } from './open-space.ts';
import { type ProjectDeps, projectOperations } from './project-operations.ts';

/** What is said about an asset, in an operation of its own. */
export type Told = Pick<DataEnvelope, 'schema' | 'content'>;

export const recordOf = (schema: string, bytes: Uint8Array): Told => ({ schema, content: { kind: 'record', bytes } });

/**
 * Signs operations about an asset that build on all that `replica` knows, and folds them. Returns their ids. Errors: those of
 * `OpenSpace.signData`.
 */
export async function tellAsset(
  deps: ProjectDeps,
  space: OpenSpace,
  { asset, replica }: { readonly asset: Uuid; readonly replica: AssetReplica | undefined },
  contents: readonly Told[],
  options: SignOptions = {},
): Promise<readonly string[]> {
  const dependencies = replica ? assetHeads(replica).map(fromHex) : [];
  const envelopes = contents.map((content, i) => ({
    ...content,
    subject: asset,
    // Those that follow build on the first by their place in the log.
    dependencies: i === 0 ? dependencies : [],
  }));
  const ids = await space.signData(envelopes, options);
  await projectOperations(deps, space, { only: await space.ownDataLog() });
  return ids;
}
