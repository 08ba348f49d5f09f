import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import type { ControlOperation } from './index.ts';
import { type Device, deviceOf, hexOf, SpaceBuilder } from './testing/space-builder.ts';

const [ada, ben, cem, dora, eve] = ['ada', 'ben', 'cem', 'dora', 'eve'].map(deviceOf) as [
  Device,
  Device,
  Device,
  Device,
  Device,
];

let space: SpaceBuilder;
let founding: ControlOperation;
beforeEach(() => {
  space = new SpaceBuilder();
  founding = space.found(ada);
});

const levels = () => {
  const state = space.resolve();
  return Object.fromEntries([ada, ben, cem, dora, eve].map((device) => [device.name, state.levelNow(device.id)]));
};
const refusalOf = (operation: ControlOperation) => space.resolve().refused.get(hexOf(operation));

describe('grants', () => {
  test('the founder manages, and gives levels', () => {
    space.grant(ada, ben, 'write');
    const granted = space.grant(ada, cem, 'pull');
    const state = space.resolve();
    expect(state.name).toBe('Seed library');
    expect(state.founder).toEqual(ada.id);
    expect(levels()).toEqual({ ada: 'manage', ben: 'write', cem: 'pull', dora: null, eve: null });
    expect([...state.members.values()].map(({ name, seniority }) => [name, seniority])).toEqual([
      ['ada', 0],
      ['ben', 1],
      ['cem', 2],
    ]);
    expect(state.members.get(hexOf(cem))).toMatchObject({ grantedBy: ada.id, grantId: granted.id });
    expect(state.heads).toEqual([granted.id]);
    expect(state.refused.size).toBe(0);
  });

  test('nobody else gives any', () => {
    const first = space.grant(ada, ben, 'write');
    const refused = space.grant(ben, cem, 'pull', [first]);
    const strange = [space.grant(eve, eve, 'manage', [first]), space.grant(dora, dora, 'manage')];
    expect(levels()).toEqual({ ada: 'manage', ben: 'write', cem: null, dora: null, eve: null });
    expect(refusalOf(refused)).toBe('unauthorised');
    expect([...space.resolve().waiting].toSorted()).toEqual(strange.map(hexOf).toSorted());
  });

  test('what a device says belongs to the space once it was let in, for good', () => {
    const early = space.grant(ben, eve, 'manage', [founding]);
    expect([...space.resolve().admitted.keys()]).toEqual([hexOf(ada)]);
    expect(space.resolve().waiting).toEqual(new Set([hexOf(early)]));
    const given = space.grant(ada, ben, 'manage');
    const late = space.grant(ben, cem, 'read', [given]);
    space.revoke(ada, ben, early, [late]);
    const { admitted, members } = space.resolve();
    expect([...members.keys()]).toEqual([hexOf(ada), hexOf(ben)]);
    expect(admitted).toEqual(new Map([ada, ben, cem].map((device, place) => [hexOf(device), place])));
    expect(refusalOf(early)).toBe('unauthorised');
    // What builds on the word of a stranger waits, whether that is here or not.
    const strange = space.say(dora, 'granary.log.v1', new Uint8Array());
    const built = space.grant(ada, dora, 'read', [strange]);
    expect(space.resolve().waiting).toEqual(new Set([hexOf(strange), hexOf(built)]));
    expect(space.resolve().levelAt(ada.id, [strange.id])).toBeUndefined();
  });

  test('a right counts from where its owner had seen it', () => {
    const early = space.grant(ben, cem, 'read', [founding]);
    const given = space.grant(ada, ben, 'manage');
    const late = space.grant(ben, dora, 'read', [given]);
    expect(refusalOf(early)).toBe('unauthorised');
    expect(refusalOf(late)).toBeUndefined();
    expect(levels()).toMatchObject({ cem: null, dora: 'read' });
  });

  test('the later level holds; of two at the same time the lower one', () => {
    const given = space.grant(ada, ben, 'manage');
    space.grant(ada, cem, 'write');
    expect(levels().cem).toBe('write');
    space.grant(ben, cem, 'read', [given]);
    expect(levels().cem).toBe('read');
    const both = space.grant(ada, cem, 'manage', space.operations.slice(-1));
    expect(levels().cem).toBe('manage');
    expect(space.resolve().levelAt(cem.id, [given.id])).toBeNull();
    expect(space.resolve().levelAt(cem.id, [both.backlink!])).toBe('write');
    expect(space.resolve().levelAt(cem.id, [both.id])).toBe('manage');
    expect(space.resolve().levelAt(cem.id, [both.id, new Uint8Array(32)])).toBeUndefined();
  });
});

describe('revocations', () => {
  test('what lies within the frontier stays, grants too', () => {
    const given = space.grant(ada, ben, 'manage');
    const kept = space.grant(ben, cem, 'read', [given]);
    const late = space.grant(ben, dora, 'read');
    space.revoke(ada, ben, kept, [kept]);
    expect(levels()).toEqual({ ada: 'manage', ben: null, cem: 'read', dora: null, eve: null });
    expect(refusalOf(late)).toBe('void');
    const state = space.resolve();
    expect(state.isVoid(ben.id, ben.logId, kept.seq)).toBe(false);
    expect(state.isVoid(ben.id, ben.logId, late.seq)).toBe(true);
    expect(state.isVoid(ben.id, new Uint8Array(32), 0)).toBe(true);
    expect(state.isVoid(eve.id, eve.logId, 0)).toBe(true);
    expect(state.isVoid(ada.id, ada.logId, 100)).toBe(false);
    expect(state.heads.map(toHex)).not.toContain(hexOf(late));
  });

  test('another operation in the place that the frontier names does not stay', () => {
    const given = space.grant(ada, ben, 'manage');
    const kept = space.grant(ben, cem, 'read', [given]);
    const other = space.grant(ben, dora, 'read');
    space.revoke(ada, ben, { ...other, id: new Uint8Array(32) }, [other]);
    expect(levels()).toMatchObject({ ben: null, cem: 'read', dora: null });
    expect([kept, other].map(refusalOf)).toEqual([undefined, 'void']);
    const { isVoid, heads } = space.resolve();
    expect(isVoid(ben.id, ben.logId, other.seq, other.id)).toBe(true);
    expect(isVoid(ben.id, ben.logId, other.seq, new Uint8Array(32))).toBe(false);
    expect(isVoid(ben.id, ben.logId, other.seq)).toBe(false);
    expect(heads.map(toHex)).not.toContain(hexOf(other));
  });

  test('what rested on a void grant goes with it', () => {
    const given = space.grant(ada, ben, 'manage');
    const bad = space.grant(ben, cem, 'manage', [given]);
    const rested = space.grant(cem, dora, 'write', [bad]);
    expect(levels()).toMatchObject({ cem: 'manage', dora: 'write' });
    space.revoke(ada, ben, undefined, [rested]);
    expect(levels()).toMatchObject({ ben: null, cem: null, dora: null });
    expect([bad, rested].map(refusalOf)).toEqual(['void', 'void']);
  });

  test('a removed device never comes back, whichever of grant and removal is later', () => {
    const given = space.grant(ada, ben, 'manage');
    const removal = space.revoke(ada, cem, undefined);
    space.grant(ben, cem, 'write', [given]);
    const again = space.grant(ben, cem, 'write', [removal]);
    expect(levels().cem).toBeNull();
    expect(refusalOf(again)).toBe('void');
  });

  test('two who remove each other are both removed', () => {
    const given = space.grant(ada, ben, 'manage');
    const one = space.revoke(ada, ben, undefined);
    const other = space.revoke(ben, ada, founding, [given]);
    expect(levels()).toMatchObject({ ada: null, ben: null });
    expect([one, other].map(refusalOf)).toEqual([undefined, undefined]);
  });

  test('three who remove each other in a circle are all removed', () => {
    space.grant(ada, ben, 'manage');
    const given = space.grant(ada, cem, 'manage');
    space.revoke(ada, ben, undefined);
    space.revoke(ben, cem, undefined, [given]);
    space.revoke(cem, ada, given, [given]);
    expect(levels()).toMatchObject({ ada: null, ben: null, cem: null });
  });

  test('a removal breaks a circle that it does not belong to', () => {
    space.grant(ada, ben, 'manage');
    const given = space.grant(ada, cem, 'manage');
    const one = space.revoke(cem, ben, undefined, [given]);
    const other = space.revoke(ben, cem, undefined, [given]);
    space.revoke(ada, ben, undefined);
    expect(levels()).toMatchObject({ ada: 'manage', ben: null, cem: 'manage' });
    expect([one, other].map(refusalOf)).toEqual([undefined, 'void']);
  });

  test('a removal in the name of somebody who was let in behind the frontier counts no more than one by the removed', () => {
    const given = space.grant(ada, ben, 'manage');
    const removal = space.revoke(ada, ben, undefined);
    const puppet = space.grant(ben, eve, 'manage', [given]);
    space.revoke(eve, ada, founding, [puppet]);
    expect(refusalOf(removal)).toBeUndefined();
    expect(levels()).toMatchObject({ ada: null, ben: null, eve: null });
  });
});

describe('farewells', () => {
  test('tell a removed device of its removal, and of nothing that was signed later or beside it', () => {
    const given = space.grant(ada, ben, 'manage');
    const seen = space.grant(ben, cem, 'write', [given]);
    const own = space.say(cem, 'granary.log.v1', new Uint8Array(), [seen]);
    const beside = space.grant(ada, dora, 'read');
    const removal = space.revoke(ben, cem, own, [own]);
    const later = space.grant(ben, eve, 'read', [removal, beside]);
    const state = space.resolve();
    expect(state.farewellTo(cem.id)).toEqual([founding, given, seen, own, removal]);
    expect(state.removalOf(cem.id)).toEqual(removal);
    const told = space.resolve([founding, given, seen, own, removal]);
    expect(told.members.get(hexOf(cem))?.level).toBeNull();
    for (const device of [ada, ben, dora, eve]) expect(state.farewellTo(device.id)).toEqual([]);
    expect(state.farewellTo(deviceOf('nobody').id)).toEqual([]);
    expect(state.heads).toEqual([later.id]);
  });

  test('tell a device whose grant became void what made it so', () => {
    const given = space.grant(ada, ben, 'manage');
    const late = space.grant(ben, cem, 'manage', [given]);
    const rested = space.grant(cem, dora, 'write', [late]);
    const removal = space.revoke(ada, ben, undefined);
    const state = space.resolve();
    for (const device of [cem, dora]) {
      expect(state.farewellTo(device.id)).toEqual([founding, given, removal]);
      expect(state.removalOf(device.id)).toBeUndefined();
    }
    const told = space.resolve([founding, given, late, rested, removal]);
    expect(told.levelNow(dora.id)).toBeNull();
  });
});

test('what waits for its past has no effect until that comes', () => {
  const given = space.grant(ada, ben, 'manage');
  const last = space.grant(ben, cem, 'read', [given]);
  const state = space.resolve(space.operations.filter((operation) => operation !== given));
  expect([...state.waiting]).toEqual([hexOf(last)]);
  expect(state.levelNow(ben.id)).toBeNull();
  expect(state.levelAt(ben.id, [last.id])).toBeUndefined();
  expect(space.resolve().levelNow(cem.id)).toBe('read');
});
