import { toHex, type Uuid } from '#core/kernel/index.ts';
import { projectAsset } from '#sync/documents/index.ts';
import { type DescribeDeps, subscriptionOf } from './describe-space.ts';
import { findRemoval, removalText } from './find-removal.ts';
import type { OpenSpace } from './open-space.ts';
import type { SyncExplanation } from './operations.ts';
import { readReplica } from './replicas.ts';
import type { SettleReport } from './settle-spaces.ts';
import { readSharedAsset } from './shared-asset.ts';

/** Why an asset, or its rows, are on this node or are not, from the space to the rows. Errors: `ASSET_NOT_FOUND`. */
export async function explainSync(
  deps: DescribeDeps,
  spaces: ReadonlyMap<Uuid, OpenSpace>,
  reports: ReadonlyMap<Uuid, SettleReport>,
  name: string,
): Promise<SyncExplanation> {
  const asset = await deps.catalog.getAsset(name);
  const lines: string[] = [];
  const explanation = (isHere: boolean): SyncExplanation => ({ asset: asset.name, isHere, lines });
  const shared = await readSharedAsset(deps.store, asset.id);
  if (!shared) {
    lines.push('It is in no space: it is on this node alone. Share it with: granary space share SPACE ASSET');
    return explanation(true);
  }
  const space = spaces.get(shared.space);
  if (!space) {
    lines.push(`It came from the space ${shared.space}, which is not on this node any more.`);
    return explanation(true);
  }
  const { access, record } = space;
  lines.push(`It is in the space ${JSON.stringify(record.name)}.`);
  const level = access.levelNow(deps.key.publicKey);
  lines.push(
    level === null
      ? removalText(record.name, await findRemoval(deps, space))
      : `This device may ${level === 'manage' ? 'read, write and manage' : level} there.`,
  );
  const report = reports.get(record.space);
  for (const [reason, count] of report?.projection.waiting ?? []) {
    lines.push(`${count} operations of the space wait: ${WAIT_TEXTS[reason]}.`);
  }
  const refusal = report?.refusedAssets.get(asset.id);
  if (refusal) lines.push(`What the space says of it cannot be taken in: ${refusal}`);
  const fault = report?.publishFault ?? report?.untoldAssets.get(asset.id);
  if (fault) lines.push(`Changes made here are not told to others: ${fault}`);
  const replica = await readReplica(deps, record.space, asset.id);
  if (!replica) {
    lines.push('Nothing has been told of it yet.');
    return explanation(true);
  }
  const projection = projectAsset(deps, replica);
  if (projection.waiting.length > 0) lines.push(`${projection.waiting.length} changes of it wait for others.`);
  if (projection.heads.length > 1) {
    lines.push(`It has ${projection.heads.length} newest versions, made without knowledge of each other.`);
  }
  const author = projection.shown && projection.versions.get(projection.shown)?.author;
  const maker = author && access.members.get(author);
  if (maker) {
    const isSelf = author === toHex(deps.key.publicKey);
    lines.push(`Its newest version was made ${isSelf ? 'here' : `by ${JSON.stringify(maker.name)}`}.`);
  }
  if (asset.storageFormat === 'EDGE') {
    lines.push('Its storage format is EDGE: what is known about it is shared, its rows are not.');
    return explanation(projection.versions.size === 0);
  }
  const segments = asset.version > 0 ? await deps.catalog.getManifest(asset.id, asset.version) : [];
  const missing = segments.filter(({ remote }) => remote);
  if (missing.length === 0) {
    lines.push(segments.length === 0 ? 'It has no rows.' : `All of its ${segments.length} segments are on this node.`);
    return explanation(true);
  }
  const bytes = missing.reduce((sum, { byteCount }) => sum + byteCount, 0);
  lines.push(`${missing.length} of its ${segments.length} segments, ${bytes} bytes, are not on this node.`);
  const subscription = await subscriptionOf(deps.store, asset.id, projection);
  lines.push(
    subscription === 'data'
      ? 'They are fetched as soon as a member who has them can be reached.'
      : 'Nobody asked for them. Bring them here with: granary fetch ASSET',
  );
  return explanation(false);
}

const WAIT_TEXTS = {
  signature: 'their signatures are being checked',
  key: 'the key they are sealed under has not come to this device',
  access: 'what their author had seen of the members has not come',
} as const;
