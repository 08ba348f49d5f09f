/** The keys of a space, as authorised rotations and shares tell: who has which. */
import { hasBit, type Bits, type Node, pushTo } from './causal-order.ts';
import { toHex } from '#core/kernel/index.ts';
import type { KeyEpoch } from './access-state.ts';
import { compareNodes } from './authority.ts';
import type { KeyRecipient, RekeyRecord, ShareKeyRecord } from './key-records.ts';

interface Handout {
  readonly node: Node;
  readonly sealed: ReadonlyMap<string, Uint8Array>;
}

interface Epoch {
  readonly node: Node;
  readonly record: RekeyRecord;
  /** The rotation itself and the shares. */
  readonly handouts: Handout[];
}

/**
 * Keys before a rotation of which it is looked at whether its author had them: a writer could sign any number of rotations,
 * and in honest spaces few are made at the same time.
 */
const PASSED_OVER_MAX = 64;

const hasIndeed = ({ holders, lacking }: KeyEpoch, device: string): boolean =>
  holders.has(device) && !lacking.has(device);

const handoutOf = (node: Node, recipients: readonly KeyRecipient[]): Handout => ({
  node,
  sealed: new Map(recipients.map(({ device, sealed }) => [toHex(device), sealed])),
});

export class KeyRing {
  readonly #epochs = new Map<string, Epoch>();
  /** Epochs that hand on the key of this one. */
  readonly #successors = new Map<string, Epoch[]>();

  /** Adds a rotation; false when its author did not have the key that it hands on. */
  addRekey(node: Node, record: RekeyRecord): boolean {
    const { previous } = record;
    if (previous && !this.#hasKey(node.author, toHex(previous.keyId), node.past)) return false;
    const epoch = { node, record, handouts: [handoutOf(node, record.recipients)] };
    this.#epochs.set(node.id, epoch);
    if (previous?.sealed) pushTo(this.#successors, toHex(previous.keyId), epoch);
    return true;
  }

  /** Adds a share; false when its author did not have the key. */
  addShare(node: Node, { keyId, recipients }: ShareKeyRecord): boolean {
    const id = toHex(keyId);
    if (!this.#hasKey(node.author, id, node.past)) return false;
    this.#epochs.get(id)!.handouts.push(handoutOf(node, recipients));
    return true;
  }

  /** The latest first. */
  list(isEffective: (rotation: Node) => boolean): KeyEpoch[] {
    const epochs = [...this.#epochs.values()].toSorted(({ node: left }, { node: right }) => compareNodes(right, left));
    // What hands a key on comes later, so it is known already.
    const listed = new Map<Epoch, KeyEpoch>();
    const passers = new Map<Epoch, Node[]>();
    for (const [at, epoch] of epochs.entries()) {
      for (const passed of this.#passedOver(epoch, epochs.slice(at + 1, at + 1 + PASSED_OVER_MAX))) {
        pushTo(passers, passed, epoch.node);
      }
      const { node, record, handouts } = epoch;
      const ordered = handouts.toSorted(({ node: left }, { node: right }) => compareNodes(left, right));
      const recipients = new Set(handouts.flatMap(({ sealed }) => [...sealed.keys()]));
      const successors = this.#successorsOf(epoch).map((next) => listed.get(next)!);
      const lacking = (passers.get(epoch) ?? []).filter((rotation) => !this.#isGivenAfter(epoch, rotation, listed));
      listed.set(epoch, {
        keyId: node.operation.id,
        author: node.operation.author,
        check: record.check,
        isEffective: isEffective(node),
        depth: node.depth,
        recipients,
        holders: successors.reduce(
          (holders, next) => holders.union(next.holders),
          recipients.union(new Set([node.author])),
        ),
        lacking: new Set(lacking.map(({ author }) => author)),
        previous: record.previous,
        sealedFor: (device) => ordered.flatMap(({ sealed }) => sealed.get(toHex(device)) ?? []),
        handedBy: (device) =>
          ordered.find(({ sealed }) => sealed.has(toHex(device)))?.node.operation.id ??
          successors.find(({ holders }) => holders.has(toHex(device)))?.handedBy(device),
      });
    }
    return [...listed.values()];
  }

  /** Whether a device had a key, or one that hands it on, as far as the past tells. */
  #hasKey(device: string, keyId: string, past: Bits): boolean {
    const first = this.#epochs.get(keyId);
    const reached = new Set(first ? [first] : []);
    for (const epoch of reached) {
      if (!hasBit(past, epoch.node.index)) continue;
      const isGiven = ({ node, sealed }: Handout) =>
        sealed.has(device) && (node === epoch.node || hasBit(past, node.index));
      if (epoch.handouts.some(isGiven)) return true;
      for (const next of this.#successorsOf(epoch)) reached.add(next);
    }
    return false;
  }

  /**
   * Keys that the author of a rotation had been given and did not hand on, though they came later than the one it hands on,
   * if any: they did not open for it. `before` are those before the rotation, the latest first.
   */
  #passedOver({ node, record }: Epoch, before: readonly Epoch[]): Epoch[] {
    const previous = record.previous && toHex(record.previous.keyId);
    const last = before.findIndex((other) => other.node.id === previous);
    return before.slice(0, last === -1 ? undefined : last).filter((other) => {
      const isSeen = other.node.author !== node.author && hasBit(node.past, other.node.index);
      return isSeen && this.#hasKey(node.author, other.node.id, node.past);
    });
  }

  /** Whether somebody else than the author of a key gave it to the author of a rotation after that. */
  #isGivenAfter(epoch: Epoch, { author, index }: Node, listed: ReadonlyMap<Epoch, KeyEpoch>): boolean {
    const isAfter = ({ past }: Node) => hasBit(past, index);
    const isShared = epoch.handouts.some(({ node, sealed }) => {
      return node.author !== epoch.node.author && isAfter(node) && sealed.has(author);
    });
    return (
      isShared || this.#successorsOf(epoch).some((next) => isAfter(next.node) && hasIndeed(listed.get(next)!, author))
    );
  }

  #successorsOf = ({ node }: Epoch): readonly Epoch[] => this.#successors.get(node.id) ?? [];
}
