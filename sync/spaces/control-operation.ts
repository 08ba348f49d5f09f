import type { Uuid } from '#core/kernel/index.ts';
import { type ControlOperation, isStatement } from '#sync/access/index.ts';
import { ACKNOWLEDGE_SCHEMA } from '#sync/compaction/index.ts';
import {
  decodeEnvelope,
  type Envelope,
  type LogName,
  logPath,
  orInvalid,
  type SignedOperation,
} from '#sync/log/index.ts';

const NOTHING = new Uint8Array();
const isRead = (schema: string): boolean => isStatement(schema) || schema === ACKNOWLEDGE_SCHEMA;

/** Names a log in keys: author and log id in hexadecimal digits. */
export const logPathOf = ({ author, logId }: LogName): string => logPath(author, logId);

/** What a body says; undefined when it is no envelope of this space. */
export function readEnvelope(body: Uint8Array, space: Uuid): Envelope | undefined {
  const envelope = orInvalid(() => decodeEnvelope(body));
  return envelope?.space === space ? envelope : undefined;
}

/**
 * What an operation of a control log says to the space; undefined when it says nothing. It stays in memory for as long as the
 * space is open, so the content comes with it only where something reads it.
 */
export function toControlOperation(space: Uuid, { id, header, body }: SignedOperation): ControlOperation | undefined {
  const envelope = body && readEnvelope(body, space);
  if (!envelope || !header.extensions || envelope.content.kind !== 'record') return undefined;
  return {
    id,
    author: header.publicKey,
    logId: header.extensions.logId,
    seq: header.seq,
    backlink: header.backlink,
    dependencies: envelope.dependencies,
    schema: envelope.schema,
    content: isRead(envelope.schema) ? envelope.content.bytes : NOTHING,
  };
}
