/**
 * What keeps the last copy of a segment. A **pledge** is a device's signed word to another one that it holds a sealed
 * segment until a moment of its own clock. Two rules follow, and nothing else is needed:
 *
 * - a device does not evict what it has pledged until the latest of its pledges has expired;
 * - it evicts only on pledges of others that expire after now.
 *
 * So the pledges that an eviction leans on expire later than those its device gave. If devices had evicted a segment leaning
 * on each other in a circle, each pledge of the circle would expire later than the one before it, and the first later than
 * itself. Clocks may therefore differ as they like, and of k pledges that every eviction needs, k copies stay.
 */
import { concatBytes, equalBytes, toHex, toUtf8 } from '#core/kernel/index.ts';
import { type Ed25519, type SigningKey, verifyStrict } from '#sync/log/index.ts';
import { nameToBytes, type SealedName } from './sealed-segment.ts';

const OATH_LABEL = toUtf8('granary:oath:v1\0');
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Milliseconds since the epoch that a `Date` can hold: later than anybody can promise. */
export const PLEDGE_TIME_MAX = 8.64e15;
const PLEDGE_BYTES = 4 * KEY_BYTES + 8 + SIGNATURE_BYTES;

export interface PledgeTerms {
  /** Public key of the device that gives its word, 32 bytes. */
  readonly holder: Uint8Array;
  /** Public key of the device that asked for it, 32 bytes. */
  readonly asker: Uint8Array;
  readonly name: SealedName;
  /** Milliseconds since the epoch by the clock of the holder, at most {@link PLEDGE_TIME_MAX}. */
  readonly until: number;
  /** The nonce of the question that it answers, 32 bytes. */
  readonly nonce: Uint8Array;
}

export interface Pledge extends PledgeTerms {
  /** Ed25519 of the holder, 64 bytes. */
  readonly signature: Uint8Array;
}

function encodeTerms({ holder, asker, name, until, nonce }: PledgeTerms): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(until));
  return concatBytes([holder, asker, nameToBytes(name), time, nonce]);
}

/** Signs as the holder; `terms.holder` is the public key of `key`. */
export const signPledge = (key: SigningKey, terms: PledgeTerms): Pledge => ({
  ...terms,
  signature: key.sign(concatBytes([OATH_LABEL, encodeTerms(terms)])),
});

export const isPledge = (ed25519: Ed25519, pledge: Pledge): boolean =>
  verifyStrict(ed25519, pledge.holder, concatBytes([OATH_LABEL, encodeTerms(pledge)]), pledge.signature);

/** 200 bytes: the terms in their order, the time as u64, big endian, and the signature. */
export const encodePledge = (pledge: Pledge): Uint8Array => concatBytes([encodeTerms(pledge), pledge.signature]);

/** Undefined for bytes that are no pledge; whether it is signed says {@link isPledge}. */
export function decodePledge(bytes: Uint8Array): Pledge | undefined {
  if (bytes.length !== PLEDGE_BYTES) return undefined;
  const until = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(3 * KEY_BYTES));
  if (until > PLEDGE_TIME_MAX) return undefined;
  const part = (start: number, byteCount: number) => bytes.slice(start, start + byteCount);
  return {
    holder: part(0, KEY_BYTES),
    asker: part(KEY_BYTES, KEY_BYTES),
    name: toHex(part(2 * KEY_BYTES, KEY_BYTES)) as SealedName,
    until,
    nonce: part(3 * KEY_BYTES + 8, KEY_BYTES),
    signature: part(PLEDGE_BYTES - SIGNATURE_BYTES, SIGNATURE_BYTES),
  };
}

/** How many others must hold what is evicted: in a space of two there is one other. */
export const pledgesNeeded = (memberCount: number): number => (memberCount <= 2 ? 1 : 2);

export interface EvictionFacts {
  readonly self: Uint8Array;
  /** Milliseconds since the epoch, read once. */
  readonly now: number;
  /** The latest moment to which this device has pledged the segment itself. */
  readonly given: number | undefined;
  /** Pledges for the segment whose signatures were checked. */
  readonly pledges: readonly Pledge[];
  /** Others must hold it until then. */
  readonly until: number;
  /** At least 1. */
  readonly needed: number;
  /** False for devices whose word does not count, such as those whose access was taken. */
  readonly counts: (holder: Uint8Array) => boolean;
}

/** `bound`: this device has pledged it. `too-few`: not enough others have. */
export type EvictionVerdict =
  | { readonly kind: 'free' }
  | { readonly kind: 'bound'; readonly until: number }
  | { readonly kind: 'too-few'; readonly have: number; readonly needed: number };

/** Whether a segment may be evicted now. */
export function judgeEviction(facts: EvictionFacts): EvictionVerdict {
  const { self, now, given, pledges, until, counts } = facts;
  const needed = Math.max(1, facts.needed);
  if (given !== undefined && given > now) return { kind: 'bound', until: given };
  const holders = new Set<string>();
  for (const pledge of pledges) {
    const isOfAnother = !equalBytes(pledge.holder, self) && equalBytes(pledge.asker, self);
    if (isOfAnother && pledge.until > now && pledge.until >= until && counts(pledge.holder)) {
      holders.add(toHex(pledge.holder));
    }
  }
  return holders.size >= needed ? { kind: 'free' } : { kind: 'too-few', have: holders.size, needed };
}
