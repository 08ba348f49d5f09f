import type { ControlOperation } from './control-operation.ts';
import type { Level } from './level.ts';

/** A device that was granted a level, also when it was removed later. */
export interface Member {
  /** Ed25519 public key. */
  readonly device: Uint8Array;
  readonly name: string;
  /** Null once the device was removed. */
  readonly level: Level | null;
  /** X25519 public key. */
  readonly encryptionKey: Uint8Array;
  /** Author and id of the operation that gave the present level. */
  readonly grantedBy: Uint8Array;
  readonly grantId: Uint8Array;
  /** Place in the order of first grants, from 0, the founder's. */
  readonly seniority: number;
}

/** A key of the space, by the rotation that it came with. */
export interface KeyEpoch {
  /** Id of the rotation. */
  readonly keyId: Uint8Array;
  readonly author: Uint8Array;
  /** Commits to the key, see `keyCheck`. */
  readonly check: Uint8Array;
  /** False when the rotation is void: nothing is to be written under this key, but what was can be read. */
  readonly isEffective: boolean;
  /** The length of the longest way back to the beginning: later rotations have a greater one. */
  readonly depth: number;
  /** Devices, in hexadecimal, that the key was sealed to, by the rotation and by shares. */
  readonly recipients: ReadonlySet<string>;
  /** All who can have the key: its author, its recipients, and those of later keys that hand it on. */
  readonly holders: ReadonlySet<string>;
  /** Holders who have shown since that they do not have it: it was sealed wrongly to them, by its author. */
  readonly lacking: ReadonlySet<string>;
  /** The key before and how it is sealed under this one; `sealed` is undefined when it is withheld. */
  readonly previous: { readonly keyId: Uint8Array; readonly sealed: Uint8Array | undefined } | undefined;
  /** The key sealed to this device, as often as somebody did; the check tells which is right. */
  sealedFor(device: Uint8Array): readonly Uint8Array[];
  /** The operation that gave the key, or a later one that hands it on, to a holder; undefined for any other device. */
  handedBy(device: Uint8Array): Uint8Array | undefined;
}

/** Why an operation has no effect: its author had no right, the right was taken away again, or nobody can read it. */
export type AccessRefusal = 'unauthorised' | 'void' | 'malformed';

/** Who may do what in a space, as far as the operations tell. Devices and operation ids in keys are hexadecimal. */
export interface AccessState {
  readonly genesisId: Uint8Array;
  /** Of the space; empty until its founding operation is here. */
  readonly name: string;
  /** Undefined until the founding operation is here. */
  readonly founder: Uint8Array | undefined;
  readonly members: ReadonlyMap<string, Member>;
  /**
   * Devices that somebody let in who had the right to, whether that counts now or not; the members are among them. What
   * they sign belongs to the space, and nothing of any other device does. More operations never make it less. The numbers
   * from 0 are an order in which they could have come in: what let one in builds on operations of those before it.
   */
  readonly admitted: ReadonlyMap<string, number>;
  levelNow(device: Uint8Array): Level | null;
  /**
   * What the device may do as an author who had seen these control operations and what lies before them; undefined when one
   * is not here yet. It says nothing of revocations that came later: ask `isVoid` as well.
   */
  levelAt(device: Uint8Array, heads: readonly Uint8Array[]): Level | null | undefined;
  /**
   * True for an operation behind the frontier of a revocation, for another than the one that a frontier names at its own
   * place, and for every one of a device without a valid grant. Without an id, the place alone is asked about.
   */
  isVoid(author: Uint8Array, logId: Uint8Array, seq: number, operationId?: Uint8Array): boolean;
  /** The removal of a device that counts, the first of several; undefined for one that was not removed. */
  removalOf(device: Uint8Array): ControlOperation | undefined;
  /**
   * What a device may still be told that was let in and has no level now: the operations that ended it, and all that their
   * authors had seen, each after what it builds on. Empty for any other device.
   */
  farewellTo(device: Uint8Array): readonly ControlOperation[];
  /** Ids of control operations of members that nobody builds on yet: the dependencies of the next one. Rising. */
  readonly heads: readonly Uint8Array[];
  /** The latest first. */
  readonly keys: readonly KeyEpoch[];
  readonly refused: ReadonlyMap<string, AccessRefusal>;
  /** Operations that are not applied: something in their past is not here, or nobody let their author in. */
  readonly waiting: ReadonlySet<string>;
  /** Of all of the above except what waits: equal operations give equal bytes, in whatever order they came. 32 bytes. */
  readonly hash: Uint8Array;
}
