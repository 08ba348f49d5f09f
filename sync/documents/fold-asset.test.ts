import { describe, expect, test } from 'vitest';
import {
  type AssetOperation,
  decodeAssetReplica,
  DOCUMENT_SCHEMA,
  editAsset,
  encodeAssetReplica,
  foldAsset,
  hashProjection,
  projectAsset,
  WAITING_LOGS_MAX,
  WAITING_OPERATIONS_MAX,
} from './index.ts';
import { createAuthor, deps, record } from './testing/authors.ts';

describe('operations about an asset', () => {
  test('fold into its fields, in any order', () => {
    const [ada, ben] = [createAuthor('ada'), createAuthor('ben')];
    const first = ada.edit({ name: 'weather', description: 'Rain by hour.', tags: ['rain'], custom: { owner: 'a' } })!;
    ben.receive([first]);
    const fromBen = ben.edit({ description: 'Rain by hour. Since 1990.', tags: ['rain', 'wind'] })!;
    const fromAda = ada.edit({ description: 'Hourly: Rain by hour.', name: 'climate', assetType: 'TIME_SERIES' })!;
    ada.receive([fromBen]);
    ben.receive([fromAda]);
    const projection = projectAsset(deps, ada.state!);
    expect(projection.fields).toEqual({
      name: 'climate',
      description: 'Hourly: Rain by hour. Since 1990.',
      assetType: 'TIME_SERIES',
      storageFormat: null,
      tags: ['rain', 'wind'],
      maxErrors: {},
      contract: null,
      custom: { owner: 'a' },
    });
    const hash = hashProjection(deps.blake3, projection);
    expect(hashProjection(deps.blake3, projectAsset(deps, ben.state!))).toEqual(hash);

    const late = foldAsset(deps, undefined, [fromBen]);
    expect(projectAsset(deps, late.state).waiting).toEqual([fromBen.id]);
    const stored = decodeAssetReplica(deps, encodeAssetReplica(deps, late.state));
    const { state, refused, mustRebuild } = foldAsset(deps, stored, [fromBen, first, fromAda, first]);
    expect({ refused, mustRebuild }).toEqual({ refused: [], mustRebuild: false });
    expect(hashProjection(deps.blake3, projectAsset(deps, state))).toEqual(hash);
    const again = decodeAssetReplica(deps, encodeAssetReplica(deps, state));
    expect(hashProjection(deps.blake3, projectAsset(deps, again))).toEqual(hash);
  });

  test('of a void one, what it overwrote comes back and what is built on it stays', () => {
    const [ada, eve] = [createAuthor('ada'), createAuthor('eve')];
    const first = ada.edit({ name: 'weather', description: 'Rain by hour.', tags: ['rain'] })!;
    eve.receive([first]);
    const bad = eve.edit({ name: 'mine', description: 'BUY rain by hour.', tags: [] })!;
    ada.receive([bad]);
    const next = ada.edit({ description: 'BUY rain by the hour.', tags: ['wind'] })!;
    const rebuilt = foldAsset(deps, undefined, [next, { ...bad, isVoid: true }, first].reverse());
    expect(rebuilt.refused).toEqual([]);
    const { fields } = projectAsset(deps, rebuilt.state);
    expect(fields).toMatchObject({ name: 'weather', tags: ['rain', 'wind'], description: 'Rain by the hour.' });
    expect(foldAsset(deps, ada.state, [{ ...bad, isVoid: true }]).mustRebuild).toBe(true);
  });
});

describe('operations that wait', () => {
  const count = WAITING_OPERATIONS_MAX + 10;
  const far = createAuthor('far');
  const near = createAuthor('near');
  const first = far.edit({ name: 'weather' })!;
  near.receive([first]);
  const log = Array.from({ length: count }, (_, i) => near.edit({ custom: { i } })!);
  const other = far.edit({ description: 'Rain by hour.' })!;

  test('have room for so many of each device, in however many logs, and none is forgotten', () => {
    const logs = Array.from({ length: WAITING_LOGS_MAX + 2 }, (_, i) => {
      const writer = createAuthor(`writer ${i}`);
      writer.receive([first]);
      return Array.from({ length: 200 }, (__, k) => ({
        ...writer.write('granary.unknown.v9', record(Uint8Array.of(k))),
        author: 'f'.repeat(64),
      }));
    });
    const early = foldAsset(deps, undefined, logs.flat());
    const waiting = projectAsset(deps, early.state).waiting.length;
    expect(waiting).toBeLessThanOrEqual(WAITING_OPERATIONS_MAX + WAITING_LOGS_MAX);
    expect(waiting + early.refused.length).toBe(logs.flat().length);
    expect(logs.filter(([own]) => early.state.waiting.has(own!.id))).toHaveLength(WAITING_LOGS_MAX);
    const stored = decodeAssetReplica(deps, encodeAssetReplica(deps, early.state));
    expect(foldAsset(deps, stored, [first]).mustRebuild).toBe(true);
    const whole = foldAsset(deps, undefined, [...logs.flat(), first]);
    expect([whole.refused, whole.mustRebuild]).toEqual([[], false]);
  });

  test('have room for so many of each log, and all of them count once what they wait for is here', () => {
    const early = foldAsset(deps, undefined, log);
    expect(early.refused).toHaveLength(10);
    expect(early.refused.every(({ reason }) => reason === 'waiting-full')).toBe(true);
    expect(early.mustRebuild).toBe(false);
    const stored = decodeAssetReplica(deps, encodeAssetReplica(deps, early.state));
    const more = foldAsset(deps, stored, log.slice(-1));
    expect(more.refused).toEqual([{ id: log.at(-1)!.id, reason: 'waiting-full' }]);
    const late = foldAsset(deps, more.state, [first, other]);
    expect(projectAsset(deps, late.state).fields).toMatchObject({ name: 'weather', description: 'Rain by hour.' });
    expect([late.refused, late.mustRebuild]).toEqual([[], true]);
    const whole = foldAsset(deps, undefined, [...log, first, other]);
    expect([whole.refused, whole.mustRebuild]).toEqual([[], false]);
    expect(projectAsset(deps, whole.state).fields.custom).toEqual({ i: count - 1 });
  });

  test('out of the order of their log are refused', () => {
    const { refused, state } = foldAsset(deps, undefined, [first, log[1]!, log[0]!]);
    expect(refused).toEqual([{ id: log[0]!.id, reason: 'order' }]);
    expect(projectAsset(deps, state).fields).toMatchObject({ name: 'weather', custom: {} });
  });
});

describe('an edit', () => {
  test('that changes nothing makes no update', () => {
    const ada = createAuthor('ada');
    const edit = {
      name: 'weather',
      description: 'Rain.',
      tags: ['b', 'a'],
      maxErrors: { celsius: '1%' },
      contract: { b: 1, a: [null, 'x'] },
      custom: { toString: 'x', n: 1.5, big: 2 ** 52, small: -3 },
    };
    expect(ada.edit(edit)).toBeDefined();
    expect(ada.edit(edit)).toBeUndefined();
    expect(ada.edit({ ...edit, tags: ['a', 'b', 'a'], contract: { a: [null, 'x'], b: 1 } })).toBeUndefined();
    expect(ada.edit({ tags: [], maxErrors: {}, custom: {}, contract: null, description: null })).toBeDefined();
    expect(projectAsset(deps, ada.state!).fields).toMatchObject({ name: 'weather', custom: {}, contract: null });
  });

  test('keeps whole characters whole', () => {
    const ada = createAuthor('ada');
    for (const description of ['🌧🌦', '🌦', '🌧', 'a🌧b🌦c', '🌦🌧', '🌦🌦', '𝒳', '']) {
      ada.edit({ description });
      expect(projectAsset(deps, ada.state!).fields.description ?? '').toBe(description);
    }
  });

  test.each([
    ['name', { name: 'a\nb' }, 'INPUT_INVALID'],
    ['number', { custom: { n: Number.NaN } }, 'INPUT_INVALID'],
    ['error bound', { maxErrors: { celsius: 'little' } }, 'INPUT_INVALID'],
    [
      'size',
      { custom: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i, 'x'.repeat(1000)])) },
      'LIMIT_EXCEEDED',
    ],
  ])('with a wrong %s is refused', (_, edit, code) => {
    expect(() => createAuthor('ada').edit(edit)).toThrow(expect.objectContaining({ code }));
  });

  test('waits for what its device wrote before', () => {
    const [ada, ben] = [createAuthor('ada'), createAuthor('ben')];
    ben.receive([ada.edit({ name: 'weather' })!]);
    const own = ben.edit({ name: 'climate' })!;
    ben.state = foldAsset(deps, undefined, [own]).state;
    expect(() => ben.edit({ name: 'sun' })).toThrow(expect.objectContaining({ code: 'VERSION_CONFLICT' }));
  });
});

test('of two logs with one client id the same one writes everywhere', () => {
  // No two logs are known that have one; this hash gives it to all.
  const weak = { ...deps, blake3: (bytes: Uint8Array) => deps.blake3(bytes).fill(1, 0, 7) };
  const operations = ['a', 'b'].map((name): AssetOperation => {
    const log = { author: name.repeat(64), logId: 'c'.repeat(64) };
    const bytes = editAsset(weak, undefined, log, { custom: { [name]: 1 } })!;
    const place = { id: name, seq: 0, clock: { wall: 1, counter: 0 }, dependencies: [], isVoid: false };
    return { ...log, ...place, schema: DOCUMENT_SCHEMA, content: { kind: 'yjs-update', bytes } };
  });
  const [lesser, greater] = [operations[0]!, operations[1]!];
  const first = foldAsset(weak, undefined, [greater]);
  expect([first.refused, first.mustRebuild]).toEqual([[], false]);
  expect(foldAsset(weak, first.state, [lesser]).mustRebuild).toBe(true);
  for (const order of [operations, operations.toReversed()]) {
    const { state, refused, mustRebuild } = foldAsset(weak, undefined, order);
    expect([refused, mustRebuild]).toEqual([[{ id: greater.id, reason: 'client-taken' }], false]);
    expect(projectAsset(weak, state).fields.custom).toEqual({ a: 1 });
  }
});
