import type { AssetId, Uuid } from '#core/kernel/index.ts';

export const JOB_STATUSES = ['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** A value that JSON carries as it is. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue | undefined };

/**
 * What brought rows into an asset, and how it went. Declared here because the run of a job is stored in the commit of the
 * version it made; jobs are not replicated.
 */
export interface IngestionJob {
  readonly id: Uuid;
  readonly name: string;
  /** Kind and place of the data; never a secret. */
  readonly source: JsonValue;
  readonly targetAssetId: AssetId;
  /** Null for a job that runs once. */
  readonly schedule: JsonValue;
  readonly transformationLogic: string | null;
  readonly status: JobStatus;
  /** Milliseconds since the UNIX epoch. */
  readonly lastRun: number | null;
  readonly nextRun: number | null;
  readonly errorCount: number;
  readonly maxErrors: number;
  /** What the last run did: counts, notes, the error. */
  readonly lastResult: JsonValue;
}
