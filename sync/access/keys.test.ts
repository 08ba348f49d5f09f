import { beforeEach, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { type ControlOperation, planKeys, readersWithout, VOID_KEYS_SHARED_MAX, writingKey } from './index.ts';
import { type Device, deviceOf, hexOf, SpaceBuilder } from './testing/space-builder.ts';

const [ada, ben, cem, dora] = ['ada', 'ben', 'cem', 'dora'].map(deviceOf) as [Device, Device, Device, Device];

let space: SpaceBuilder;
let first: ControlOperation;
beforeEach(() => {
  space = new SpaceBuilder();
  space.found(ada);
  space.grant(ada, ben, 'write');
  first = space.rekey(ada, [ada, ben]);
});

const writing = () => writingKey(space.resolve())?.keyId;
/** The keys that were sealed to a device, but for those that were so wrongly. */
const openedBy = (device: Device, wrong: readonly ControlOperation[] = []) => {
  const given = space.resolve().keys.filter(({ holders }) => holders.has(hexOf(device)));
  return new Set(given.map(({ keyId }) => toHex(keyId))).difference(new Set(wrong.map(hexOf)));
};
const plan = (device: Device, wrong: readonly ControlOperation[] = []) => {
  const plan = planKeys(space.resolve(), device.id, openedBy(device, wrong));
  if (!plan) return undefined;
  const names = plan.readers.map(({ name }) => name);
  return plan.kind === 'share'
    ? { kind: 'share', key: plan.epoch.keyId, names, rank: plan.rank }
    : { kind: 'rekey', key: plan.previous?.keyId, names, rank: plan.rank };
};

test('a space without a key needs one, and whoever writes makes it', () => {
  space = new SpaceBuilder();
  space.found(ada);
  space.grant(ada, ben, 'read');
  expect(writing()).toBeUndefined();
  expect(plan(ada)).toEqual({ kind: 'rekey', key: undefined, names: ['ada', 'ben'], rank: 0 });
  expect(plan(ben)).toBeUndefined();
});

test('a new reader gets the key from those who have it and may write', () => {
  expect(writing()).toEqual(first.id);
  expect(plan(ada)).toBeUndefined();
  space.grant(ada, cem, 'read');
  space.grant(ada, dora, 'pull');
  expect(plan(ada)).toEqual({ kind: 'share', key: first.id, names: ['cem'], rank: 0 });
  expect(plan(ben)).toEqual({ kind: 'share', key: first.id, names: ['cem'], rank: 1 });
  expect(plan(cem)).toBeUndefined();
  space.share(ben, first, [cem], [space.operations.at(-1)!]);
  expect(plan(ada)).toBeUndefined();
  const [epoch] = space.resolve().keys;
  expect(epoch!.sealedFor(cem.id)).toEqual([new Uint8Array(80).fill(3)]);
  expect(epoch!.sealedFor(dora.id)).toEqual([]);
});

test('a reader less needs a new key, which hands on the old one', () => {
  space.revoke(ada, ben, undefined);
  expect(writing()).toBeUndefined();
  expect(plan(ada)).toEqual({ kind: 'rekey', key: first.id, names: ['ada'], rank: 0 });
  const second = space.rekey(ada, [ada], { epoch: first });
  expect(writing()).toEqual(second.id);
  expect(plan(ada)).toBeUndefined();
  space.grant(ada, cem, 'write');
  expect(plan(ada)).toEqual({ kind: 'share', key: second.id, names: ['cem'], rank: 0 });
});

test('of two rotations at the same time, all choose one, and new readers get both', () => {
  const seen = [space.operations.at(-1)!];
  const one = space.rekey(ada, [ada, ben], { epoch: first });
  const other = space.rekey(ben, [ada, ben], { epoch: first }, seen);
  const chosen = writing()!;
  expect(chosen).toEqual([one, other].find(({ id }) => toHex(id) === toHex(chosen))!.id);
  expect(space.resolve(space.operations.toReversed()).keys.map(({ keyId }) => keyId)[0]).toEqual(chosen);
  space.grant(ada, cem, 'read', [other]);
  space.share(ada, chosen === one.id ? one : other, [cem]);
  space.share(
    ada,
    [one, other].find(({ id }) => toHex(id) === toHex(chosen))!,
    [cem],
  );
  expect(plan(ada)).toEqual({
    kind: 'share',
    key: [one, other].find(({ id }) => toHex(id) !== toHex(chosen))!.id,
    names: ['cem'],
    rank: 0,
  });
});

test('an earlier key that a later one hands on to somebody who left is not written under again', () => {
  space = new SpaceBuilder();
  space.found(ada);
  const before = space.rekey(ada, [ada]);
  space.grant(ada, ben, 'write');
  space.rekey(ada, [ada, ben], { epoch: before });
  expect([...space.resolve().keys.at(-1)!.holders]).toEqual(expect.arrayContaining([hexOf(ada), hexOf(ben)]));
  space.revoke(ada, ben, undefined);
  expect(writing()).toBeUndefined();
});

test('a withheld key is not shared with those who came later', () => {
  space.revoke(ada, ben, undefined);
  const second = space.rekey(ada, [ada], { epoch: first, isWithheld: true });
  space.grant(ada, cem, 'read');
  const third = space.share(ada, second, [cem]);
  expect(space.resolve().refused.has(hexOf(third))).toBe(false);
  expect(plan(ada)).toBeUndefined();
  expect(readersWithout(space.resolve(), space.resolve().keys.at(-1)!).map(({ name }) => name)).toEqual(['cem']);
});

test('keys come only from writers, and only from those who have them', () => {
  const granted = space.grant(ada, cem, 'read');
  const writer = space.grant(ada, dora, 'write');
  const refused = [
    space.rekey(cem, [cem], undefined, [granted]),
    space.share(dora, first, [dora], [writer]),
    space.rekey(dora, [dora], { epoch: first }, [writer]),
    space.share(ada, granted, [cem]),
  ];
  const state = space.resolve();
  expect(refused.map((operation) => state.refused.get(hexOf(operation)))).toEqual(refused.map(() => 'unauthorised'));
  expect(state.keys).toHaveLength(1);
  const own = space.rekey(dora, [ada, ben, cem, dora]);
  expect(writing()).toEqual(own.id);
});

test('who was given a key that does not open makes a new one, once, and is given the other by those who have it', () => {
  const granted = space.grant(ada, cem, 'write');
  space.share(ada, first, [cem]);
  const wrong = space.rekey(cem, [ada, ben, cem], { epoch: first }, [space.operations.at(-1)!, granted]);
  expect(writing()).toEqual(wrong.id);
  expect(plan(ben)).toBeUndefined();
  expect(plan(ada, [wrong])).toEqual({ kind: 'rekey', key: first.id, names: ['ada', 'ben', 'cem'], rank: 0 });
  const right = space.rekey(ada, [ada, ben, cem], { epoch: first }, [wrong]);
  expect(writing()).toEqual(right.id);
  expect(plan(ada, [wrong])).toBeUndefined();
  // Ben could open it, and may have written under it. Whoever sealed it wrongly is not asked again, nor believed.
  expect(plan(ben)).toEqual({ kind: 'share', key: wrong.id, names: ['ada'], rank: 0 });
  expect(plan(cem)).toBeUndefined();
  space.share(cem, wrong, [ada], [right]);
  expect(plan(ben)).toEqual({ kind: 'share', key: wrong.id, names: ['ada'], rank: 0 });
  space.share(ben, wrong, [ada], [right]);
  expect([ada, ben, cem].map((device) => plan(device))).toEqual([undefined, undefined, undefined]);
});

test('who hands on a later key has had it as well', () => {
  const other = space.rekey(ben, [ada, ben], { epoch: first }, [first]);
  const third = space.rekey(ada, [ada, ben], { epoch: other }, [other]);
  const last = space.rekey(ben, [ada, ben], { epoch: third }, [third]);
  expect(space.resolve().keys.map(({ lacking }) => lacking.size)).toEqual([0, 0, 0, 0]);
  expect(writing()).toEqual(last.id);
});

test('a rotation is not written under whose author is no reader any more, though it kept the key from itself', () => {
  const secret = space.rekey(ben, [ada], { epoch: first }, [first]);
  expect(writing()).toEqual(secret.id);
  space.revoke(ada, ben, secret, [secret]);
  expect(space.resolve().keys[0]).toMatchObject({ keyId: secret.id, isEffective: true });
  expect(writing()).toBeUndefined();
});

test('a void rotation is not written under, and what was can be read', () => {
  const seen = space.operations.slice(-1);
  space.revoke(ada, ben, undefined);
  const late = space.rekey(ben, [ada, ben], { epoch: first }, seen);
  const [epoch] = space.resolve().keys;
  expect(epoch!.keyId).toEqual(late.id);
  expect(epoch!.isEffective).toBe(false);
  expect(epoch!.sealedFor(ada.id)).toHaveLength(1);
  space.rekey(ada, [ada], { epoch: first });
  expect(writing()).toEqual(space.operations.at(-1)!.id);
  // Ada may have written under it before she removed Ben.
  expect(plan(ada)).toBeUndefined();
  space.grant(ada, cem, 'read');
  space.share(ada, space.operations.at(-2)!, [cem]);
  expect(plan(ada)).toEqual({ kind: 'share', key: late.id, names: ['cem'], rank: 0 });
});

test('who was handed a key by somebody who is gone hands it on all the same', () => {
  const granted = space.grant(ada, cem, 'write');
  const handed = space.share(ben, first, [cem], [granted]);
  const removal = space.revoke(ada, ben, undefined);
  expect(space.resolve().refused.get(hexOf(handed))).toBe('void');
  const { seen, kind } = planKeys(space.resolve(), cem.id, openedBy(cem))!;
  expect([kind, seen]).toEqual(['rekey', [handed.id]]);
  expect(space.resolve().heads).toEqual([removal.id]);
  const blind = space.rekey(cem, [ada, cem], { epoch: first }, [removal]);
  expect(space.resolve().refused.get(hexOf(blind))).toBe('unauthorised');
  const rotation = space.rekey(cem, [ada, cem], { epoch: first }, [removal, handed]);
  expect(space.resolve().refused.has(hexOf(rotation))).toBe(false);
  expect(writing()).toEqual(rotation.id);
});

test('a removed device cannot have others share keys without end', () => {
  const seen = space.operations.slice(-1);
  space.revoke(ada, ben, undefined);
  for (let i = 0; i < 2 * VOID_KEYS_SHARED_MAX; i++) space.rekey(ben, [ada], { epoch: first }, i === 0 ? seen : []);
  const chosen = space.rekey(ada, [ada], { epoch: first });
  space.grant(ada, cem, 'read');
  space.share(ada, chosen, [cem]);
  let count = 0;
  for (let next = plan(ada); next && count <= VOID_KEYS_SHARED_MAX; next = plan(ada)) {
    const rotation = space.operations.find(({ id }) => toHex(id) === toHex(next!.key!))!;
    space.share(ada, rotation, [cem], [rotation]);
    count += 1;
  }
  expect(count).toBe(VOID_KEYS_SHARED_MAX);
});
