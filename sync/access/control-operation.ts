import { isGranaryError } from '#core/kernel/index.ts';
import { decodeGrantRecord, GRANT_SCHEMA, type GrantRecord } from './grant-record.ts';
import {
  decodeRekeyRecord,
  decodeShareKeyRecord,
  REKEY_SCHEMA,
  type RekeyRecord,
  SHARE_KEY_SCHEMA,
  type ShareKeyRecord,
} from './key-records.ts';
import { decodeRecoverRecord, RECOVER_SCHEMA, type RecoverRecord } from './recover-record.ts';
import { decodeRevokeRecord, REVOKE_SCHEMA, type RevokeRecord } from './revoke-record.ts';
import { decodeSpaceRecord, SPACE_SCHEMA, type SpaceRecord } from './space-record.ts';

/** An operation of a control log of the space, whose signature has been checked. */
export interface ControlOperation {
  readonly id: Uint8Array;
  readonly author: Uint8Array;
  readonly logId: Uint8Array;
  readonly seq: number;
  /** Undefined at seq 0. */
  readonly backlink: Uint8Array | undefined;
  /** Ids of control operations that the author had seen. */
  readonly dependencies: readonly Uint8Array[];
  /** What the envelope names; one that is not known here carries no authority. */
  readonly schema: string;
  /** The bytes of the envelope's record; need not be there for a schema that is not known here. */
  readonly content: Uint8Array;
}

/** What an operation says about access. */
export type Statement =
  | { readonly kind: 'space'; readonly record: SpaceRecord }
  | { readonly kind: 'grant'; readonly record: GrantRecord }
  | { readonly kind: 'revoke'; readonly record: RevokeRecord }
  | { readonly kind: 'rekey'; readonly record: RekeyRecord }
  | { readonly kind: 'share-key'; readonly record: ShareKeyRecord }
  | { readonly kind: 'recover'; readonly record: RecoverRecord };

const DECODERS: Readonly<Record<string, (content: Uint8Array) => Statement>> = {
  [SPACE_SCHEMA]: (content) => ({ kind: 'space', record: decodeSpaceRecord(content) }),
  [GRANT_SCHEMA]: (content) => ({ kind: 'grant', record: decodeGrantRecord(content) }),
  [REVOKE_SCHEMA]: (content) => ({ kind: 'revoke', record: decodeRevokeRecord(content) }),
  [REKEY_SCHEMA]: (content) => ({ kind: 'rekey', record: decodeRekeyRecord(content) }),
  [SHARE_KEY_SCHEMA]: (content) => ({ kind: 'share-key', record: decodeShareKeyRecord(content) }),
  [RECOVER_SCHEMA]: (content) => ({ kind: 'recover', record: decodeRecoverRecord(content) }),
};

/** False for an operation about something else, whose content nothing here reads. */
export const isStatement = (schema: string): boolean => Object.hasOwn(DECODERS, schema);

/** Undefined for an operation about something else, such as the registration of a log. */
export function readStatement({ schema, content }: ControlOperation): Statement | 'malformed' | undefined {
  const decode = isStatement(schema) ? DECODERS[schema] : undefined;
  try {
    return decode?.(content);
  } catch (error) {
    if (isGranaryError(error, 'OPERATION_INVALID')) return 'malformed';
    throw error;
  }
}
