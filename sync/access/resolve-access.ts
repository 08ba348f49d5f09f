/** Control operations to what they amount to. The rules are those of `docs/formats/space-v1.md`. */
import { fromHex, toHex } from '#core/kernel/index.ts';
import type { Blake3, Ed25519 } from '#sync/log/index.ts';
import type { AccessRefusal, AccessState, Member } from './access-state.ts';
import { type Effect, Authority, compareNodes, type Grant, isBehind, type Moment, NEEDED_LEVEL } from './authority.ts';
import {
  addBit,
  addBits,
  type Bits,
  bitsFor,
  type CausalOrder,
  hasBit,
  type Node,
  orderCausally,
} from './causal-order.ts';
import { type ControlOperation, readStatement, type Statement } from './control-operation.ts';
import { hashAccess } from './hash-access.ts';
import { KeyRing } from './key-ring.ts';
import { includesLevel, type Level } from './level.ts';
import { decodeRecoveryStatement, isRecoverySigned, type RecoverRecord } from './recover-record.ts';
import type { SpaceRecord } from './space-record.ts';

export interface ResolveAccessDeps {
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
}

/** Moments that are kept for `levelAt`: more than the control operations that arrive between two that data was written at. */
const MOMENTS_KEPT = 1024;

/**
 * Resolves the operations of one space, in any order, each once or more often. What the result says depends on the set of
 * operations alone. Errors: `LIMIT_EXCEEDED` for more than `CONTROL_OPERATIONS_MAX` operations.
 */
export function resolveAccess(
  deps: ResolveAccessDeps,
  genesisId: Uint8Array,
  operations: Iterable<ControlOperation>,
): AccessState {
  const { order, authority, keyRing, space, refused } = authorise(deps, genesisId, operations);
  const everything = bitsFor(order.nodes.length).fill(0xffff_ffff);
  const now = authority.momentOf(everything);
  for (const node of order.nodes) {
    if (!refused.has(node.id) && isWithoutEffect(authority, node, now)) refused.set(node.id, 'void');
  }
  const members = listMembers(authority, now);
  const isVoid = voidPredicate(authority, members, now);
  const state = {
    genesisId,
    name: space?.name ?? '',
    founder: space && order.byId.get(toHex(genesisId))!.operation.author,
    members,
    heads: listHeads(order, authority, isVoid, now),
    keys: keyRing.list((rotation) => authority.isValid(rotation, now)),
    refused,
  };
  const frontiers = [...members.keys()].flatMap((device) => authority.revocationsOf(device, now));
  return {
    ...state,
    admitted: listAdmitted(authority),
    waiting: order.waiting,
    levelNow: (device) => members.get(toHex(device))?.level ?? null,
    levelAt: levelsAt(authority, order),
    isVoid: (author, logId, seq, operationId) => isVoid(toHex(author), toHex(logId), seq, operationId),
    removalOf: (device) => removalOf(authority, toHex(device), now),
    farewellTo: (device) => (members.get(toHex(device))?.level ? [] : farewellTo(order, authority, toHex(device), now)),
    hash: hashAccess(deps.blake3, state, frontiers),
  };
}

interface Authorised {
  readonly order: CausalOrder;
  readonly authority: Authority;
  readonly keyRing: KeyRing;
  readonly space: SpaceRecord | undefined;
  readonly refused: Map<string, AccessRefusal>;
}

/** Adds every operation whose author had the right to it in its own past. */
function authorise(deps: ResolveAccessDeps, genesisId: Uint8Array, operations: Iterable<ControlOperation>): Authorised {
  const authority = new Authority();
  const keyRing = new KeyRing();
  const refused = new Map<string, AccessRefusal>();
  const genesis = toHex(genesisId);
  let space: SpaceRecord | undefined;

  const mayAdd = (node: Node, effect: Effect, statement: Statement): boolean => {
    const needed = NEEDED_LEVEL[effect.kind];
    if (needed && !includesLevel(authority.levelIn(node.author, authority.momentOf(node.past)), needed)) return false;
    if (statement.kind === 'rekey') return keyRing.addRekey(node, statement.record);
    if (statement.kind === 'share-key') return keyRing.addShare(node, statement.record);
    return true;
  };
  const take = (node: Node, byId: CausalOrder['byId']): readonly string[] => {
    const statement = readStatement(node.operation);
    if (statement === undefined) return [];
    if (statement === 'malformed') {
      refused.set(node.id, 'malformed');
      return [];
    }
    if (node.id === genesis && statement.kind === 'space') space = statement.record;
    const founding = byId.get(genesis);
    const isFollowed = founding !== undefined && (node === founding || hasBit(node.past, founding.index));
    const effect = space && isFollowed ? effectOf(deps, genesisId, space, node, statement, byId) : undefined;
    if (!effect || !mayAdd(node, effect, statement)) {
      refused.set(node.id, 'unauthorised');
      return [];
    }
    authority.add(node, effect);
    return authority.grantsIn(node).map(({ device }) => device);
  };
  const order = orderCausally(operations, genesis, take);
  return { order, authority, keyRing, space, refused };
}

/** What a statement would do; undefined for a founding of another space and a recovery that too few keys signed. */
function effectOf(
  { ed25519 }: ResolveAccessDeps,
  genesisId: Uint8Array,
  space: SpaceRecord,
  node: Node,
  statement: Statement,
  byId: ReadonlyMap<string, Node>,
): Effect | undefined {
  switch (statement.kind) {
    case 'space': {
      const { deviceName: name, encryptionKey } = statement.record;
      if (node.id !== toHex(genesisId)) return undefined;
      return { kind: 'founding', grant: { node, device: node.author, level: 'manage', encryptionKey, name } };
    }
    case 'grant': {
      const { device, level, encryptionKey, name } = statement.record;
      return { kind: 'grant', grant: { node, device: toHex(device), level, encryptionKey, name } };
    }
    case 'revoke': {
      const { device, frontier } = statement.record;
      const last = frontier.map((entry) => [toHex(entry.logId), entry] as const);
      return { kind: 'revocation', device: toHex(device), frontier: new Map(last) };
    }
    case 'rekey':
    case 'share-key':
      return { kind: 'key' };
    case 'recover': {
      const isSigned = space.recovery && isRecoverySigned(ed25519, genesisId, space.recovery, statement.record);
      return isSigned ? recoveryOf(node, statement.record, byId) : undefined;
    }
  }
}

/** Undefined when the carrier does not come after the heads that were signed. */
function recoveryOf(node: Node, record: RecoverRecord, byId: ReadonlyMap<string, Node>): Effect | undefined {
  const { managers, heads } = decodeRecoveryStatement(record.statement);
  const found = heads.map((head) => byId.get(toHex(head)));
  const known = found.filter((head) => head !== undefined && hasBit(node.past, head.index));
  if (known.length < heads.length) return undefined;
  return {
    kind: 'recovery',
    statement: toHex(record.statement),
    heads: known as Node[],
    managers: managers.map(({ device, encryptionKey, name }) => {
      return { node, device: toHex(device), level: 'manage', encryptionKey, name };
    }),
  };
}

/** True for an authorised operation that is void now. */
function isWithoutEffect(authority: Authority, node: Node, now: Moment): boolean {
  const revocation = authority.revocationIn(node);
  if (revocation) return !authority.isEffective(revocation, now);
  if (!authority.isValid(node, now)) return true;
  // A device that was removed cannot come back.
  const grants = authority.isRoot(node) ? [] : authority.grantsIn(node);
  return grants.some(({ device }) =>
    authority.revocationsOf(device, now).some((removal) => hasBit(node.past, removal.node.index)),
  );
}

function listAdmitted(authority: Authority): Map<string, number> {
  const firsts = [...authority.devices()].map((device) => ({ device, node: authority.firstGrantNode(device) }));
  const isBefore = (left: (typeof firsts)[0], right: (typeof firsts)[0]) =>
    left.node === right.node ? left.device < right.device : compareNodes(left.node, right.node) < 0;
  const inOrder = firsts.toSorted((left, right) => (isBefore(left, right) ? -1 : 1));
  return new Map(inOrder.map(({ device }, place) => [device, place]));
}

function listMembers(authority: Authority, now: Moment): Map<string, Member> {
  const found = [...authority.devices()].flatMap((device) => {
    const standing = authority.standingGrant(device, now);
    const first = authority.firstGrant(device, now);
    return standing && first ? [{ device, standing, first }] : [];
  });
  const isBefore = (left: { device: string; first: Grant }, right: { device: string; first: Grant }) =>
    left.first.node === right.first.node
      ? left.device < right.device
      : compareNodes(left.first.node, right.first.node) < 0;
  const bySeniority = found.toSorted((left, right) => (isBefore(left, right) ? -1 : 1));
  return new Map(
    bySeniority.map(({ device, standing }, seniority) => {
      const { node, name, encryptionKey } = standing;
      const level = authority.levelIn(device, now);
      const { author: grantedBy, id: grantId } = node.operation;
      return [device, { device: fromHex(device), name, level, encryptionKey, grantedBy, grantId, seniority }];
    }),
  );
}

type IsVoid = (author: string, logId: string, seq: number, operationId?: Uint8Array) => boolean;

function voidPredicate(authority: Authority, members: ReadonlyMap<string, Member>, now: Moment): IsVoid {
  const revocations = new Map([...members.keys()].map((device) => [device, authority.revocationsOf(device, now)]));
  return (author, logId, seq, operationId) =>
    revocations.get(author)?.some(({ frontier }) => isBehind(frontier, logId, seq, operationId)) ?? true;
}

function removalOf(authority: Authority, device: string, now: Moment): ControlOperation | undefined {
  const removals = authority.revocationsOf(device, now).map(({ node }) => node);
  return removals.toSorted(compareNodes)[0]?.operation;
}

function farewellTo({ nodes }: CausalOrder, authority: Authority, device: string, now: Moment): ControlOperation[] {
  const told = membersUpTo([...authority.endsOf(device, now)], nodes.length);
  return nodes.filter(({ index }) => hasBit(told, index)).map(({ operation }) => operation);
}

/** Strangers cannot add heads: there is a limit to how many an operation can name. */
function listHeads({ nodes }: CausalOrder, authority: Authority, isVoid: IsVoid, now: Moment): Uint8Array[] {
  const counts = nodes.filter((node) => {
    const revocation = authority.revocationIn(node);
    if (authority.isRoot(node) || (revocation && authority.isEffective(revocation, now))) return true;
    return !isVoid(node.author, node.logId, node.operation.seq, node.operation.id);
  });
  const builtOn = new Set(counts.flatMap(({ before }) => before));
  const heads = counts.filter((node) => !builtOn.has(node)).map(({ id }) => id);
  return heads.toSorted().map(fromHex);
}

function levelsAt(authority: Authority, { nodes, byId }: CausalOrder): AccessState['levelAt'] {
  const moments = new Map<string, { readonly moment: Moment; readonly levels: Map<string, Level | null> }>();
  const momentAt = (heads: readonly Node[]) => {
    const key = heads
      .map(({ index }) => index)
      .toSorted()
      .join();
    let found = moments.get(key);
    if (!found) {
      if (moments.size === MOMENTS_KEPT) moments.clear();
      moments.set(key, (found = { moment: authority.momentOf(membersUpTo(heads, nodes.length)), levels: new Map() }));
    }
    return found;
  };
  return (device, heads) => {
    const known = heads.flatMap((head) => byId.get(toHex(head)) ?? []);
    if (known.length < heads.length) return undefined;
    const { moment, levels } = momentAt(known);
    const id = toHex(device);
    let level = levels.get(id);
    if (level === undefined) levels.set(id, (level = authority.levelIn(id, moment)));
    return level;
  };
}

function membersUpTo(heads: readonly Node[], count: number): Bits {
  const members = bitsFor(count);
  for (const head of heads) {
    addBits(members, head.past);
    addBit(members, head.index);
  }
  return members;
}
