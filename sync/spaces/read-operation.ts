import { fromHex, toHex, type Uuid } from '#core/kernel/index.ts';
import { type AccessState, includesLevel, type Level } from '#sync/access/index.ts';
import type { AssetOperation } from '#sync/documents/index.ts';
import {
  type Blake3,
  type Envelope,
  type LogName,
  orInvalid,
  type SignedOperation,
  splitOperation,
} from '#sync/log/index.ts';
import { type KnownAnnouncement, mayAnnounce, readAnnouncement } from './announced-segments.ts';
import { readEnvelope } from './control-operation.ts';
import type { Judge } from './fold-operations.ts';
import { HEADS_SCHEMA } from './heads-schema.ts';

/** What keeps a log from being applied further. */
export type WaitReason = 'signature' | 'key' | 'access';

/** Why an operation has no effect, whatever others say: nothing of it can be read, or its author may not write. */
export type OperationRefusal = 'malformed' | 'sealed-wrongly' | 'forbidden';

export type ReadOperation =
  | { readonly kind: 'waits'; readonly for: Exclude<WaitReason, 'signature'> }
  | { readonly kind: 'refused'; readonly reason: OperationRefusal }
  /** The author says what it has seen of the members. */
  | { readonly kind: 'heads' }
  /** Not sealed: it tells relays of segments. */
  | { readonly kind: 'announced'; readonly segments: readonly KnownAnnouncement[] }
  | {
      readonly kind: 'asset';
      readonly asset: Uuid;
      readonly operation: AssetOperation;
      /** Its author had no right to write when it was written. */
      readonly isForbidden: boolean;
    };

/** Reads the operations of one data log, in order, and judges them by one state of the members. */
export interface OperationReader {
  /** The control operations that the author had last said to have seen, in hexadecimal digits. */
  readonly heads: readonly string[];
  /** Whether a revocation makes the operation void that was read last. */
  readonly isVoid: boolean;
  read(bytes: Uint8Array): ReadOperation;
  /** The asset that an operation is about, whatever becomes of it; undefined when it is about none or cannot be read. */
  readSubject(bytes: Uint8Array): Uuid | undefined;
}

/** `heads` are those that were said before the first operation to be read. */
export function createOperationReader(
  { open, record }: Pick<Judge, 'open' | 'record'>,
  access: AccessState,
  blake3: Blake3,
  { author, logId }: LogName,
  heads: readonly string[],
): OperationReader {
  const [authorHex, logIdHex] = [toHex(author), toHex(logId)];
  let level: Level | null | undefined = access.levelAt(author, heads.map(fromHex));
  let isVoid = false;

  function openEnvelope({ header: { seq, backlink }, body }: SignedOperation): Envelope | ReadOperation {
    if (!body) return refuse('malformed');
    const opened = orInvalid(() => ({ plain: open({ author, logId, seq, backlink }, body) }));
    if (!opened?.plain) return refuse('sealed-wrongly');
    if ('locked' in opened.plain) return { kind: 'waits', for: 'key' };
    return readEnvelope(opened.plain, record.space) ?? refuse('malformed');
  }

  function readSubject(bytes: Uint8Array): Uuid | undefined {
    const envelope = openEnvelope(splitOperation({ blake3 }, bytes));
    return 'kind' in envelope || envelope.schema === HEADS_SCHEMA ? undefined : envelope.subject;
  }

  function read(bytes: Uint8Array): ReadOperation {
    const signed = splitOperation({ blake3 }, bytes);
    isVoid = access.isVoid(author, logId, signed.header.seq, signed.id);
    const segments = readAnnouncement(signed, record.space);
    if (segments) return mayAnnounce(access, signed) ? { kind: 'announced', segments } : refuse('forbidden');
    const envelope = openEnvelope(signed);
    if ('kind' in envelope) return envelope;
    const { seq } = signed.header;
    const { clock, dependencies, schema, content, subject } = envelope;
    if (schema === HEADS_SCHEMA) {
      const levelThen = access.levelAt(author, dependencies);
      if (levelThen === undefined) return { kind: 'waits', for: 'access' };
      level = levelThen;
      heads = dependencies.map(toHex);
      return { kind: 'heads' };
    }
    if (level === undefined) return { kind: 'waits', for: 'access' };
    const isForbidden = !includesLevel(level, 'write');
    const operation: AssetOperation = {
      id: toHex(signed.id),
      author: authorHex,
      logId: logIdHex,
      seq,
      clock,
      dependencies: dependencies.map(toHex),
      isVoid: isForbidden || isVoid,
      schema,
      content,
    };
    return { kind: 'asset', asset: subject, operation, isForbidden };
  }

  return {
    get heads() {
      return heads;
    },
    get isVoid() {
      return isVoid;
    },
    read,
    readSubject,
  };
}

const refuse = (reason: OperationRefusal): ReadOperation => ({ kind: 'refused', reason });
