/**
 * Who has the right to what, at any moment of a space's history. Operations are added one by one, each after its past and
 * only if its author had the right to it there ("authorised"), which never changes. Revocations and recoveries take away
 * from it again ("void"), with all that rested on what they take.
 * The rules are those of `docs/formats/space-v1.md`, sections 3 to 5.
 */
import { equalBytes } from '#core/kernel/index.ts';
import { addBit, addBits, type Bits, bitsFor, hasBit, type Node, pushTo } from './causal-order.ts';
import { includesLevel, leastLevel, type Level } from './level.ts';
import type { FrontierEntry } from './revoke-record.ts';
import { stronglyConnected } from './strongly-connected.ts';

/** A level that an authorised operation gives to a device. */
export interface Grant {
  readonly node: Node;
  /** In hexadecimal, as everywhere here. */
  readonly device: string;
  readonly level: Level;
  readonly encryptionKey: Uint8Array;
  readonly name: string;
}

/** What an authorised operation says, as far as rights are concerned. */
export type Effect =
  | { readonly kind: 'founding'; readonly grant: Grant }
  | { readonly kind: 'grant'; readonly grant: Grant }
  | { readonly kind: 'revocation'; readonly device: string; readonly frontier: Frontier }
  | {
      readonly kind: 'recovery';
      /** The same for all operations that carry this statement. */
      readonly statement: string;
      readonly heads: readonly Node[];
      readonly managers: readonly Grant[];
    }
  /** A rotation or a share of a key. */
  | { readonly kind: 'key' };

/** The last operation that stays, by log. */
export type Frontier = ReadonlyMap<string, FrontierEntry>;

/** What its author needs, unless the operation carries its authority itself. */
export const NEEDED_LEVEL: Readonly<Record<Effect['kind'], Level | undefined>> = {
  founding: undefined,
  grant: 'manage',
  revocation: 'manage',
  recovery: undefined,
  key: 'write',
};

/** An authorised revocation. */
export interface Revocation {
  readonly node: Node;
  readonly device: string;
  readonly frontier: Frontier;
  /** The revocations that could lose their effect by this one. */
  readonly reaches: Set<Revocation>;
}

/** A recovery that enough keys signed. */
interface Recovery {
  /** The heads that were signed and their pasts: what the space goes on from. */
  readonly base: Bits;
  /** The operations that carry the statement. */
  readonly carriers: Node[];
}

/** A set of operations that holds the past of each of its members, and what holds there. */
export interface Moment {
  readonly members: Bits;
  /** Revocations of the moment that have no effect. */
  readonly ineffective: ReadonlySet<Revocation>;
  /** Answers of `isValid` that were found already; undefined when nothing makes anything void. */
  readonly validity: Map<Node, boolean> | undefined;
}

/** Sets of answers that are kept: operations that follow each other mostly see the same removals. */
const VALIDITIES_KEPT = 16;

/**
 * True for what a frontier does not keep: operations behind it, and another than the one that it names at its own place,
 * which nobody had seen who signed it. Where the id is not known, the place alone counts.
 */
export function isBehind(frontier: Frontier, logId: string, seq: number, operationId?: Uint8Array): boolean {
  const last = frontier.get(logId);
  if (!last || seq > last.seq) return true;
  return seq === last.seq && operationId !== undefined && !equalBytes(operationId, last.operationId);
}

/** True when the revocation, being effective, makes this operation void. */
const isOutside = ({ device, frontier }: Revocation, { author, logId, operation }: Node): boolean =>
  device === author && isBehind(frontier, logId, operation.seq, operation.id);

export class Authority {
  readonly #kinds = new Map<Node, Effect['kind']>();
  readonly #authorisedBy = new Map<string, Node[]>();
  readonly #grants = new Map<string, Grant[]>();
  readonly #grantsIn = new Map<Node, readonly Grant[]>();
  readonly #revocations = new Map<string, Revocation[]>();
  readonly #revocationIn = new Map<Node, Revocation>();
  readonly #recoveries = new Map<string, Recovery>();
  /** Revocations that make something void; while none of them is effective, all that is authorised is valid. */
  readonly #voiding = new Set<Revocation>();
  /** Revocations that reach another or are reached: no other can be without effect. */
  readonly #involved = new Set<Revocation>();
  readonly #validities = new Map<string, Map<Node, boolean>>();
  readonly #ineffectiveAmong = new Map<string, ReadonlySet<Revocation>>();

  /** Every device that an authorised operation gives a level to. */
  devices(): Iterable<string> {
    return this.#grants.keys();
  }

  /** The first authorised operation that lets in a device that was let in, valid or not: least depth, then least id. */
  firstGrantNode(device: string): Node {
    const nodes = this.#grantsOf(device).map(({ node }) => node);
    return nodes.reduce((first, node) => (compareNodes(node, first) < 0 ? node : first));
  }

  /** Adds an operation that is authorised at its past. */
  add(node: Node, effect: Effect): void {
    this.#kinds.set(node, effect.kind);
    pushTo(this.#authorisedBy, node.author, node);
    for (const revocation of this.#revocationsOf(node.author)) {
      if (isOutside(revocation, node)) this.#voiding.add(revocation);
    }
    if (effect.kind === 'founding' || effect.kind === 'grant') this.#addGrants(node, [effect.grant]);
    if (effect.kind === 'revocation') this.#addRevocation(node, effect.device, effect.frontier);
    if (effect.kind === 'recovery') {
      this.#addGrants(node, effect.managers);
      this.#addRecovery(node, effect.statement, effect.heads);
    }
  }

  /** What holds in a set of operations, all of which have been added or have no effect. */
  momentOf(members: Bits): Moment {
    const ineffective = this.#findIneffective(members);
    const isThere = (revocation: Revocation) => this.isEffective(revocation, { members, ineffective });
    const voiding = [...[...this.#voiding].filter(isThere).map(({ node }) => node), ...this.#carriersIn(members)];
    if (voiding.length === 0) return { members, ineffective, validity: undefined };
    const key = voiding.map(({ index }) => index).join();
    let validity = this.#validities.get(key);
    if (!validity) {
      if (this.#validities.size === VALIDITIES_KEPT) this.#validities.clear();
      this.#validities.set(key, (validity = new Map()));
    }
    return { members, ineffective, validity };
  }

  isEffective(revocation: Revocation, { members, ineffective }: Omit<Moment, 'validity'>): boolean {
    return hasBit(members, revocation.node.index) && !ineffective.has(revocation);
  }

  /** The effective revocations of a device. */
  revocationsOf(device: string, moment: Moment): Revocation[] {
    return this.#revocationsOf(device).filter((revocation) => this.isEffective(revocation, moment));
  }

  /** What left a device without a level: its removals, and whatever made the grants void that it had. */
  endsOf(device: string, moment: Moment): Set<Node> {
    const ends = new Set(this.revocationsOf(device, moment).map(({ node }) => node));
    for (const grant of this.#grantsOf(device)) {
      for (const support of this.#supportOf(grant.node)) {
        for (const removal of this.revocationsOf(support.author, moment)) {
          if (isOutside(removal, support)) ends.add(removal.node);
        }
        if (this.#isLeftBehind(support, moment.members)) {
          for (const carrier of this.#carriersIn(moment.members)) ends.add(carrier);
        }
      }
    }
    return ends;
  }

  /** The revocation that an authorised operation is. */
  revocationIn(node: Node): Revocation | undefined {
    return this.#revocationIn.get(node);
  }

  /** The levels that an authorised operation gives. */
  grantsIn(node: Node): readonly Grant[] {
    return this.#grantsIn.get(node) ?? [];
  }

  /** True for the founding and for recoveries: they do not rest on a right of their author. */
  isRoot(node: Node): boolean {
    const kind = this.#kinds.get(node);
    return kind !== undefined && NEEDED_LEVEL[kind] === undefined;
  }

  levelIn(device: string, moment: Moment): Level | null {
    if (this.revocationsOf(device, moment).length > 0) return null;
    return this.standingGrant(device, moment)?.level ?? null;
  }

  /**
   * The grant that tells the level of a device, unless the device is removed: of the valid ones that no other valid one
   * followed, that with the least level, and among equals that with the least id. Its level is what it gives at that moment.
   */
  standingGrant(device: string, moment: Moment): Grant | undefined {
    const latest: Grant[] = [];
    // Backwards: what comes later was added later.
    for (const grant of this.#grantsOf(device).toReversed()) {
      const { index } = grant.node;
      const isFollowed = latest.some(({ node }) => hasBit(node.past, index));
      if (!isFollowed && hasBit(moment.members, index) && this.isValid(grant.node, moment)) latest.push(grant);
    }
    const [first, ...rest] = latest.map((grant) => ({ ...grant, level: this.#levelOf(grant, moment.members) }));
    const isBefore = (left: Grant, right: Grant) =>
      left.level === right.level ? left.node.id < right.node.id : leastLevel(left.level, right.level) === left.level;
    return first && rest.reduce((least, grant) => (isBefore(grant, least) ? grant : least), first);
  }

  /** The first valid grant of a device: least depth, then least id. */
  firstGrant(device: string, moment: Moment): Grant | undefined {
    const valid = this.#grantsOf(device).filter(
      ({ node }) => hasBit(moment.members, node.index) && this.isValid(node, moment),
    );
    return valid.toSorted(({ node: left }, { node: right }) => compareNodes(left, right))[0];
  }

  /** False when an authorised operation of the moment is void there, itself or because nothing is left that it rests on. */
  isValid(node: Node, moment: Moment): boolean {
    const { validity } = moment;
    if (!validity) return true;
    const known = validity.get(node);
    if (known !== undefined) return known;
    // In the order of their pasts, each is judged by those before it.
    const unknown = this.#supportOf(node, (each) => !validity.has(each));
    for (const each of [...unknown].toSorted((left, right) => left.index - right.index)) {
      validity.set(each, this.#rests(each, moment, validity));
    }
    return validity.get(node)!;
  }

  #rests(node: Node, moment: Moment, validity: ReadonlyMap<Node, boolean>): boolean {
    if (this.#neededFor(node) === undefined) return true;
    if (this.revocationsOf(node.author, moment).some((revocation) => isOutside(revocation, node))) return false;
    if (this.#isLeftBehind(node, moment.members)) return false;
    return this.#supportsOf(node).some((grant) => validity.get(grant.node));
  }

  #addGrants(node: Node, grants: readonly Grant[]): void {
    this.#grantsIn.set(node, grants);
    for (const grant of grants) pushTo(this.#grants, grant.device, grant);
  }

  #addRecovery(node: Node, statement: string, heads: readonly Node[]): void {
    const known = this.#recoveries.get(statement);
    if (known) {
      known.carriers.push(node);
      return;
    }
    const base = bitsFor(node.index);
    for (const head of heads) {
      addBits(base, head.past);
      addBit(base, head.index);
    }
    this.#recoveries.set(statement, { base, carriers: [node] });
    for (const revocation of this.#revocationIn.values()) this.#involved.add(revocation);
  }

  #addRevocation(node: Node, device: string, frontier: Frontier): void {
    const revocation: Revocation = { node, device, frontier, reaches: new Set() };
    this.#revocationIn.set(node, revocation);
    pushTo(this.#revocations, device, revocation);
    if (this.#recoveries.size > 0) this.#involved.add(revocation);
    for (const support of this.#supportOf(node)) {
      for (const other of this.#revocationsOf(support.author)) {
        if (isOutside(other, support)) this.#connect(other, revocation);
      }
    }
    const lost = this.#nodesBy(device).filter((other) => isOutside(revocation, other));
    if (lost.length > 0) this.#voiding.add(revocation);
    for (const dependent of this.#dependentsOf(lost)) {
      const other = this.#revocationIn.get(dependent);
      if (other) this.#connect(revocation, other);
    }
  }

  #connect(from: Revocation, to: Revocation): void {
    // A device that removes itself does not make its removal void.
    if (from === to) return;
    from.reaches.add(to);
    this.#involved.add(from).add(to);
  }

  /** An operation, the grants it rests on, those that these rest on, and so on, as far as they are asked for. */
  #supportOf(node: Node, isAskedFor: (node: Node) => boolean = () => true): Set<Node> {
    const found = new Set([node]);
    for (const each of found) {
      for (const grant of this.#supportsOf(each)) if (isAskedFor(grant.node)) found.add(grant.node);
    }
    return found;
  }

  /** Operations, those that rest on them, and so on. */
  #dependentsOf(nodes: readonly Node[]): Set<Node> {
    const found = new Set(nodes);
    for (const each of found) {
      for (const { device } of this.grantsIn(each)) {
        for (const other of this.#nodesBy(device)) {
          if (!found.has(other) && this.#supportsOf(other).some((grant) => grant.node === each)) found.add(other);
        }
      }
    }
    return found;
  }

  /** The grants that gave the author of an operation the right to it, when it was signed. */
  #supportsOf(node: Node): Grant[] {
    const needed = this.#neededFor(node);
    if (needed === undefined) return [];
    return this.#grantsOf(node.author).filter(
      (grant) => hasBit(node.past, grant.node.index) && includesLevel(this.#levelOf(grant, node.past), needed),
    );
  }

  #neededFor = (node: Node): Level | undefined => NEEDED_LEVEL[this.#kinds.get(node)!];
  #nodesBy = (device: string): readonly Node[] => this.#authorisedBy.get(device) ?? [];
  #grantsOf = (device: string): readonly Grant[] => this.#grants.get(device) ?? [];
  #revocationsOf = (device: string): readonly Revocation[] => this.#revocations.get(device) ?? [];

  /** What a grant gives at a moment: who managed before a recovery may only write after it. */
  #levelOf({ level, node }: Grant, members: Bits): Level {
    if (level !== 'manage') return level;
    for (const recovery of this.#recoveries.values()) {
      if (isCarriedIn(recovery, members) && !isAfter(node, recovery)) return 'write';
    }
    return level;
  }

  /** True for an operation that a recovery of the moment neither goes on from nor was known to. */
  #isLeftBehind(node: Node, members: Bits): boolean {
    for (const recovery of this.#recoveries.values()) {
      const isKept = hasBit(recovery.base, node.index) || isAfter(node, recovery);
      if (isCarriedIn(recovery, members) && !isKept) return true;
    }
    return false;
  }

  #carriersIn(members: Bits): Node[] {
    const carriers = [...this.#recoveries.values()].flatMap((recovery) => recovery.carriers);
    return carriers.filter(({ index }) => hasBit(members, index));
  }

  #findIneffective(members: Bits): ReadonlySet<Revocation> {
    const involved = [...this.#involved].filter(({ node }) => hasBit(members, node.index));
    if (involved.length === 0) return new Set();
    const inside = [...involved.map(({ node }) => node), ...this.#carriersIn(members)];
    const key = inside.map(({ index }) => index).join();
    let ineffective = this.#ineffectiveAmong.get(key);
    if (!ineffective) this.#ineffectiveAmong.set(key, (ineffective = this.#settle(members, involved)));
    return ineffective;
  }

  /**
   * Decides revocations after all that reach them. Those that reach each other in a circle are all effective, once those
   * are gone that something before the circle makes void.
   */
  #settle(members: Bits, revocations: readonly Revocation[]): ReadonlySet<Revocation> {
    const ineffective = new Set(revocations);
    const pending = [revocations];
    for (let undecided = pending.pop(); undecided; undecided = pending.pop()) {
      const components = stronglyConnected(undecided, ({ reaches }) => reaches);
      for (const [at, component] of components.entries()) {
        const moment = { members, ineffective, validity: new Map() };
        const standing = component.filter(({ node }) => this.isValid(node, moment));
        if (standing.length === component.length) {
          for (const revocation of standing) ineffective.delete(revocation);
        } else if (standing.length > 0) {
          // The circle may be broken: what is left of it comes first, then what follows it.
          pending.push(components.slice(at + 1).flat(), standing);
          break;
        }
      }
    }
    return ineffective;
  }
}

const isCarriedIn = ({ carriers }: Recovery, members: Bits): boolean =>
  carriers.some(({ index }) => hasBit(members, index));

const isAfter = (node: Node, { carriers }: Recovery): boolean =>
  carriers.some((carrier) => carrier === node || hasBit(node.past, carrier.index));

/** Negative when `left` comes first in the order of depths and then ids, which is the same for everybody. */
export const compareNodes = (left: Node, right: Node): number =>
  left.depth - right.depth || (left.id < right.id ? -1 : 1);
