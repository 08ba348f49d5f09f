/** Operations about an asset, since its last snapshot, that make another one worth its signatures. */
export const COMPACTION_OPERATIONS = 1_000;

/** Bytes of those operations: what the smaller disks of members notice after some hundred assets. */
export const COMPACTION_BYTES = 512 * 1024;

/** What a snapshot costs besides its state: the headers of its operations, and what control logs keep for ever of its acknowledgements. */
export const SNAPSHOT_COST_BYTES = 2_048;

/**
 * How long a device has a snapshot before it acknowledges it, in milliseconds: within it, a removal still takes back what a
 * device wrote that was lost or stolen. Counted by the clock of each device for itself.
 */
export const COMPACTION_RETENTION_MS = 30 * 86_400_000;

/** How much longer a device waits with a snapshot, or tries one again, than the one before it. Milliseconds. */
export const COMPACTION_TURN_MS = 3_600_000;

/**
 * Devices that acknowledge a snapshot before they hear that it counts: as many again as are needed, so that a removal that
 * voids the word of one takes nothing away.
 */
export const ACKNOWLEDGEMENTS_MAX = 6;

/** Snapshots of one asset by one author that a device remembers before they are acknowledged: more come of no honest one in a month. */
export const KNOWN_SNAPSHOTS_MAX = 16;

/**
 * Times that a device comes to something else than a snapshot says before it forgets it: two days, an hour apart, in which what
 * it lacks may come.
 */
export const SNAPSHOT_FAULTS_MAX = 48;

/**
 * Control operations of its quota that a device leaves when it acknowledges snapshots: half of what a member has, so that keys,
 * registrations of logs and removals have room whatever others have it acknowledge.
 */
export const CONTROL_OPERATIONS_KEPT_MIN = 512;

/** Bytes of its quota that a device leaves so: half of what one has that may only read. */
export const CONTROL_BYTES_KEPT_MIN = 512 * 1024;

/** When the nodes of a space compact it by themselves. */
export interface CompactionRules {
  readonly operations: number;
  readonly bytes: number;
  readonly retentionMs: number;
  readonly turnMs: number;
}

export const COMPACTION_RULES: CompactionRules = {
  operations: COMPACTION_OPERATIONS,
  bytes: COMPACTION_BYTES,
  retentionMs: COMPACTION_RETENTION_MS,
  turnMs: COMPACTION_TURN_MS,
};
