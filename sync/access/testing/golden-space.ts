/** What the golden files of `tests/golden/space-v1` are made from. Nothing here may change: old bytes stay readable. */
import { toUtf8, type Uuid } from '#core/kernel/index.ts';
import { deviceKeyOf } from '#sync/log/index.ts';
import { blake3, countingRandom, ed25519 } from '#sync/log/testing/fixtures.ts';
import { nodeOneTimeCipher } from '../adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '../adapters/node-x25519.ts';
import {
  agreementKeyOf,
  type BodyPlace,
  encodeGrantRecord,
  encodeIdentity,
  encodeRecoverRecord,
  encodeRecoveryStatement,
  encodeRekeyRecord,
  encodeRevokeRecord,
  encodeShareKeyRecord,
  encodeSpaceRecord,
  encodeTicket,
  type GrantRecord,
  keyCheck,
  type RecoveryStatement,
  type RekeyRecord,
  type RevokeRecord,
  sealBody,
  sealKey,
  sealPreviousKey,
  type ShareKeyRecord,
  signRecovery,
  type SpaceRecord,
  type Ticket,
} from '../index.ts';

const filled = (value: number, length = 32) => new Uint8Array(length).fill(value);
const deviceKey = (seed: number) => deviceKeyOf({ ed25519, blake3 }, filled(seed));

/** A device that receives keys. */
export const goldenDevice = deviceKey(1);
export const goldenAgreement = agreementKeyOf(nodeX25519, goldenDevice);
const otherDevice = deviceKey(2);
const otherAgreement = agreementKeyOf(nodeX25519, otherDevice);

export const GENESIS_ID = filled(0x47);
export const goldenKey = filled(0x4b);
export const goldenPreviousKey = filled(0x50);
export const goldenPlain = toUtf8('{"note":"sealed"}');
export const goldenPlace: BodyPlace = {
  author: goldenDevice.publicKey,
  logId: filled(0x4c),
  seq: 3,
  backlink: filled(0x42),
};

const deps = () => ({ blake3, x25519: nodeX25519, cipher: nodeOneTimeCipher, random: countingRandom(1) });
const recoveryKeys = [
  ed25519.keyFromSeed(filled(11)),
  ed25519.keyFromSeed(filled(12)),
  ed25519.keyFromSeed(filled(13)),
];
const byKey = <T>(items: readonly T[], keyOf: (item: T) => Uint8Array) =>
  items.toSorted((left, right) => Buffer.compare(keyOf(left), keyOf(right)));

export const goldenSpace: SpaceRecord = {
  name: 'Saatgut-Bibliothek',
  deviceName: 'Küchenlaptop',
  encryptionKey: goldenAgreement.publicKey,
  random: filled(9),
  recovery: { threshold: 2, keys: byKey(recoveryKeys, ({ publicKey }) => publicKey).map(({ publicKey }) => publicKey) },
};

export const goldenGrant: GrantRecord = {
  device: otherDevice.publicKey,
  level: 'write',
  encryptionKey: otherAgreement.publicKey,
  name: 'Lager',
};

export const goldenRevoke: RevokeRecord = {
  device: otherDevice.publicKey,
  frontier: [
    { logId: filled(1), seq: 0, operationId: filled(2) },
    { logId: filled(3), seq: 0xffff_ffff, operationId: filled(4) },
  ],
};

const recipients = byKey(
  [
    { device: goldenDevice.publicKey, sealed: sealKey(deps(), GENESIS_ID, goldenAgreement.publicKey, goldenKey) },
    { device: otherDevice.publicKey, sealed: sealKey(deps(), GENESIS_ID, otherAgreement.publicKey, goldenKey) },
  ],
  ({ device }) => device,
);

export const goldenRekey: RekeyRecord = {
  check: keyCheck(blake3, GENESIS_ID, goldenKey),
  recipients,
  previous: { keyId: filled(0x70), sealed: sealPreviousKey(deps(), GENESIS_ID, goldenKey, goldenPreviousKey) },
};

export const goldenShare: ShareKeyRecord = { keyId: filled(0x71), recipients: recipients.slice(0, 1) };

export const goldenStatement: RecoveryStatement = {
  managers: [{ device: otherDevice.publicKey, encryptionKey: otherAgreement.publicKey, name: 'Lager' }],
  heads: [filled(5), filled(6)],
};
export const goldenRecover = {
  statement: encodeRecoveryStatement(goldenStatement),
  signatures: byKey(recoveryKeys.slice(0, 2), ({ publicKey }) => publicKey).map((key) =>
    signRecovery(key, GENESIS_ID, encodeRecoveryStatement(goldenStatement)),
  ),
};

export const goldenTicket: Ticket = {
  space: '01890a5d-ac96-774b-bcce-b302099a8057' as Uuid,
  genesisId: GENESIS_ID,
  issuer: goldenDevice.publicKey,
  addresses: ['/ip4/192.168.1.20/tcp/7421', '/dns4/relay.example/tcp/7421'],
  secret: filled(0x53, 16),
  level: 'write',
  expiresAt: 1_754_300_000_000,
  spaceName: 'Saatgut-Bibliothek',
};

/** Every encoding by the name of its file. */
export const goldenFiles = (): Record<string, Uint8Array> => ({
  'space.cbor': encodeSpaceRecord(goldenSpace),
  'space-without-recovery.cbor': encodeSpaceRecord({ ...goldenSpace, recovery: undefined }),
  'grant.cbor': encodeGrantRecord(goldenGrant),
  'revoke.cbor': encodeRevokeRecord(goldenRevoke),
  'revoke-everything.cbor': encodeRevokeRecord({ ...goldenRevoke, frontier: [] }),
  'rekey.cbor': encodeRekeyRecord(goldenRekey),
  'rekey-first.cbor': encodeRekeyRecord({ ...goldenRekey, previous: undefined }),
  'rekey-withheld.cbor': encodeRekeyRecord({ ...goldenRekey, previous: { keyId: filled(0x70), sealed: undefined } }),
  'sharekey.cbor': encodeShareKeyRecord(goldenShare),
  'recover.cbor': encodeRecoverRecord(goldenRecover),
  'body.cbor': sealBody(deps(), { keyId: filled(0x71), key: goldenKey }, goldenPlace, goldenPlain),
  'body-first.cbor': sealBody(
    deps(),
    { keyId: filled(0x71), key: goldenKey },
    { ...goldenPlace, seq: 0, backlink: undefined },
    new Uint8Array(),
  ),
  'identity.txt': toUtf8(
    `${encodeIdentity(goldenDevice, { encryptionKey: goldenAgreement.publicKey, name: 'Büro' })}\n`,
  ),
  'ticket.txt': toUtf8(`${encodeTicket(blake3, goldenTicket)}\n`),
});
