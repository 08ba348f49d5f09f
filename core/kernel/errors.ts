/**
 * Every failure a caller can see carries one of these codes. The text is what `docs/errors.md` prints: what happened
 * and what to do about it. The list is closed; a new failure gets a new line here, never a bare `Error`.
 */
export const ERROR_CODES = {
  // Calls
  USAGE_INVALID: 'The command or its arguments are wrong. Read the usage line that follows.',
  INPUT_INVALID: 'An operation was called with input that does not fit its schema. Correct the named field.',
  OPERATION_UNKNOWN: 'No operation has this name. List the operations and call one of them.',
  UNAUTHENTICATED: 'The request carries no valid token. Read the token from the home of the node.',
  FORBIDDEN: 'The caller may not do this. Ask somebody who holds the permission.',
  CANCELLED: 'The caller cancelled the work. Nothing was stored; call again to start over.',
  TIMED_OUT: 'The work took longer than its limit. Make it smaller or raise the limit.',
  LIMIT_EXCEEDED: 'A limit of the product was reached. The message names the limit and its value.',
  INTERNAL: 'The node met a state it does not expect. Report it with the message; stored data is not affected.',
  UNSUPPORTED: 'The product cannot do this. The message says what it can do instead.',
  // Node, home and configuration
  CONFIG_INVALID: 'The configuration file has an unknown key or a wrong value. Correct the named key.',
  HOME_LOCKED: 'Another process holds this home. Stop it, or let the command talk to it.',
  HOME_UNUSABLE: 'The home folder cannot be created, read or written. Check the path and its permissions.',
  NODE_UNREACHABLE: 'The node that holds this home does not answer. Check that it runs, or stop it.',
  PORT_IN_USE: 'Another program listens on this port. Choose another with --port.',
  STORE_DAMAGED: 'A store of the home is missing or damaged. The message says which, and how to repair it.',
  DISK_FULL: 'The disk is full. Free some space and call again; nothing was half-written.',
  IO_FAILED: 'Reading or writing a file failed. The message names the file and the cause.',
  KEY_INVALID: 'The device key is missing, damaged or readable by others. Restore it from a backup.',
  // Migrations and SQL stores
  MIGRATION_EDITED: 'A migration that was already applied has been changed. Restore its original text.',
  MIGRATION_FAILED: 'A migration failed and was rolled back. The message carries the cause.',
  CATALOG_UNREACHABLE: 'The catalog database cannot be opened or reached. Check catalog.url, or rebuild the view.',
  // Catalog
  ASSET_NOT_FOUND: 'No asset has this name. List the assets.',
  ASSET_EXISTS: 'An asset of this name exists already. Choose another name.',
  ASSET_NAME_INVALID: 'The name is empty, too long or has control characters. Choose another name.',
  VERSION_NOT_FOUND: 'The asset has no such version. List its versions.',
  VERSION_CONFLICT: 'Somebody else committed first. Read the asset again and repeat the change.',
  SCHEMA_MISMATCH: 'The data does not fit the schema of the asset. The message names the column.',
  SEGMENT_MISSING: 'A segment that a version needs is not on this node. Fetch it, or restore the file from a backup.',
  SEGMENT_CORRUPT: 'A stored segment does not match its checksum. The message names asset, column and row group.',
  JOURNAL_CORRUPT: 'An entry of the local journal cannot be read. Restore the home from a backup.',
  // Formats and codec
  FORMAT_INVALID: 'The bytes are not a Granary segment, or a damaged one.',
  FORMAT_VERSION: 'The segment was written by a newer version of the format. Update Granary.',
  CODEC_PROFILE: 'The AV1 frame lies outside the column profile. Decode it with a general decoder.',
  CODEC_DAMAGED: 'The AV1 frame is damaged.',
  CODEC_TRUNCATED: 'The AV1 frame ends early.',
  CODEC_MISMATCH: 'A column did not come back as it went in; the segment was not stored. Report it with the data.',
  TYPE_UNSUPPORTED: 'A column has a type that cannot be stored. The message names the column and the type.',
  // Ingestion
  FILE_NOT_FOUND: 'No file matches this path. Check the spelling.',
  FILE_UNREADABLE: 'The file cannot be read. Check its permissions.',
  FILE_EMPTY: 'The file holds no data.',
  FILE_TRUNCATED: 'The file ends early. Copy or download it again.',
  FILE_FORMAT: 'The file is not of a format that can be ingested, or it is damaged.',
  FILE_ENCODING: 'The file is not UTF-8 text. Convert it first.',
  FILE_SCHEMA: 'The schema file is wrong. The message names the field.',
  ROW_INVALID: 'A row does not fit the columns. The message names the row; --on-error quarantine keeps it aside.',
  // Query
  SQL_INVALID: 'The SQL statement is wrong. The message comes from the engine.',
  SQL_FORBIDDEN: 'The statement does something a query may not do. Only one SELECT, SHOW or EXPLAIN is allowed.',
  QUERY_FAILED: 'The engine stopped the query. The message comes from the engine.',
  // Operation log
  OPERATION_INVALID: 'A signed operation is malformed, not canonical or wrongly signed. It was refused.',
  LOG_FORKED: 'A log of this device has two continuations, as after a restored backup. Open the space again.',
  // Sync
  SPACE_NOT_FOUND: 'No space has this name. List the spaces.',
  SPACE_EXISTS: 'A space of this name is on this node already. Choose another name.',
  DEVICE_NOT_FOUND: 'The space has no device of this name, key or fingerprint, or several. List its members.',
  KEY_MISSING: 'The key of a space has not come to this device yet. Sync with a member who has it.',
  TICKET_INVALID: 'The text is not a ticket, or not the whole of it. The message says what is wrong; copy it again.',
  SYNC_REFUSED: 'One of two nodes broke the sync protocol; the message says which and how. Update both to one version.',
  PEER_UNREACHABLE: 'The other device cannot be reached. Check that it runs and is on a network that both can see.',
  SYNC_INTERRUPTED: 'The line to the other node ended early. What was stored stays; the next sync goes on from there.',
  BUNDLE_DAMAGED: 'The file is no bundle, or a damaged one. What was taken in stays; copy the file again and repeat.',
  BUNDLE_VERSION: 'The bundle was written by a newer version of Granary. Update Granary.',
  BUNDLE_SEALED: 'The bundle is sealed to other devices. Ask its sender to add this device.',
  BUNDLE_FOREIGN: 'The bundle is of a space that is not on this node. Join the space first.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Values that explain an error to a program: JSON scalars only, and never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** The one error type of the product. `message` says what happened, to which thing, and what to do. */
export class GranaryError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GranaryError';
    this.code = code;
    this.details = details;
  }
}

/** True for a {@link GranaryError}, of the given code when one is named. */
export function isGranaryError(error: unknown, code?: ErrorCode): error is GranaryError {
  return error instanceof GranaryError && (code === undefined || error.code === code);
}

/** The error as the product's own type: anything unexpected becomes `INTERNAL` with the original as its cause. */
export function asGranaryError(error: unknown): GranaryError {
  if (error instanceof GranaryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GranaryError('INTERNAL', message, {}, { cause: error });
}
