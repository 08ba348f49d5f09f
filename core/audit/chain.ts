import { canonicalJson } from '#core/kernel/index.ts';
import type { AuditEntry, ChainedEntry } from './entry.ts';

/** SHA-256 of the bytes, 64 lower-case hexadecimal digits. */
export type Sha256 = (bytes: Uint8Array) => string;

/** A place in the chain: the entry's number and its hash. */
export interface ChainLink {
  readonly sequence: number;
  readonly hash: string;
}

/** Appends `entry` to the chain that ends in `tip`. */
export function chainEntry(entry: AuditEntry, tip: ChainLink, sha256: Sha256): ChainedEntry {
  const linked = { ...entry, sequence: tip.sequence + 1, previous: tip.hash };
  return { ...linked, hash: sha256(canonicalJson(linked)) };
}

/** What is wrong with the trail, and where it starts to be. */
export interface AuditFault {
  readonly sequence: number;
  /**
   * `missing`: no entry of this number. `unreadable`: its bytes are no entry. `altered`: it does not match its own hash.
   * `replaced`: it matches its own hash, but is not the entry that the next one, or the head of the trail, was written
   * after.
   */
  readonly kind: 'missing' | 'unreadable' | 'altered' | 'replaced';
}

/** Checks that `entry` is whole and follows `tip`; undefined when it does. */
export function checkLink(entry: ChainedEntry, tip: ChainLink, sha256: Sha256): AuditFault | undefined {
  const { hash, ...linked } = entry;
  if (entry.sequence !== tip.sequence + 1) return { sequence: tip.sequence + 1, kind: 'missing' };
  if (sha256(canonicalJson(linked)) !== hash) return { sequence: entry.sequence, kind: 'altered' };
  if (entry.previous !== tip.hash) return { sequence: tip.sequence, kind: 'replaced' };
  return undefined;
}
