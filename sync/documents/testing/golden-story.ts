import { canonicalJson, fromUtf8, type SegmentHash, toHex } from '#core/kernel/index.ts';
import type { SealedName, SealedSegment } from '#sync/segments/index.ts';
import {
  type AssetOperation,
  type AssetProjection,
  clientIdOf,
  encodeEdge,
  encodeRemoval,
  encodeVersion,
  hashProjection,
  LINEAGE_SCHEMA,
  REMOVAL_SCHEMA,
  VERSION_SCHEMA,
} from '../index.ts';
import { type Author, createAuthor, deps, idOf, record } from './authors.ts';

/** Three devices on one asset: edits at once, a void one that was built upon, two heads and their joining, a removal. */
export function goldenOperations(): AssetOperation[] {
  const [ada, ben, eve] = [createAuthor('ada'), createAuthor('ben'), createAuthor('eve')];
  const told: AssetOperation[] = [];
  const tell = (author: Author, operation: AssetOperation, to: readonly Author[]): string => {
    told.push(operation);
    for (const other of to) if (other !== author) other.receive([operation]);
    return operation.id;
  };
  const all = [ada, ben, eve];
  const first = ada.edit({
    name: 'weather',
    description: 'Rain by hour. 🌧',
    assetType: 'TIME_SERIES',
    storageFormat: 'WEBM_COLUMNAR',
    tags: ['rain'],
    maxErrors: { celsius: '0.05' },
    contract: { columns: { celsius: { min: -90 } } },
    custom: { owner: 'ada', stations: 3, precision: 0.1, offset: 2 ** 40, open: true },
  })!;
  tell(ada, first, all);
  const fromBen = ben.edit({ description: 'Rain by hour. 🌧 Since 1990.', tags: ['rain', 'wind'] })!;
  const fromAda = ada.edit({ description: 'Hourly: Rain by hour. 🌧', name: 'climate', custom: { owner: 'ben' } })!;
  tell(ben, fromBen, all);
  tell(ada, fromAda, all);
  const voided = tell(eve, eve.edit({ name: 'mine', description: 'Nothing.', tags: [] })!, all);
  tell(ben, ben.edit({ description: 'Nothing. Ever.' })!, all);

  const schema = { fields: [{ name: 'celsius', type: { name: 'float', bits: 64 }, nullable: true }] } as const;
  const segment = (name: string) => ({
    id: idOf(name),
    rowCount: 10,
    byteCount: 400,
    columns: [{ min: -4.5, max: 31, nullCount: 2 }],
  });
  const sealed: SealedSegment = {
    name: idOf('sealed a') as SealedName,
    key: new Uint8Array(32).fill(7),
    hash: idOf('a') as SegmentHash,
    byteCount: 400,
  };
  const facts = { kind: 'append', createdAt: 1_754_300_000_000, removed: [], sealed: [] } as const;
  const source = { name: 'a.csv', kind: 'file', contentHash: idOf('a.csv'), rowCount: 10 };
  const version = (author: Author, input: Pick<Parameters<typeof encodeVersion>[0], 'parents' | 'base' | 'added'>) => {
    const root = input.base ? { schema: null, sources: [] } : { schema, sources: [source], sealed: [sealed] };
    const [bytes] = encodeVersion({ ...facts, ...root, rowCount: 10, byteCount: 400, ...input });
    return author.write(VERSION_SCHEMA, record(bytes!));
  };
  const base = tell(ada, version(ada, { parents: [], base: null, added: [segment('a')] }), all);
  const [left, right] = [ada, ben].map((author, i) => {
    return version(author, { parents: [base], base, added: [segment(`b${i}`)] });
  });
  tell(ada, left!, all);
  tell(ben, right!, all);
  tell(ada, version(ada, { parents: [left!.id, right!.id], base: left!.id, added: [segment('b1')] }), all);
  const edge = {
    id: '01980000-0000-7000-8000-000000000001',
    from: { kind: 'file', name: 'a.csv', contentHash: idOf('a.csv'), assetId: null, version: null },
    to: { name: 'weather', version: base },
    job: null,
    rowCount: 10,
    at: 1_754_300_000_000,
    detail: { format: 'csv', tries: 1, again: false, note: null },
  } as const;
  tell(ada, ada.write(LINEAGE_SCHEMA, record(encodeEdge(edge))), [ada, ben]);
  tell(ada, ada.write(REMOVAL_SCHEMA, record(encodeRemoval({ at: 1_754_400_000_000 }))), [ada]);
  tell(ben, ben.edit({ custom: { owner: 'ben', late: 'yes' } })!, []);
  // That Eve had no right to it comes out when others have built on it.
  return told.map((operation) => ({ ...operation, isVoid: operation.id === voided }));
}

/** An operation as the golden file has it. */
export function storedOperation({ content, ...operation }: AssetOperation) {
  const client = clientIdOf(deps.blake3, operation);
  return { ...operation, client, kind: content.kind, content: toHex(content.bytes) };
}

/** A projection as the golden file has it, with its hash. */
export function storedProjection(projection: AssetProjection) {
  const segments = Object.fromEntries([...projection.segments].map(([id, seals]) => [id, seals.map(toHex)]));
  const versions = [...projection.versions.values()];
  const json = JSON.parse(fromUtf8(canonicalJson({ ...projection, versions, segments })));
  return { hash: toHex(hashProjection(deps.blake3, projection)), projection: json };
}
