/** One hash over what a space's access amounts to, so that two nodes can see that they agree. */
import { fromHex, toUtf8, concatBytes } from '#core/kernel/index.ts';
import {
  type Blake3,
  encodeArray,
  encodeBoolean,
  encodeByteString,
  encodeText,
  encodeUnsigned,
} from '#sync/log/index.ts';
import type { AccessState, KeyEpoch, Member } from './access-state.ts';
import type { Revocation } from './authority.ts';
import { LEVELS } from './level.ts';

const DOMAIN = toUtf8('granary space v1 access\0');

const bytesOf = (hex: string): Uint8Array => encodeByteString(fromHex(hex));
const setOf = (ids: Iterable<string>): Uint8Array => encodeArray([...ids].toSorted().map(bytesOf));

/** BLAKE3 over a CBOR array of the name, founder, members, frontiers, keys, refused operations and heads, each sorted. */
export function hashAccess(
  blake3: Blake3,
  state: Pick<AccessState, 'genesisId' | 'name' | 'founder' | 'members' | 'heads' | 'keys' | 'refused'>,
  revocations: readonly Revocation[],
): Uint8Array {
  const refused = [...state.refused].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const removals = revocations.map(({ node }) => node.id);
  const content = encodeArray([
    encodeByteString(state.genesisId),
    encodeText(state.name),
    encodeArray(state.founder ? [encodeByteString(state.founder)] : []),
    encodeArray([...state.members.values()].map(encodeMember)),
    setOf(removals),
    encodeArray(state.keys.map(encodeEpoch)),
    encodeArray(refused.map(([id, reason]) => encodeArray([bytesOf(id), encodeText(reason)]))),
    encodeArray(state.heads.map(encodeByteString)),
  ]);
  return blake3(concatBytes([DOMAIN, content]));
}

const encodeMember = ({ device, name, level, encryptionKey, grantedBy, grantId }: Member): Uint8Array =>
  encodeArray([
    encodeByteString(device),
    encodeText(name),
    encodeArray(level === null ? [] : [encodeUnsigned(LEVELS.indexOf(level))]),
    encodeByteString(encryptionKey),
    encodeByteString(grantedBy),
    encodeByteString(grantId),
  ]);

const encodeEpoch = ({ keyId, isEffective, recipients, holders }: KeyEpoch): Uint8Array =>
  encodeArray([encodeByteString(keyId), encodeBoolean(isEffective), setOf(recipients), setOf(holders)]);
