import type { AccessPurpose, AssetId, Caller, Uuid } from '#core/kernel/index.ts';

/** What was done to an asset. */
export const DATA_ACTIONS = ['READ', 'WRITE', 'DELETE', 'SCHEMA_CHANGE', 'VERSION_RESTORE'] as const;
export type DataAction = (typeof DATA_ACTIONS)[number];

/** How it ended: done, not permitted, or broken off by an error. */
export const AUDIT_OUTCOMES = ['allowed', 'refused', 'failed'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Facts about the act: counts, versions, error codes. Never row values, never secrets. */
export type AuditDetail = Readonly<Record<string, string | number | boolean | null>>;

/** Who acted, as the caller's own words and its address tell. */
export type AuditActor = Pick<Caller, 'userId' | 'purpose' | 'sourceIp' | 'deviceInfo'>;

/** An act that is about to be recorded. */
export interface AuditInput {
  readonly actor: AuditActor;
  /** Null for an act that touches no known asset. */
  readonly assetId: AssetId | null;
  /** The asset's name at that moment, or the name that was asked for. */
  readonly assetName: string | null;
  readonly action: DataAction;
  readonly outcome: AuditOutcome;
  readonly detail?: AuditDetail;
}

/** One line of the audit trail, already stripped of what its purpose does not allow to keep. */
export interface AuditEntry {
  readonly id: Uuid;
  readonly userId: string | null;
  readonly assetId: AssetId | null;
  readonly assetName: string | null;
  readonly purpose: AccessPurpose;
  readonly action: DataAction;
  readonly outcome: AuditOutcome;
  readonly sourceIp: string | null;
  readonly deviceInfo: string | null;
  readonly detail: AuditDetail;
  /** Milliseconds since the UNIX epoch. */
  readonly at: number;
}

/** An entry in its place in the chain. */
export interface ChainedEntry extends AuditEntry {
  /** 1 for the first entry ever written; no number is left out. */
  readonly sequence: number;
  /** The `hash` of the entry before; {@link FIRST_PREVIOUS} for the first. */
  readonly previous: string;
  /** SHA-256 over the canonical JSON of everything else in this entry, in hexadecimal. */
  readonly hash: string;
}

export const FIRST_PREVIOUS = '0'.repeat(64);
