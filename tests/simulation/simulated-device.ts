import type { AgreementStore, SpaceView } from '#sync/reconcile/index.ts';

/** The power went; nothing of this device works until it boots again. */
export class PowerLoss extends Error {}

/** An operation that a device wrote. */
export interface Written {
  readonly id: string;
  /** Author and log, as in `Contents.forks`. */
  readonly log: string;
  readonly seq: number;
  /** The operation that registers its log, without which it does not count. */
  readonly registeredBy?: { readonly log: string; readonly seq: number };
}

/** What is on the disk of a device. */
export interface Contents {
  /** Ids of the operations that count. */
  readonly ids: ReadonlySet<string>;
  /** Where logs end in a fork. */
  readonly forks: ReadonlyMap<string, number>;
}

/** One device of a simulated federation, with its disk. */
export interface SimulatedDevice {
  /** Names the member; two members may have the same key. */
  readonly name: string;
  readonly id: Uint8Array;
  /** Set by `boot`. */
  readonly view: SpaceView;
  readonly agreements: AgreementStore;
  /** Writes to the disk until the power goes; Infinity on a good day. */
  powerLeft: number;
  /** Starts on what is on the disk, with power again. */
  boot(options: { readonly forgetsAgreements: boolean }): Promise<void>;
  /** Writes into the log of this number; into a new log when that one has ended in a fork. */
  write(log: number, text: string): Promise<readonly Written[]>;
  /** Work behind the scenes: checks of signatures. */
  settle(): Promise<void>;
  contents(): Promise<Contents>;
  /** Returns what puts the disk back to what it is now; the device boots on it and may not know that it was away. */
  backUp(): () => Promise<void>;
}

/** True when an operation is neither here nor behind a fork. */
export function isLost({ id, log, seq, registeredBy }: Written, { ids, forks }: Contents): boolean {
  const isBehindFork = (place: { readonly log: string; readonly seq: number }) =>
    (forks.get(place.log) ?? Infinity) <= place.seq;
  return !ids.has(id) && !isBehindFork({ log, seq }) && !(registeredBy && isBehindFork(registeredBy));
}
