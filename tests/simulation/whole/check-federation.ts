import { type AssetId, isGranaryError, toHex } from '#core/kernel/index.ts';
import { prefixRange } from '#core/platform/ports.ts';
import {
  type AccessState,
  type ControlOperation,
  decodeRevokeRecord,
  includesLevel,
  type Member,
  resolveAccess,
  REVOKE_SCHEMA,
} from '#sync/access/index.ts';
import { orInvalid, type SignedOperation, splitStored } from '#sync/log/index.ts';
import { toControlOperation } from '#sync/spaces/control-operation.ts';
import type { OpenSpace } from '#sync/spaces/index.ts';
import { readSharedAssets } from '#sync/spaces/shared-asset.ts';
import { baseStateKey } from '#sync/spaces/space-keys.ts';
import { readUntold } from '#sync/spaces/untold.ts';
import { blake3, ed25519, type SyncStack } from './sync-stack.ts';
import type { WholeNode } from './whole-node.ts';

/** What must be true in the end. Devices whose word may have been lost or taken back are in `dropped`. */
export interface Expectations {
  /** The last description of assets that only their maker describes; without a text when it may or may not be stored. */
  readonly descriptions: Map<
    AssetId,
    { readonly device: string; readonly node: WholeNode; readonly text: string | undefined }
  >;
  readonly removed: Map<AssetId, { readonly device: string; readonly node: WholeNode }>;
  readonly dropped: Set<string>;
}

interface Site {
  readonly node: WholeNode;
  readonly stack: SyncStack;
  readonly space: OpenSpace;
}

async function sitesOf(nodes: readonly WholeNode[], spaceName: string): Promise<Site[]> {
  const sites: Site[] = [];
  for (const node of nodes) {
    const stack = node.stack!;
    try {
      sites.push({ node, stack, space: await stack.spaces.find(spaceName) });
    } catch (error) {
      if (!isGranaryError(error, 'SPACE_NOT_FOUND')) throw error;
    }
  }
  return sites;
}

/** What all control operations that any node has amount to. */
async function wholeAccess(sites: readonly Site[]): Promise<AccessState> {
  const control = new Map<string, ControlOperation>();
  for (const { space } of sites) {
    for await (const operation of space.store.controlOperations()) {
      const statement = toControlOperation(space.record.space, operation);
      if (statement) control.set(toHex(operation.id), statement);
    }
  }
  return resolveAccess({ blake3, ed25519 }, sites[0]!.space.genesisId, control.values());
}

/** Nodes that are members, whatever they know themselves. */
export async function membersOf(nodes: readonly WholeNode[], spaceName: string) {
  const sites = await sitesOf(nodes, spaceName);
  const access = await wholeAccess(sites);
  const members = sites.filter(({ stack }) => access.levelNow(stack.key.publicKey) !== null);
  const readers = members.filter(({ stack }) => includesLevel(access.levelNow(stack.key.publicKey), 'read'));
  return { access, members, readers };
}

/**
 * Members whom none of the others knows to be one, directly or through others: who let them in came back from a backup before
 * it told anybody, so no session with them begins until a person lets them in again.
 */
export async function forgottenMembers(
  nodes: readonly WholeNode[],
  spaceName: string,
  canMeet: (left: WholeNode, right: WholeNode) => boolean,
): Promise<Member[]> {
  const { access, members } = await membersOf(nodes, spaceName);
  const knows = (left: Site, right: Site) => left.space.access.levelNow(right.stack.key.publicKey) !== null;
  const meets = (left: Site, right: Site) => canMeet(left.node, right.node) && knows(left, right) && knows(right, left);
  const rest = new Set(members);
  let largest: readonly Site[] = [];
  for (const first of rest) {
    const together = [first];
    rest.delete(first);
    for (const site of together) {
      for (const other of rest) if (meets(site, other) && rest.delete(other)) together.push(other);
    }
    if (together.length > largest.length) largest = together;
  }
  return members.filter((site) => !largest.includes(site)).map(({ stack }) => access.members.get(stack.device)!);
}

/** Why the members do not agree, or somebody does not know that it is none any more; undefined when all is well. */
export async function findDisagreement(
  nodes: readonly WholeNode[],
  spaceName: string,
  canMeet: (left: WholeNode, right: WholeNode) => boolean,
): Promise<string | undefined> {
  const { members, readers } = await membersOf(nodes, spaceName);
  for (const { node, stack, space } of await sitesOf(nodes, spaceName)) {
    const { publicKey } = stack.key;
    const couldTell = (member: Site) =>
      canMeet(member.node, node) && member.space.access.farewellTo(publicKey).length > 0;
    if (members.some(couldTell) && space.access.levelNow(publicKey) !== null) {
      return `${node.name} has not heard of its removal`;
    }
  }
  const roots = members.map(({ node, space }) => [node.name, toHex(space.view.root)] as const);
  const rootDiffers = differing(roots);
  if (rootDiffers) return `roots differ: ${rootDiffers}`;
  const rightsDiffer = differing(members.map(({ node, space }) => [node.name, toHex(space.access.hash)] as const));
  if (rightsDiffer) return `rights differ: ${rightsDiffer}`;
  const hashes: (readonly [string, string])[] = [];
  for (const { node, stack } of readers) {
    const { projectionHash, waiting } = await stack.spaces.describeSpace(spaceName);
    hashes.push([node.name, `${projectionHash.slice(0, 8)} waits for ${JSON.stringify(waiting)}`]);
  }
  const hashDiffers = differing(hashes);
  if (hashDiffers) return `projections differ: ${hashDiffers}`;
  const pictures = await picturesOf(readers);
  for (const id of new Set(pictures.flatMap(({ assets }) => [...assets.keys()]))) {
    const compared = pictures.filter(({ untold }) => !untold.has(id));
    const shown = compared.map(({ node, assets }) => [node.name, JSON.stringify(assets.get(id))] as const);
    const assetDiffers = differing(shown);
    if (assetDiffers) return `catalogs differ: ${assetDiffers}\n${readers.map(whyNot).join('\n')}`;
  }
  return undefined;
}

/** Devices one of whose logs ended in a fork: what stood behind its end may be nowhere. */
async function forkedDevices({ space }: Site): Promise<Set<string>> {
  const forked = new Set<string>();
  for await (const tip of space.store.tips()) if (tip.forkSeq !== undefined) forked.add(toHex(tip.author));
  return forked;
}

/** What keeps a node from agreeing, as it says itself. */
function whyNot({ node, stack, space }: Site): string {
  const report = stack.spaces.reports().get(space.record.space);
  const refused = [...(report?.refusedAssets ?? [])].map(([asset, reason]) => `${asset}: ${reason}`);
  const waiting = [...(report?.projection.waiting ?? [])].map(([reason, count]) => `${count} wait for ${reason}`);
  return `  ${node.name} says: ${[...refused, report?.publishFault ?? '', ...waiting].join(' ')}`;
}

function differing(values: readonly (readonly [string, string | undefined])[]): string | undefined {
  if (new Set(values.map(([, value]) => value)).size <= 1) return undefined;
  return values.map(([name, value]) => `${name}: ${value}`).join('\n  ');
}

/** What the catalogs show, and of which assets a change is not told: nobody else can know what a device may not tell. */
const picturesOf = (sites: readonly Site[]) =>
  Promise.all(
    sites.map(async ({ node, stack, space }) => {
      const untold = await readUntold(stack.deps.store, space.record.space);
      const assets = await pictureOf(stack);
      return { node, untold, assets: new Map(assets.map((asset) => [asset.id, asset])) };
    }),
  );

/** What the catalog shows of the assets of spaces. */
async function pictureOf({ catalog, deps }: SyncStack) {
  const shared = new Set((await readSharedAssets(deps.store)).map(({ asset }) => asset));
  const { assets } = await catalog.listAssets();
  const shown = await Promise.all(
    assets
      .filter(({ id, origin }) => origin && shared.has(id))
      .map(async ({ id, origin, description, tags, assetType, version }) => ({
        id,
        name: origin!.name,
        description,
        tags,
        assetType,
        head: origin!.head?.operationId ?? null,
        segments: version === 0 ? [] : (await catalog.getManifest(id, version)).map((segment) => segment.id),
      })),
  );
  return shown.toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

/** Throws when something is there that should not be, or lacks; returns what there is. */
export async function checkFederation(
  nodes: readonly WholeNode[],
  spaceName: string,
  expected: Expectations,
  rogueText: string,
): Promise<{ operations: number; forks: number; snapshots: number; pruned: number }> {
  const { access, members, readers } = await membersOf(nodes, spaceName);
  if (readers.length === 0) throw new Error('nobody is left');
  const forked = await forkedDevices(readers[0]!);
  const reference = readers.find(({ stack }) => !forked.has(stack.device)) ?? readers[0]!;
  const isTrusted = (device: string) => {
    const level = access.members.get(device)?.level ?? null;
    return includesLevel(level, 'write') && !expected.dropped.has(device) && !forked.has(device);
  };
  const pictures = await picturesOf(readers);
  // They are equal but for what is not told.
  const told = pictures.flatMap(({ assets, untold }) => [...assets].filter(([id]) => !untold.has(id)));
  const shown = new Map(told);
  const isUntold = (at: WholeNode, asset: AssetId) =>
    pictures.some(({ node, untold }) => node === at && untold.has(asset));
  if (JSON.stringify([...shown]).includes(rogueText)) throw new Error('what was written without right shows');
  const authorised = await authorisedMarks(reference, access);
  // Descriptions are told by what differs from the one before.
  const whole = Array.from(shown.values(), ({ name, tags }) => ({ name, tags }));
  for (const mark of JSON.stringify(whole).match(/m\d+\./g) ?? []) {
    if (!authorised.has(mark)) throw new Error(`${mark} shows, and no operation that counts says it`);
  }
  for (const [asset, { device, node }] of expected.removed) {
    if (isTrusted(device) && shown.has(asset) && !isUntold(node, asset))
      throw new Error(`${asset}, removed by ${node.name}, is back`);
  }
  for (const [asset, { device, node, text }] of expected.descriptions) {
    if (!isTrusted(device) || text === undefined || expected.removed.has(asset) || isUntold(node, asset)) continue;
    const is = shown.get(asset);
    if (!is) throw new Error(`${asset} of ${node.name} is lost`);
    if (is.description !== text) throw new Error(`${asset} of ${node.name} says ${is.description} instead of ${text}`);
  }
  await checkOperations(members, isTrusted);
  let [operations, forks] = [0, 0];
  for await (const tip of reference.space.store.tips()) {
    operations += tip.seq + 1;
    if (tip.forkSeq !== undefined) forks += 1;
  }
  const { compaction } = await reference.stack.spaces.describeSpace(spaceName);
  return { operations, forks, snapshots: compaction.snapshots, pruned: compaction.prunedOperations };
}

/** Texts that operations of writers say, not counting what lies behind the frontier of a removal. */
async function authorisedMarks({ space, stack }: Site, access: AccessState): Promise<Set<string>> {
  const frontiers = new Map<string, Map<string, number>[]>();
  for await (const operation of space.store.controlOperations()) {
    const statement = toControlOperation(space.record.space, operation);
    if (statement?.schema !== REVOKE_SCHEMA || access.refused.has(toHex(operation.id))) continue;
    const { device, frontier } = decodeRevokeRecord(statement.content);
    const seqs = new Map(frontier.map(({ logId, seq }) => [toHex(logId), seq]));
    frontiers.set(toHex(device), [...(frontiers.get(toHex(device)) ?? []), seqs]);
  }
  const isBehind = ({ header: { publicKey, extensions, seq } }: SignedOperation) =>
    (frontiers.get(toHex(publicKey)) ?? []).some((seqs) => seq > (seqs.get(toHex(extensions!.logId)) ?? -1));
  const marks = new Set<string>();
  for (const { author, logId } of space.store.logs('data')) {
    for await (const bytes of space.store.operationsFrom(author, logId, 0)) {
      const operation = splitStored({ blake3 }, bytes);
      const { seq, backlink } = operation.header;
      if (isBehind(operation) || !operation.body) continue;
      const { body } = operation;
      const opened = orInvalid(() => ({ plain: space.open({ author, logId, seq, backlink }, body) }));
      if (opened?.plain instanceof Uint8Array) addMarks(marks, opened.plain);
    }
  }
  // What enough members acknowledged is final: its operations say nothing any more.
  const states = prefixRange(baseStateKey(space.record.space, ''));
  for await (const [, bytes] of stack.deps.store.entries(states)) addMarks(marks, bytes);
  return marks;
}

function addMarks(marks: Set<string>, bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1');
  for (const mark of text.match(/m\d+\./g) ?? []) marks.add(mark);
}

/** What devices that may write signed is on the disk of every member. */
async function checkOperations(members: readonly Site[], isTrusted: (device: string) => boolean): Promise<void> {
  for (const { stack, node, space } of members) {
    if (!isTrusted(stack.device)) continue;
    const own = space.store.logs().filter(({ author }) => toHex(author) === stack.device);
    for (const { author, logId } of own) {
      const mine = await stack.logs.tip(author, logId);
      if (!mine?.tip) continue;
      for (const other of members) {
        const theirs = await other.stack.logs.tip(author, logId);
        if (theirs?.frozenFrom !== undefined || (theirs?.tip && theirs.tip.seq >= mine.tip.seq)) continue;
        throw new Error(`${other.node.name} has not all that ${node.name} signed`);
      }
    }
  }
}
