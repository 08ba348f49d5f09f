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
    for (const epoch of epochs) {
      const { node, record, handouts } = epoch;
      const ordered = handouts.toSorted(({ node: left }, { node: right }) => compareNodes(left, right));
      const recipients = new Set(handouts.flatMap(({ sealed }) => [...sealed.keys()]));
      const successors = this.#successorsOf(epoch).map((next) => listed.get(next)!);
      listed.set(epoch, {
        keyId: node.operation.id,
        author: node.operation.author,
        check: record.check,
        isEffective: isEffective(node),
        depth: node.depth,
        recipients,
        holders: successors.reduce((holders, next) => holders.union(next.holders), recipients),
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

  #successorsOf = ({ node }: Epoch): readonly Epoch[] => this.#successors.get(node.id) ?? [];
}
