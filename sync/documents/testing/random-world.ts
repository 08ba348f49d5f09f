import {
  clientIdOf,
  type AssetOperation,
  assetHeads,
  DOCUMENT_SCHEMA,
  encodeEdge,
  encodeRemoval,
  encodeVersion,
  LINEAGE_SCHEMA,
  projectAsset,
  REMOVAL_SCHEMA,
  VERSION_SCHEMA,
} from '../index.ts';
import { type Author, createAuthor, deps, record } from './authors.ts';
import { forgeUpdate } from './forge-update.ts';
import type { ItemId } from '../ports.ts';

/** A number from 0 up to but without `end`. */
export type Pick = (end: number) => number;

const WORDS = ['rain', 'wind', '雪', '🌧🌦', 'hourly ', '. ', 'x'];
const SCHEMA = { fields: [{ name: 'celsius', type: { name: 'float', bits: 64 }, nullable: true }] } as const;

const someText = (pick: Pick): string => Array.from({ length: pick(5) }, () => WORDS[pick(WORDS.length)]!).join('');

/** What honest devices do to one asset, and one that forges: all operations, each log in its order. */
export function playWorld(pick: Pick, { steps, honest }: { steps: number; honest: number }): AssetOperation[][] {
  const authors = Array.from({ length: honest }, (_, i) => createAuthor(`device ${i}`));
  const eve = createAuthor('eve');
  const all = [...authors, eve];
  const logs = all.map((): AssetOperation[] => []);
  for (let step = 0; step < steps; step++) {
    const at = pick(all.length);
    const author = all[at]!;
    const from = pick(all.length);
    if (pick(3) === 0) {
      author.receive(logs[from]!.slice(0, pick(logs[from]!.length + 1)));
      continue;
    }
    const written = author === eve && pick(3) > 0 ? forge(eve, pick, logs) : act(author, pick);
    if (written) logs[at]!.push(written);
  }
  return logs;
}

function act(author: Author, pick: Pick): AssetOperation | undefined {
  const { state } = author;
  const seen = state && projectAsset(deps, state);
  switch (pick(10)) {
    case 0:
      return author.edit({ tags: WORDS.slice(0, 2 + pick(2)).filter(() => pick(2) === 0) });
    case 1:
      return author.edit({ custom: { owner: pick(4), [`k${pick(3)}`]: someText(pick) } });
    case 2:
      return author.edit({
        maxErrors: pick(2) === 0 ? {} : { celsius: `0.${1 + pick(8)}` },
        contract: { rows: pick(3) },
      });
    case 3:
      return author.edit({ name: `name ${pick(5)}`, assetType: pick(2) === 0 ? 'GRAPH' : 'STRUCTURED' });
    case 4: {
      const heads = [...(seen?.heads ?? [])];
      const segment = { id: `run ${pick(1000)}`, rowCount: pick(9), byteCount: pick(99), columns: [{ nullCount: 0 }] };
      const facts = {
        kind: 'append',
        createdAt: pick(1000),
        rowCount: 1,
        byteCount: 1,
        sources: [],
        removed: [],
      } as const;
      const base = heads[0] ?? null;
      const version = { ...facts, parents: heads, base, schema: base ? null : SCHEMA, added: [segment], sealed: [] };
      return author.write(VERSION_SCHEMA, record(encodeVersion(version)[0]!));
    }
    case 5: {
      if (pick(8) === 0) return author.write(REMOVAL_SCHEMA, record(encodeRemoval({ at: pick(100) })));
      const id = `01980000-0000-7000-8000-00000000000${pick(10)}`;
      const from = { kind: 'file', name: someText(pick), contentHash: null, assetId: null, version: null } as const;
      const to = { name: 'weather', version: seen?.shown ?? null };
      const edge = { id, from, to, job: null, rowCount: pick(10), at: pick(100), detail: {} };
      return author.write(LINEAGE_SCHEMA, record(encodeEdge(edge)));
    }
    default: {
      const text = seen?.fields.description ?? '';
      const [from, length] = [pick(text.length + 1), pick(6)];
      const description = (text.slice(0, from) + someText(pick) + text.slice(from + length)).toWellFormed();
      return author.edit({ description });
    }
  }
}

/** An operation with a forged update, dependencies its author chose, or bytes of an honest one changed. */
function forge(eve: Author, pick: Pick, logs: readonly AssetOperation[][]): AssetOperation {
  const log = eve.state?.logsByName.get(`${eve.log.author}/${eve.log.logId}`);
  const client = clientIdOf(deps.blake3, eve.log);
  const clock = log?.operations.at(-1)?.clockEnd ?? 0;
  const known = [...(eve.state?.operations.values() ?? [])];
  const someId = (): ItemId | undefined => {
    const operation = known[pick(known.length + 1)];
    return operation && { client: operation.log.client, clock: Math.max(0, operation.clockEnd - 1 - pick(4)) };
  };
  const roots = ['fields', 'tags', 'custom', 'description'];
  const isText = pick(2) === 0;
  const struct = {
    content: isText ? 4 : 8,
    left: pick(3) > 0 ? someId() : undefined,
    right: isText && pick(2) === 0 ? someId() : undefined,
    root: isText ? 'description' : roots[pick(4)],
    key: isText ? undefined : ['name', 'owner', 'rain'][pick(3)],
    text: 'forged',
  };
  const target = someId();
  const update = {
    clients: pick(4) > 0 ? [{ client, clock, structs: [struct] }] : [],
    deletes: target && pick(2) === 0 ? [{ client: target.client, ranges: [[target.clock, 1 + pick(3)]] as const }] : [],
  };
  const other = logs[pick(logs.length)]!.at(-1);
  const bytes = pick(4) === 0 && other ? Uint8Array.from(other.content.bytes) : forgeUpdate(update);
  if (pick(4) === 0 && bytes.length > 0) bytes[pick(bytes.length)]! ^= 1 << pick(8);
  const heads = eve.state ? assetHeads(eve.state) : [];
  const dependencies = pick(2) === 0 ? heads : known.filter(() => pick(4) === 0).map(({ id }) => id);
  return eve.write(DOCUMENT_SCHEMA, { kind: 'yjs-update', bytes }, dependencies);
}
