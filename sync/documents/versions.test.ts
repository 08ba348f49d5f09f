import { describe, expect, test } from 'vitest';
import { seededRandom } from '#core/columnar/testing/seeded-random.ts';
import { canonicalJson, type SegmentHash, toUtf8 } from '#core/kernel/index.ts';
import { encodeSealedSegment, type SealedName, type SealedSegment } from '#sync/segments/index.ts';
import {
  type AssetOperation,
  encodeEdge,
  encodeRemoval,
  encodeVersion,
  fittingVersions,
  foldAsset,
  LINEAGE_SCHEMA,
  manifestOf,
  projectAsset,
  RECORD_BYTES_MAX,
  REMOVAL_SCHEMA,
  VERSION_PARTS_MAX,
  VERSION_SCHEMA,
  type VersionInput,
} from './index.ts';
import { type Author, createAuthor, deps, idOf, record } from './testing/authors.ts';

const schema = { fields: [{ name: 'celsius', type: { name: 'float', bits: 64 }, nullable: true }] } as const;
const wider = {
  fields: [...schema.fields, { name: 'wind', type: { name: 'int', bits: 32 }, nullable: false }],
} as const;
const columns = [{ min: -4.5, max: 31, nullCount: 2 }];

const segment = (name: string) => ({ id: idOf(name), rowCount: 10, byteCount: 400, columns });
const sealedOf = (name: string): SealedSegment => ({
  name: idOf(`sealed ${name}`) as SealedName,
  key: new Uint8Array(32).fill(7),
  hash: idOf(name) as SegmentHash,
  byteCount: 400,
});

const input = (change: Partial<VersionInput>): VersionInput => ({
  parents: [],
  base: null,
  schema: null,
  kind: 'append',
  createdAt: 1_754_300_000_000,
  rowCount: 10,
  byteCount: 400,
  added: [],
  removed: [],
  sources: [],
  sealed: [],
  ...change,
});

function commit(author: Author, change: Partial<VersionInput>): AssetOperation[] {
  return encodeVersion(input(change)).map((bytes) => author.write(VERSION_SCHEMA, record(bytes)));
}

const project = ({ state }: Author) => projectAsset(deps, state!);

function segmentsOf(author: Author, id: string): string[] {
  const manifest = manifestOf(project(author), id);
  if (manifest.kind !== 'complete') throw new Error(manifest.kind);
  return manifest.segments.map((one) => one.id);
}

describe('versions of an asset', () => {
  test('fit as far as they have the counts, the columns and the segments that they say', () => {
    const ada = createAuthor('ada');
    const [one] = commit(ada, { schema, added: [segment('a')] });
    const follow = (change: Partial<VersionInput>) => {
      const [version] = commit(ada, { parents: [one!.id], base: one!.id, rowCount: 20, byteCount: 800, ...change });
      const { versions } = project(ada);
      const chain = [one!.id, version!.id].map((id) => versions.get(id)!);
      // From the beginning, and from what is here.
      return [fittingVersions({ versions }, chain).length, fittingVersions({ versions }, chain.slice(1)).length];
    };
    const added = [segment('b')];
    expect(follow({ added })).toEqual([2, 1]);
    expect(follow({ added, removed: [idOf('a')], rowCount: 10, byteCount: 400 })).toEqual([2, 1]);
    expect(follow({ added: [{ ...segment('b'), columns: [...columns, ...columns] }], schema: wider })).toEqual([2, 1]);
    const wrong: Partial<VersionInput>[] = [
      { added, rowCount: 21 },
      { added, byteCount: 801 },
      { added, schema: wider },
      { added: [{ ...segment('b'), id: 'x' }] },
      { added, removed: [idOf('c')] },
      { added, removed: [idOf('a'), idOf('a')], rowCount: 0, byteCount: 0 },
    ];
    for (const change of wrong) expect(follow(change)).toEqual([1, 0]);
  });

  const source = { name: 'a.csv', kind: 'file', contentHash: idOf('a.csv'), rowCount: 10 };

  test('say what the catalog needs of them, and what they hold along their bases', () => {
    const ada = createAuthor('ada');
    const [one] = commit(ada, { schema, added: [segment('a')], sources: [source], sealed: [sealedOf('a')] });
    const base = one!.id;
    const [two] = commit(ada, { parents: [base], base, schema: wider, added: [segment('b'), segment('b')] });
    const [three] = commit(ada, {
      parents: [two!.id],
      base: two!.id,
      kind: 'replace',
      removed: [idOf('a'), idOf('b')],
      added: [segment('c')],
    });
    const projection = project(ada);
    expect(projection.versions.get(base)).toEqual({
      ...input({ schema, added: [segment('a')], sources: [source] }),
      sealed: undefined,
      id: base,
      author: ada.log.author,
      clock: { wall: 1_754_300_000_000, counter: 0 },
      depth: 1,
      missing: [],
    });
    expect(projection.segments).toEqual(new Map([[idOf('a'), [encodeSealedSegment(sealedOf('a'))]]]));
    expect(projection).toMatchObject({ heads: [three!.id], shown: three!.id });
    expect(segmentsOf(ada, two!.id)).toEqual([idOf('a'), idOf('b'), idOf('b')]);
    expect(manifestOf(projection, three!.id)).toMatchObject({ kind: 'complete', schema: wider });
    expect(segmentsOf(ada, three!.id)).toEqual([idOf('b'), idOf('c')]);
  });

  test('that were made at once are two heads, until one joins or chooses', () => {
    const [ada, ben] = [createAuthor('ada'), createAuthor('ben')];
    const [root] = commit(ada, { schema, added: [segment('a')] });
    ben.receive([root!]);
    const base = root!.id;
    const [fromAda] = commit(ada, { parents: [base], base, added: [segment('b')] });
    const [fromBen] = commit(ben, { parents: [base], base, added: [segment('c')] });
    ada.receive([fromBen!]);
    const parents = [fromAda!.id, fromBen!.id].sort();
    expect(project(ada)).toMatchObject({ heads: parents, shown: parents[0] });

    const [deeper] = commit(ben, { parents: [fromBen!.id], base: fromBen!.id, added: [segment('d')] });
    ada.receive([deeper!]);
    expect(project(ada)).toMatchObject({ heads: [fromAda!.id, deeper!.id].sort(), shown: deeper!.id });

    const [joined] = commit(ada, {
      parents: [fromAda!.id, deeper!.id],
      base: fromAda!.id,
      added: [segment('c'), segment('d')],
    });
    expect(project(ada)).toMatchObject({ heads: [joined!.id], shown: joined!.id });
    expect(segmentsOf(ada, joined!.id)).toEqual(['a', 'b', 'c', 'd'].map(idOf));
    const [chosen] = commit(ada, { parents: [fromAda!.id, deeper!.id], base: deeper!.id });
    expect(segmentsOf(ada, chosen!.id)).toEqual(['a', 'c', 'd'].map(idOf));
    expect(project(ada).versions.size).toBe(6);
  });

  test('whose parents are not here wait visibly', () => {
    const ada = createAuthor('ada');
    const [root] = commit(ada, { schema });
    const away = idOf('away');
    const [orphan] = commit(ada, { parents: [away, root!.id], base: away });
    const [child] = commit(ada, { parents: [orphan!.id], base: orphan!.id });
    const projection = project(ada);
    expect(projection.versions.get(orphan!.id)).toMatchObject({ missing: [away], depth: 0 });
    expect(projection.versions.get(child!.id)).toMatchObject({ missing: [orphan!.id] });
    expect(projection.heads).toEqual([root!.id]);
    expect(manifestOf(projection, child!.id)).toEqual({ kind: 'missing', version: child!.id });
    expect(manifestOf(projection, away)).toEqual({ kind: 'missing', version: away });
  });

  test('that remove what they do not hold are contradictory', () => {
    const ada = createAuthor('ada');
    const [root] = commit(ada, { schema, removed: [idOf('a')] });
    expect(manifestOf(project(ada), root!.id)).toEqual({ kind: 'contradictory', version: root!.id });
  });

  test('take several operations when they are large, and none is larger than one may be', () => {
    const random = seededRandom(5);
    const names = Array.from({ length: 900 }, (_, i) => `segment ${i}`);
    const added = names.map((name) => ({
      ...segment(name),
      columns: Array.from({ length: 20 }, () => ({ min: random(), max: '"\u0001'.repeat(20), nullCount: 0 })),
    }));
    const removed = Array.from({ length: 5000 }, (_, i) => idOf(`old ${i}`));
    const sealed = names.map(sealedOf);
    const large = { ...schema, metadata: [['note', 'x'.repeat(200_000)]] as const };
    const ada = createAuthor('ada');
    const operations = commit(ada, { schema: large, added, removed, sealed });
    expect(operations.length).toBeGreaterThan(5);
    for (const { content } of operations) expect(content.bytes.length).toBeLessThanOrEqual(RECORD_BYTES_MAX);
    const { versions, segments } = project(ada);
    expect([...versions.keys()]).toEqual([operations.at(-1)!.id]);
    expect(versions.get(operations.at(-1)!.id)).toMatchObject({ added, removed });
    expect(segments.size).toBe(900);

    const half = foldAsset(deps, undefined, operations.slice(0, -1));
    expect(projectAsset(deps, half.state).versions.size).toBe(0);
    const broken = foldAsset(
      deps,
      undefined,
      operations.map((one, i) => ({ ...one, isVoid: i === 2 })),
    );
    expect(projectAsset(deps, broken.state).versions.size).toBe(0);
    expect(broken.refused.every(({ reason }) => reason === 'part-order')).toBe(true);
  });

  test('lose the bounds of columns that fit into no operation, and are refused when the schema does not fit', () => {
    const wide = {
      ...segment('a'),
      columns: Array.from({ length: 1000 }, () => ({ min: 'é'.repeat(99), nullCount: 1 })),
    };
    const [bytes] = encodeVersion(input({ schema, added: [wide] }));
    expect(JSON.parse(new TextDecoder().decode(bytes)).added[0].columns).toEqual(
      wide.columns.map(() => ({ nullCount: 1 })),
    );
    const endless = { ...schema, metadata: [['note', 'x'.repeat(250_000)]] as const };
    expect(() => encodeVersion(input({ schema: endless }))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    const removed = Array.from({ length: 64 * VERSION_PARTS_MAX }, () => 'x'.repeat(4000));
    expect(() => encodeVersion(input({ schema, removed }))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

describe('records', () => {
  const whole = { part: 0, parts: 1, ...input({ schema }), sealed: {} };
  const edge = {
    id: '01980000-0000-7000-8000-000000000001',
    from: { kind: 'file', name: 'a.csv', contentHash: null, assetId: null, version: null },
    to: { name: 'weather', version: idOf('version') },
    job: null,
    rowCount: 3,
    at: 1_754_300_000_000,
    detail: { format: 'csv' },
  } as const;
  const sealedText = btoa(String.fromCharCode(...encodeSealedSegment(sealedOf('a'))));
  const sealedRecord = { ...whole, added: [segment('a')], sealed: { [idOf('a')]: sealedText } };

  test.each<[string, string, unknown, string | undefined]>([
    ['a version', VERSION_SCHEMA, whole, undefined],
    ['a sealed segment', VERSION_SCHEMA, sealedRecord, undefined],
    ['an edge', LINEAGE_SCHEMA, edge, undefined],
    ['a removal', REMOVAL_SCHEMA, { at: 5 }, undefined],
    ['a record of a later version', 'granary.dreams.v9', { dream: true }, undefined],
    ['blanks', REMOVAL_SCHEMA, toUtf8('{ "at":5}'), 'record-malformed'],
    ['members out of order', REMOVAL_SCHEMA, toUtf8('{"b":1,"a":1}'), 'record-malformed'],
    ['no JSON', REMOVAL_SCHEMA, toUtf8('at 5'), 'record-malformed'],
    ['a number that is too large', REMOVAL_SCHEMA, toUtf8('{"at":1e400}'), 'record-malformed'],
    ['no UTF-8', REMOVAL_SCHEMA, Uint8Array.of(0x22, 0xff, 0x22), 'record-malformed'],
    ['half a character', LINEAGE_SCHEMA, { ...edge, detail: { a: '\ud800' } }, 'record-malformed'],
    ['what looks like half a character', LINEAGE_SCHEMA, { ...edge, detail: { a: '\\ud800' } }, undefined],
    ['too much', REMOVAL_SCHEMA, new Uint8Array(RECORD_BYTES_MAX + 1), 'record-size'],
    ['lists within lists', REMOVAL_SCHEMA, toUtf8('['.repeat(100_000)), 'record-size'],
    ['another member', REMOVAL_SCHEMA, { at: 5, by: 'me' }, 'record-invalid'],
    ['a negative count', VERSION_SCHEMA, { ...whole, rowCount: -1 }, 'record-invalid'],
    ['a parent that is no id', VERSION_SCHEMA, { ...whole, parents: ['x'] }, 'record-invalid'],
    ['parents out of order', VERSION_SCHEMA, { ...whole, parents: [idOf('a'), idOf('a')] }, 'record-invalid'],
    ['a base that is no parent', VERSION_SCHEMA, { ...whole, base: idOf('a') }, 'record-invalid'],
    ['no schema and no base', VERSION_SCHEMA, { ...whole, schema: null }, 'record-invalid'],
    ['a schema of no known type', VERSION_SCHEMA, { ...whole, schema: { fields: [{ name: 'a' }] } }, 'record-invalid'],
    ['a schema that says more', VERSION_SCHEMA, { ...whole, schema: { ...schema, more: 1 } }, 'record-invalid'],
    ['a seal of another segment', VERSION_SCHEMA, { ...sealedRecord, added: [segment('b')] }, 'record-invalid'],
    [
      'a seal that is too short',
      VERSION_SCHEMA,
      { ...sealedRecord, sealed: { [idOf('a')]: 'AAAA' } },
      'record-invalid',
    ],
    [
      'a seal that is no base64',
      VERSION_SCHEMA,
      { ...sealedRecord, sealed: { [idOf('a')]: '-'.repeat(140) } },
      'record-invalid',
    ],
    ['a part that is too late', VERSION_SCHEMA, { ...whole, part: 1, parts: 2 }, 'part-order'],
    ['too many parts', VERSION_SCHEMA, { ...whole, part: 99, parts: 100 }, 'record-invalid'],
    ['an edge from nowhere', LINEAGE_SCHEMA, { ...edge, from: { ...edge.from, kind: 'dream' } }, 'record-invalid'],
    ['a nested detail', LINEAGE_SCHEMA, { ...edge, detail: { a: [] } }, 'record-invalid'],
  ])('with %s: %4$s', (_, name, content, reason) => {
    const ada = createAuthor('ada');
    const bytes = content instanceof Uint8Array ? content : canonicalJson(content);
    const operation = ada.write(name, record(bytes));
    const { refused } = foldAsset(deps, undefined, [operation]);
    expect(refused).toEqual(reason ? [{ id: operation.id, reason }] : []);
  });

  test('a removal wins over what others write meanwhile, and shows that they did', () => {
    const [ada, ben] = [createAuthor('ada'), createAuthor('ben')];
    const first = ada.edit({ name: 'weather' })!;
    ben.receive([first]);
    const removal = ada.write(REMOVAL_SCHEMA, record(encodeRemoval({ at: 7 })));
    const edit = ben.edit({ name: 'climate' })!;
    ben.receive([removal]);
    const later = ben.edit({ description: 'Back again?' })!;
    ada.receive([edit, later]);
    const projection = project(ada);
    expect(projection).toMatchObject({ removed: true, besideRemoval: 2, fields: { name: 'climate' } });
    expect(projection.removals).toEqual([{ id: removal.id, author: ada.log.author, at: 7 }]);
  });

  test('an edge is told once', () => {
    const ada = createAuthor('ada');
    const operations = [1, 2].map((rowCount) => ada.write(LINEAGE_SCHEMA, record(encodeEdge({ ...edge, rowCount }))));
    const [least] = operations.map(({ id }) => id).sort();
    expect(project(ada).edges).toEqual([{ ...edge, rowCount: operations[0]!.id === least ? 1 : 2 }]);
  });
});
