import { type AccessState, resolveAccess } from '#sync/access/index.ts';
import { type Blake3, decodeEnvelope, type Ed25519, isSigned, orInvalid, splitOperation } from '#sync/log/index.ts';
import { toControlOperation } from './control-operation.ts';
import type { JoinedSpace } from './join-space.ts';

/** What control operations say of a space that is not on this node. */
export interface SpacePreview extends JoinedSpace {
  readonly access: AccessState;
}

/**
 * Reads what control operations amount to, without storing any. `isGenesis` knows the founding operation by its id, 32 bytes;
 * undefined when it is not among them. Errors: `LIMIT_EXCEEDED` for more than `CONTROL_OPERATIONS_MAX` operations.
 */
export function previewSpace(
  deps: { readonly blake3: Blake3; readonly ed25519: Ed25519 },
  operations: readonly Uint8Array[],
  isGenesis: (operationId: Uint8Array) => boolean,
): SpacePreview | undefined {
  const signed = operations.flatMap((bytes) => orInvalid(() => splitOperation(deps, bytes)) ?? []);
  const genesis = signed.find(({ id }) => isGenesis(id));
  const space = genesis?.body && orInvalid(() => decodeEnvelope(genesis.body!))?.space;
  if (!genesis || !space) return undefined;
  const control = signed
    .filter((operation) => isSigned(deps, operation))
    .flatMap((operation) => toControlOperation(space, operation) ?? []);
  const access = resolveAccess(deps, genesis.id, control);
  return access.founder && { space, genesisId: genesis.id, name: access.name, operations, access };
}
