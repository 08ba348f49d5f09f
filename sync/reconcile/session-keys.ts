import { concatBytes, toUtf8 } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { CHECK_BYTES, ROOT_CHECK_BYTES, TAG_BYTES, TIP_CHECK_BYTES } from './frames.ts';

export type SessionRole = 'initiator' | 'responder';

/** Hashes that mean something in one session and to those who know the space alone. */
export interface SessionKeys {
  /** Names the space to a peer that has it too. */
  tag(spaceId: Uint8Array): Uint8Array;
  /** Shows that the side of this role has this root. */
  rootCheck(role: SessionRole, spaceId: Uint8Array, root: Uint8Array): Uint8Array;
  /** As `rootCheck`, and shorter: both sides have shown already that they know the space. */
  closingCheck(role: SessionRole, spaceId: Uint8Array, root: Uint8Array): Uint8Array;
  agreementCheck(spaceId: Uint8Array, root: Uint8Array): Uint8Array;
  bucketCheck(spaceId: Uint8Array, bucketHash: Uint8Array): Uint8Array;
  tipCheck(spaceId: Uint8Array, operationId: Uint8Array): Uint8Array;
}

const DOMAIN = toUtf8('granary sync v1 session\0');

/**
 * The hashes of one session. `nonce` comes from the initiator; `binding` is what both sides know of their line and
 * nobody else's line has (the hash of its handshake, or both peers' keys), so that what one peer sent proves nothing to
 * another.
 */
export function createSessionKeys(blake3: Blake3, nonce: Uint8Array, binding: Uint8Array): SessionKeys {
  const secret = blake3(concatBytes([DOMAIN, nonce, binding]));
  const keyed = (label: string, byteCount: number) => {
    const prefix = concatBytes([toUtf8(`${label}\0`), secret]);
    return (spaceId: Uint8Array, value: Uint8Array = new Uint8Array(0)) =>
      blake3(concatBytes([prefix, spaceId, value])).slice(0, byteCount);
  };
  const roots = {
    initiator: keyed('granary sync v1 root of initiator', ROOT_CHECK_BYTES),
    responder: keyed('granary sync v1 root of responder', ROOT_CHECK_BYTES),
  };
  return {
    tag: keyed('granary sync v1 tag', TAG_BYTES),
    rootCheck: (role, spaceId, root) => roots[role](spaceId, root),
    closingCheck: (role, spaceId, root) => roots[role](spaceId, root).subarray(0, CHECK_BYTES),
    agreementCheck: keyed('granary sync v1 agreement', CHECK_BYTES),
    bucketCheck: keyed('granary sync v1 bucket check', CHECK_BYTES),
    tipCheck: keyed('granary sync v1 tip check', TIP_CHECK_BYTES),
  };
}
