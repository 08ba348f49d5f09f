import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromUtf8, toHex } from '#core/kernel/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { nodeOneTimeCipher as cipher } from './adapters/node-one-time-cipher.ts';
import {
  decodeGrantRecord,
  decodeIdentity,
  decodeRecoverRecord,
  decodeRecoveryStatement,
  decodeRekeyRecord,
  decodeRevokeRecord,
  decodeShareKeyRecord,
  decodeSpaceRecord,
  decodeTicket,
  isRecoverySigned,
  keyCheck,
  openBody,
  openKey,
  openPreviousKey,
  readSealedBody,
} from './index.ts';
import {
  GENESIS_ID,
  goldenAgreement,
  goldenDevice,
  goldenFiles,
  goldenGrant,
  goldenKey,
  goldenPlace,
  goldenPlain,
  goldenPreviousKey,
  goldenRecover,
  goldenRekey,
  goldenRevoke,
  goldenShare,
  goldenSpace,
  goldenStatement,
  goldenTicket,
} from './testing/golden-space.ts';

const folder = new URL('../../tests/golden/space-v1/', import.meta.url);
const read = (name: string) => Uint8Array.from(readFileSync(new URL(name, folder)));
const deps = { blake3, cipher };

test('every encoding is written as it was', () => {
  const names = readdirSync(folder).filter((name) => name !== 'generate.ts');
  const now = goldenFiles();
  expect(names.toSorted()).toEqual(Object.keys(now).toSorted());
  for (const [name, bytes] of Object.entries(now)) expect(toHex(bytes), name).toBe(toHex(read(name)));
});

describe('every encoding reads as it says', () => {
  test('records', () => {
    expect(decodeSpaceRecord(read('space.cbor'))).toEqual(goldenSpace);
    expect(decodeSpaceRecord(read('space-without-recovery.cbor'))).toEqual({ ...goldenSpace, recovery: undefined });
    expect(decodeGrantRecord(read('grant.cbor'))).toEqual(goldenGrant);
    expect(decodeRevokeRecord(read('revoke.cbor'))).toEqual(goldenRevoke);
    expect(decodeRevokeRecord(read('revoke-everything.cbor'))).toEqual({ ...goldenRevoke, frontier: [] });
    expect(decodeRekeyRecord(read('rekey.cbor'))).toEqual(goldenRekey);
    expect(decodeRekeyRecord(read('rekey-first.cbor')).previous).toBeUndefined();
    expect(decodeRekeyRecord(read('rekey-withheld.cbor')).previous).toMatchObject({ sealed: undefined });
    expect(decodeShareKeyRecord(read('sharekey.cbor'))).toEqual(goldenShare);
    const recover = decodeRecoverRecord(read('recover.cbor'));
    expect(recover).toEqual(goldenRecover);
    expect(decodeRecoveryStatement(recover.statement)).toEqual(goldenStatement);
    expect(isRecoverySigned(ed25519, GENESIS_ID, goldenSpace.recovery!, recover)).toBe(true);
  });

  test('keys and bodies', () => {
    const { check, recipients, previous } = decodeRekeyRecord(read('rekey.cbor'));
    const own = recipients.find(({ device }) => toHex(device) === toHex(goldenDevice.publicKey))!;
    const key = openKey(deps, goldenAgreement, { genesisId: GENESIS_ID, check }, own.sealed)!;
    expect(key).toEqual(goldenKey);
    const place = { genesisId: GENESIS_ID, check: keyCheck(blake3, GENESIS_ID, goldenPreviousKey) };
    expect(openPreviousKey(deps, place, key, previous!.sealed!)).toEqual(goldenPreviousKey);
    expect(openBody(deps, key, goldenPlace, readSealedBody(read('body.cbor')))).toEqual(goldenPlain);
    const first = { ...goldenPlace, seq: 0, backlink: undefined };
    expect(openBody(deps, key, first, readSealedBody(read('body-first.cbor')))).toEqual(new Uint8Array());
  });

  test('the identity', () => {
    expect(decodeIdentity(ed25519, fromUtf8(read('identity.txt')))).toEqual({
      device: goldenDevice.publicKey,
      encryptionKey: goldenAgreement.publicKey,
      name: 'Büro',
    });
  });

  test('the ticket', () => {
    expect(decodeTicket(blake3, fromUtf8(read('ticket.txt')))).toEqual(goldenTicket);
  });
});
