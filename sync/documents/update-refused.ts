import { GranaryError } from '#core/kernel/index.ts';

/** Why an update of a document is not applied. */
export const UPDATE_REFUSALS = [
  /** Over `UPDATE_BYTES_MAX`, or more entries than an update may have. */
  'size',
  /** Not the bytes of a Yjs update of version 1 in their shortest form. */
  'malformed',
  /** Changes nothing. */
  'empty',
  /** A GC struct, which says that something was there and takes any place. */
  'gc-struct',
  /** A Skip struct, which leaves a gap. */
  'skip-struct',
  /** A content that no field has. */
  'content',
  /** More than one client, or another than that of its log. */
  'client',
  /** It does not begin where its client's last one ended, or goes beyond `LOG_CLOCK_MAX`. */
  'clock',
  /** A root or a key that no asset has, or a parent that is no root. */
  'parent',
  /** A value that its field cannot have. */
  'value',
  /** It claims a place between others that its author cannot have seen there. */
  'origin',
  /** It deletes what its author had not seen. */
  'delete-range',
] as const;
export type UpdateRefusal = (typeof UPDATE_REFUSALS)[number];

class UpdateRefused extends GranaryError {
  readonly reason: UpdateRefusal;

  constructor(reason: UpdateRefusal) {
    super('OPERATION_INVALID', `The update of a document was refused: ${reason}.`, { reason });
    this.reason = reason;
  }
}

export const updateRefused = (reason: UpdateRefusal): GranaryError => new UpdateRefused(reason);

/** What `work` returns, or why it refused the update. */
export function orRefusal<T extends object>(work: () => T): T | UpdateRefusal {
  try {
    return work();
  } catch (error) {
    if (error instanceof UpdateRefused) return error.reason;
    throw error;
  }
}
