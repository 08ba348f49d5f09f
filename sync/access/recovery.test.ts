import { beforeEach, expect, test } from 'vitest';
import { encodeRecoverRecord, encodeRecoveryStatement, RECOVER_SCHEMA, signRecovery } from './index.ts';
import { type Device, deviceOf, hexOf, RECOVERY, recoveryKeys, SpaceBuilder } from './testing/space-builder.ts';

const [ada, ben, cem, dora] = ['ada', 'ben', 'cem', 'dora'].map(deviceOf) as [Device, Device, Device, Device];
let space: SpaceBuilder;
beforeEach(() => {
  space = new SpaceBuilder();
});
const level = (device: Device) => space.resolve().levelNow(device.id);

test('a space whose managers removed each other goes on under new ones', () => {
  space.found(ada, RECOVERY);
  space.grant(ada, cem, 'pull');
  space.grant(ada, dora, 'write');
  const given = space.grant(ada, ben, 'manage');
  const removals = [space.revoke(ada, ben, undefined), space.revoke(ben, ada, given, [given])];
  const recovery = space.recover(cem, [cem], removals);
  expect([ada, ben, cem, dora].map(level)).toEqual([null, null, 'manage', 'write']);
  expect(space.resolve().heads).toEqual([recovery.id]);
  space.grant(cem, dora, 'manage', [recovery]);
  expect(level(dora)).toBe('manage');
});

test('who managed before may only write after it, and what was signed beside it is void', () => {
  const founding = space.found(ada, RECOVERY);
  space.grant(ada, cem, 'pull');
  const kept = space.grant(ada, dora, 'read');
  const recovery = space.recover(cem, [cem], [kept]);
  const beside = space.grant(ada, ben, 'manage', [founding]);
  const late = space.grant(ada, ben, 'read', [recovery]);
  const { refused } = space.resolve();
  expect(refused.get(hexOf(beside))).toBe('void');
  expect(refused.get(hexOf(late))).toBe('unauthorised');
  expect([ada, ben, cem, dora].map(level)).toEqual(['write', null, 'manage', 'read']);
});

test('a statement that is carried again later takes nothing away', () => {
  const founding = space.found(ada, RECOVERY);
  for (const device of [ben, cem]) space.grant(ada, device, 'pull');
  const recovery = space.recover(cem, [cem], [founding]);
  space.grant(cem, dora, 'write', [recovery]);
  const { members } = space.resolve();
  space.say(ben, RECOVER_SCHEMA, recovery.content, [founding]);
  expect([...space.resolve().members.values()].map((member) => member.level)).toEqual(
    [...members.values()].map((member) => member.level),
  );
});

test('a recovery counts only with enough of the right signatures, for this space, after its heads', () => {
  const founding = space.found(ada, RECOVERY);
  for (const device of [ben, dora]) space.grant(ada, device, 'read');
  const { encryptionKey, id, name } = cem;
  const statement = encodeRecoveryStatement({ managers: [{ device: id, encryptionKey, name }], heads: [founding.id] });
  const sign = (places: readonly number[], genesisId = space.genesisId) =>
    places.map((place) => signRecovery(recoveryKeys[place]!, genesisId, statement));
  const [one, two] = sign([0, 1]);
  const stranger = { ...two!, key: ben.id };
  const tries = [
    [one!],
    [one!, { ...two!, signature: one!.signature }],
    [one!, stranger],
    sign([0, 1], founding.backlink ?? id),
  ];
  const refused = tries.map((signatures) =>
    space.say(ben, RECOVER_SCHEMA, encodeRecoverRecord({ statement, signatures }), [founding]),
  );
  const unseen = space.say(dora, RECOVER_SCHEMA, encodeRecoverRecord({ statement, signatures: sign([0, 1]) }));
  const state = space.resolve();
  for (const operation of [...refused, unseen]) expect(state.refused.get(hexOf(operation))).toBe('unauthorised');
  space.say(ben, RECOVER_SCHEMA, encodeRecoverRecord({ statement, signatures: sign([1, 2]) }), [founding]);
  expect(level(cem)).toBe('manage');
});

test('a space that was founded without recovery keys has none', () => {
  const founding = space.found(ada);
  space.grant(ada, cem, 'write');
  const recovery = space.recover(cem, [cem], [founding]);
  expect(space.resolve().refused.get(hexOf(recovery))).toBe('unauthorised');
});
