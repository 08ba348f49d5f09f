import { expect, test } from 'vitest';
import { concatBytes } from '#core/kernel/index.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { keyCheck, openKey, sealKey } from '#sync/access/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { openOnDevice, sealToDevice } from './device-sealing.ts';

const filled = (value: number) => new Uint8Array(32).fill(value);
const keyDeps = { blake3, cipher: nodeOneTimeCipher };
const deps = { ...keyDeps, x25519: nodeX25519, random: countingRandom(1) };
const own = nodeX25519.keyFromSecret(filled(1));
const other = nodeX25519.keyFromSecret(filled(2));

test('a key is sealed to one device and to no other, in other bytes each time', async () => {
  const { sealKeyTo } = sealToDevice(deps);
  const sealed = await sealKeyTo(own.publicKey, filled(7));
  expect(sealed).toHaveLength(80);
  expect(openOnDevice(keyDeps, own).openKey(sealed)).toEqual(filled(7));
  expect(openOnDevice(keyDeps, other).openKey(sealed)).toBeUndefined();
  expect(await sealKeyTo(own.publicKey, filled(7))).not.toEqual(sealed);
  const damaged = sealed.slice();
  damaged[40]! ^= 1;
  expect(openOnDevice(keyDeps, own).openKey(damaged)).toBeUndefined();
  // A point of small order agrees with every key on zero.
  const small = concatBytes([new Uint8Array(32), sealed.subarray(32)]);
  expect(openOnDevice(keyDeps, own).openKey(small)).toBeUndefined();
});

test('what is sealed for a space opens no bundle, and the other way round', async () => {
  const [genesisId, key] = [filled(3), filled(7)];
  const place = { genesisId, check: keyCheck(blake3, genesisId, key) };
  expect(openOnDevice(keyDeps, own).openKey(sealKey(deps, genesisId, own.publicKey, key))).toBeUndefined();
  const sealed = await sealToDevice(deps).sealKeyTo(own.publicKey, key);
  expect(openKey(keyDeps, own, place, sealed)).toBeUndefined();
});

test('nothing is sealed to a key of small order', () => {
  expect(() => sealToDevice(deps).sealKeyTo(new Uint8Array(32), filled(7))).toThrow(/small order/);
});
