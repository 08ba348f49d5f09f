import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { type ControlOperation, LEVELS } from './index.ts';
import { AccessModel } from './testing/access-model.ts';
import { deviceOf, hexOf, RECOVERY, SpaceBuilder } from './testing/space-builder.ts';

const DEVICES = ['ada', 'ben', 'cem', 'dora', 'eve'].map(deviceOf);
const [ada, ben, cem] = DEVICES as [(typeof DEVICES)[0], (typeof DEVICES)[0], (typeof DEVICES)[0]];

/** One operation by anybody, who has seen anything: numbers are taken modulo what there is. */
interface Step {
  readonly author: number;
  readonly device: number;
  readonly kind: 'grant' | 'revoke' | 'recover';
  readonly level: number;
  /** How many of the device's operations a removal leaves. */
  readonly kept: number;
  /** The removal names another operation in the place of the last one that it leaves. */
  readonly isMistaken: boolean;
  readonly seen: readonly number[];
}

const step = (kinds: readonly Step['kind'][]): fc.Arbitrary<Step> =>
  fc.record({
    author: fc.nat(DEVICES.length - 1),
    device: fc.nat(DEVICES.length - 1),
    kind: fc.constantFrom(...kinds),
    level: fc.constantFrom(0, 1, 2, 3, 3, 3),
    kept: fc.nat(6),
    isMistaken: fc.constantFrom(true, false, false, false),
    seen: fc.array(fc.nat(30), { maxLength: 3 }),
  });

const steps = (kinds: readonly Step['kind'][], maxLength: number) => fc.array(step(kinds), { maxLength });
const WITHOUT_RECOVERY = ['grant', 'revoke', 'revoke'] as const;
const WITH_RECOVERY = ['grant', 'grant', 'revoke', 'revoke', 'recover'] as const;

/** A space with three managers, and then what the steps say. */
function build(taken: readonly Step[]): SpaceBuilder {
  const space = new SpaceBuilder();
  space.found(ada, RECOVERY);
  space.grant(ada, ben, 'manage');
  space.grant(ada, cem, 'manage');
  for (const each of taken) take(space, each);
  return space;
}

function take(
  space: SpaceBuilder,
  { author: from, device: to, kind, level, kept, isMistaken, seen: places }: Step,
): ControlOperation {
  const { operations } = space;
  const [author, device] = [DEVICES[from]!, DEVICES[to]!];
  const seen = [...new Set(places.map((place) => operations[place % operations.length]!))];
  if (kind === 'grant') return space.grant(author, device, LEVELS[level]!, seen);
  const own = operations.filter((operation) => toHex(operation.author) === hexOf(device));
  if (kind === 'revoke') {
    const last = own[kept - 1] ?? (kept > 0 ? own.at(-1) : undefined);
    return space.revoke(author, device, last && isMistaken ? { ...last, id: new Uint8Array(32) } : last, seen);
  }
  return space.recover(author, [device], seen.length > 0 ? seen : operations.slice(0, 1));
}

test('what operations amount to is what the rules say, to the letter', () => {
  const amounts = { removals: 0, circles: 0, voids: 0, strangers: 0 };
  const heads = fc.array(fc.nat(30), { minLength: 1, maxLength: 3 });
  const spaces = fc.oneof(steps(WITHOUT_RECOVERY, 14), steps(WITH_RECOVERY, 9));
  fc.assert(
    fc.property(spaces, heads, (taken, places) => {
      const space = build(taken);
      const { operations } = space;
      const state = space.resolve();
      amounts.strangers += state.waiting.size;
      const model = new AccessModel(space.genesisId, operations);
      const effective = model.effective(model.everything);
      expect(Object.fromEntries(state.refused)).toEqual(Object.fromEntries(model.refused()));
      const seen = places.map((place) => operations[place % operations.length]!.id);
      for (const device of DEVICES) {
        expect(state.levelNow(device.id), device.name).toBe(model.level(hexOf(device), model.everything, effective));
        const isKnown = seen.every((id) => model.has(toHex(id)));
        expect(state.levelAt(device.id, seen), device.name).toBe(
          isKnown ? model.level(hexOf(device), model.upTo(seen.map(toHex))) : undefined,
        );
      }
      amounts.removals += effective.size;
      amounts.voids += [...state.refused.values()].filter((reason) => reason === 'void').length;
      amounts.circles += operations.filter(({ id, author, logId, seq }) => {
        return effective.has(toHex(id)) && state.isVoid(author, logId, seq, id);
      }).length;
    }),
    { numRuns: 1000 },
  );
  // The steps do reach what the test is about.
  for (const [name, amount] of Object.entries(amounts)) expect(amount, name).toBeGreaterThan(100);
});

test('neither order nor repetition of delivery matters', () => {
  fc.assert(
    fc.property(steps(WITH_RECOVERY, 25), fc.infiniteStream(fc.nat()), (taken, numbers) => {
      const space = build(taken);
      const { operations } = space;
      const { hash, members, heads } = space.resolve();
      const random = (below: number) => (numbers.next().value as number) % below;
      const delivered = operations.flatMap((operation) => Array.from({ length: 1 + random(2) }, () => operation));
      for (let i = delivered.length - 1; i > 0; i--) {
        const j = random(i + 1);
        [delivered[i], delivered[j]] = [delivered[j]!, delivered[i]!];
      }
      const again = space.resolve(delivered);
      expect([...again.members]).toEqual([...members]);
      expect(again.heads).toEqual(heads);
      expect(again.hash).toEqual(hash);
    }),
    { numRuns: 500 },
  );
});

test('nothing has an effect that was not given by somebody with the right', () => {
  const [dora, eve] = [3, 4];
  fc.assert(
    fc.property(steps(WITHOUT_RECOVERY, 20), steps(WITHOUT_RECOVERY, 10), (taken, strange) => {
      const members = taken.map((each) => ({ ...each, author: each.author % 3, device: each.device % 3 }));
      const space = build(members);
      const before = space.resolve();
      for (const each of strange) take(space, { ...each, author: each.author % 2 === 0 ? dora : eve });
      const after = space.resolve();
      expect([...after.members]).toEqual([...before.members]);
      expect(after.heads).toEqual(before.heads);
      expect(after.hash).toEqual(before.hash);
    }),
    { numRuns: 500 },
  );
});

test('a removed device gains nothing by what it dates back', () => {
  const [benAt, doraAt, eveAt] = [1, 3, 4];
  const silent = deviceOf('fay');
  const placesOf = ({ operations }: SpaceBuilder, at: number) =>
    operations.flatMap(({ author }, place) => (toHex(author) === hexOf(DEVICES[at]!) ? [place] : []));
  fc.assert(
    fc.property(steps(WITHOUT_RECOVERY, 12), steps(['grant', 'revoke'], 10), fc.nat(3), (taken, late, kept) => {
      // Ada stays a manager, nobody else removes Ben, and Eve has not been there.
      const others = taken.map((each) => ({
        ...each,
        author: each.author === eveAt ? 0 : each.author,
        device: each.device === eveAt || each.device <= benAt ? doraAt : each.device,
      }));
      const space = new SpaceBuilder();
      space.found(ada, RECOVERY);
      for (const device of [ben, cem]) space.grant(ada, device, 'manage');
      space.grant(ada, DEVICES[doraAt]!, 'pull');
      for (const each of others) take(space, each);
      space.grant(ada, silent, 'write');
      const knownCount = space.operations.length;
      space.revoke(ada, DEVICES[benAt]!, space.operations[placesOf(space, benAt)[kept] ?? -1]);
      const levelsOf = () => {
        const { members } = space.resolve();
        return [...members].map(([id, { level }]) => [id, level]).toSorted();
      };
      const before = levelsOf();
      // Ben lets Eve in, and both give levels and remove somebody who has never signed anything.
      for (const each of late) {
        const seen = each.seen.map((place) => place % knownCount);
        space.grant(
          DEVICES[benAt]!,
          DEVICES[eveAt]!,
          'manage',
          seen.map((place) => space.operations[place]!),
        );
        const place = space.operations.length - 1;
        const author = each.author % 2 === 0 ? benAt : eveAt;
        if (each.kind === 'grant') take(space, { ...each, author, seen: [place] });
        else space.revoke(DEVICES[author]!, silent, undefined, [space.operations[place]!]);
      }
      expect(levelsOf()).toEqual(before);
    }),
    { numRuns: 500 },
  );
});
