/**
 * A space as it would be if none of its control logs had been forked. It gives nobody a right: it is what operations are
 * read with that were signed before anybody knew of the fork, so that they can be told again.
 */
import { toHex } from '#core/kernel/index.ts';
import {
  type AccessState,
  type ControlOperation,
  openBody,
  readSealedBody,
  resolveAccess,
} from '#sync/access/index.ts';
import { isSigned, splitOperation } from '#sync/log/index.ts';
import { toControlOperation } from './control-operation.ts';
import { openKeyring } from './keyring.ts';
import type { OpenSpace, SpaceDeps } from './open-space.ts';

export type UnforkedDeps = Pick<SpaceDeps, 'logs' | 'key' | 'agreementKey' | 'blake3' | 'ed25519' | 'cipher'>;

export interface UnforkedSpace extends Pick<OpenSpace, 'record' | 'open'> {
  readonly access: AccessState;
  /** Control operations that do not count: behind a fork, or building on what is. */
  readonly lost: readonly ControlOperation[];
}

/** What was found for a state of the members, as long as that is theirs. */
const found = new WeakMap<AccessState, UnforkedSpace>();

/** Undefined for a space in which no control log was forked. Errors: those of the store. */
export async function readUnforked(deps: UnforkedDeps, space: OpenSpace): Promise<UnforkedSpace | undefined> {
  const now = space.access;
  const known = found.get(now);
  if (known) return known;
  const { record, genesisId, store } = space;
  const forked = store.logs('control').filter(({ head }) => head?.frozenFrom !== undefined);
  if (forked.length === 0) return undefined;
  const operations = new Map<string, ControlOperation>();
  const uncounted = new Set(now.waiting);
  for await (const operation of store.controlOperations()) {
    const statement = toControlOperation(record.space, operation);
    if (statement) operations.set(toHex(statement.id), statement);
  }
  for (const { author, logId } of forked) {
    for await (const bytes of deps.logs.operationsBehindFork(author, logId)) {
      const operation = splitOperation(deps, bytes);
      if (!isSigned(deps, operation)) break;
      const statement = toControlOperation(record.space, operation);
      if (!statement) continue;
      operations.set(toHex(statement.id), statement);
      uncounted.add(toHex(statement.id));
    }
  }
  const access = resolveAccess(deps, genesisId, operations.values());
  const keyring = openKeyring(deps, deps.agreementKey, deps.key.publicKey, access);
  const unforked: UnforkedSpace = {
    record,
    access,
    lost: [...operations.values()].filter(({ id }) => uncounted.has(toHex(id)) && !access.waiting.has(toHex(id))),
    open(place, bytes) {
      const body = readSealedBody(bytes);
      const keyId = toHex(body.keyId);
      const key = keyring.get(keyId);
      return key ? openBody(deps, key, place, body) : { locked: keyId };
    },
  };
  found.set(now, unforked);
  return unforked;
}
