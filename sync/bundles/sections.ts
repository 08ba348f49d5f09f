/**
 * The sections of a bundle, as a table: a type byte, the bytes of the payload (u32, big endian), the payload. What they
 * mean and in which order they come is written in `docs/formats/bundle-v1.md`.
 */
import { concatBytes, isGranaryError } from '#core/kernel/index.ts';
import { FORK_PROOF_BYTES_MAX, type LogName } from '#sync/log/index.ts';
import {
  compareBytes,
  fixedBytes,
  lengthAndBytes,
  list,
  type LogTip,
  number,
  record,
  SYNC_OPERATION_BYTES_MAX,
  type ValueOf,
  type WireCursor,
  type WireField,
} from '#sync/reconcile/index.ts';
import { SEALED_BYTES_MAX } from '#sync/segments/index.ts';
import { bundleDamaged } from './bundle-fault.ts';
import { BUNDLE_LOGS_MAX, BUNDLE_SECTION_BYTES_MAX } from './limits.ts';

export const SECTION_TYPES = {
  header: 1,
  tips: 2,
  operations: 3,
  proofs: 4,
  segment: 5,
  page: 6,
  leaves: 7,
  index: 8,
} as const;
export type SectionName = keyof typeof SECTION_TYPES;

const NAMES = new Map(Object.entries(SECTION_TYPES).map(([name, type]) => [type as number, name as SectionName]));

/** The type and the length in front of a payload. */
export const SECTION_HEAD_BYTES = 5;
export const SIGNATURE_BYTES = 64;
const SEQ_MAX = 0xffff_ffff;
const ITEMS_MAX = BUNDLE_SECTION_BYTES_MAX;
const hash = fixedBytes(32);

const header = record({
  spaceTag: hash,
  sender: hash,
  createdAt: number(Number.MAX_SAFE_INTEGER),
  base: list(hash, { most: 1 }),
  logCount: number(BUNDLE_LOGS_MAX),
  root: hash,
  signature: fixedBytes(SIGNATURE_BYTES),
});

/** Says whose bundle of which space this is, and what its sender has. */
export type BundleHeader = ValueOf<typeof header>;

/** Where a log ends: how many operations count, 0 or the seq of its fork and 1, and the id of the last operation. */
const logEnd = record({
  author: hash,
  logId: hash,
  logOperations: number(SEQ_MAX + 1),
  fork: number(SEQ_MAX + 1),
  operationId: hash,
});
export type LogEnd = ValueOf<typeof logEnd>;

export const toLogEnd = ({ author, logId, seq, forkSeq, operationId }: LogTip): LogEnd => ({
  author,
  logId,
  logOperations: seq + 1,
  fork: forkSeq === undefined ? 0 : forkSeq + 1,
  operationId,
});

export const toLogTip = ({ author, logId, logOperations, fork, operationId }: LogEnd): LogTip => ({
  author,
  logId,
  seq: logOperations - 1,
  operationId,
  forkSeq: fork === 0 ? undefined : fork - 1,
});

/** The order of logs in a frontier: by author, then by log. */
export const compareLogs = (left: LogName, right: LogName): number =>
  compareBytes(left.author, right.author) || compareBytes(left.logId, right.logId);

const index = record({
  proofCount: number(Number.MAX_SAFE_INTEGER),
  logs: list(
    record({
      /** Place of the log in the frontier, from 0. */
      log: number(BUNDLE_LOGS_MAX - 1),
      seqStart: number(SEQ_MAX),
      operationCount: number(SEQ_MAX + 1),
      byteCount: number(Number.MAX_SAFE_INTEGER),
    }),
    { most: ITEMS_MAX },
  ),
  /** `byteCount` is that of the ciphertext; 0 for a segment that was left out because the base has it. */
  segments: list(record({ name: hash, byteCount: number(SEALED_BYTES_MAX) }), { most: ITEMS_MAX }),
});
export type IndexEntries = ValueOf<typeof index>;

/** The sections whose payload has fields; the others are bytes of a sealed segment. */
export const PAYLOADS = {
  header,
  tips: record({
    tips: list(logEnd, {
      least: 1,
      most: ITEMS_MAX,
      order: compareLogs,
    }),
  }),
  operations: record({ operations: list(lengthAndBytes(SYNC_OPERATION_BYTES_MAX), { least: 1, most: ITEMS_MAX }) }),
  proofs: record({ proofs: list(lengthAndBytes(FORK_PROOF_BYTES_MAX), { least: 1, most: ITEMS_MAX }) }),
  index,
} as const;
export type PayloadName = keyof typeof PAYLOADS;

export function encodePayload<N extends PayloadName>(name: N, value: ValueOf<(typeof PAYLOADS)[N]>): Uint8Array {
  const cursor: WireCursor = { bytes: new Uint8Array(64), offset: 0 };
  (PAYLOADS[name] as unknown as WireField<ValueOf<(typeof PAYLOADS)[N]>>).write(cursor, value);
  return cursor.bytes.slice(0, cursor.offset);
}

/** What was read encodes to the same bytes, and shares its memory with them. Errors: `BUNDLE_DAMAGED`. */
export function decodePayload<N extends PayloadName>(name: N, payload: Uint8Array): ValueOf<(typeof PAYLOADS)[N]> {
  const cursor: WireCursor = { bytes: payload, offset: 0 };
  const value = readField(name, PAYLOADS[name] as unknown as WireField<ValueOf<(typeof PAYLOADS)[N]>>, cursor);
  if (cursor.offset !== payload.length) {
    throw bundleDamaged(
      'section-invalid',
      `${payload.length - cursor.offset} bytes follow the end of a section ${name}`,
    );
  }
  return value;
}

function readField<T>(name: SectionName, field: WireField<T>, cursor: WireCursor): T {
  try {
    return field.read(cursor);
  } catch (error) {
    if (!isGranaryError(error, 'SYNC_REFUSED')) throw error;
    throw bundleDamaged('section-invalid', `a section ${name} cannot be read (${String(error.details['reason'])})`);
  }
}

export function encodeSection(name: SectionName, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(SECTION_HEAD_BYTES);
  head[0] = SECTION_TYPES[name];
  new DataView(head.buffer).setUint32(1, payload.length);
  return concatBytes([head, payload]);
}

/** What the first bytes of a section say. Errors: `BUNDLE_DAMAGED`. */
export function decodeSectionHead(head: Uint8Array): { readonly name: SectionName; readonly byteCount: number } {
  const name = NAMES.get(head[0]!);
  const byteCount = new DataView(head.buffer, head.byteOffset).getUint32(1);
  if (!name) throw bundleDamaged('section-invalid', `sections of type ${head[0]} are not known`);
  if (byteCount > BUNDLE_SECTION_BYTES_MAX) {
    throw bundleDamaged('section-invalid', `a section of ${byteCount} bytes is over ${BUNDLE_SECTION_BYTES_MAX}`);
  }
  return { name, byteCount };
}
