import { concatBytes, toHex, toUtf8 } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import {
  assetHeads,
  type AssetEdit,
  type AssetOperation,
  type AssetReplica,
  DOCUMENT_SCHEMA,
  editAsset,
  foldAsset,
  openYjsDocument,
} from '../index.ts';

export const deps = { blake3, openDocument: openYjsDocument };

export const idOf = (text: string): string => toHex(blake3(toUtf8(text)));

/** A device that knows some operations about one asset and writes others. */
export interface Author {
  readonly log: { readonly author: string; readonly logId: string };
  state: AssetReplica | undefined;
  /** Signs nothing, but gives an operation id, seq, clock and dependencies, and folds it. */
  write(schema: string, content: AssetOperation['content'], dependencies?: readonly string[]): AssetOperation;
  edit(edit: AssetEdit): AssetOperation | undefined;
  receive(operations: readonly AssetOperation[]): void;
}

export function createAuthor(name: string): Author {
  const log = { author: idOf(`author ${name}`), logId: idOf(`log ${name}`) };
  let seq = 0;
  const author: Author = {
    log,
    state: undefined,
    write(schema, content, dependencies = author.state ? assetHeads(author.state) : []) {
      const id = toHex(
        blake3(concatBytes([toUtf8(`${name} ${seq} ${schema} ${dependencies.join(' ')}`), content.bytes])),
      );
      const clock = { wall: 1_754_300_000_000 + seq, counter: 0 };
      const operation = { ...log, id, seq, clock, dependencies, isVoid: false, schema, content };
      seq += 1;
      author.receive([operation]);
      return operation;
    },
    edit(edit) {
      const bytes = editAsset(deps, author.state, log, edit);
      return bytes && author.write(DOCUMENT_SCHEMA, { kind: 'yjs-update', bytes });
    },
    receive(operations) {
      author.state = foldAsset(deps, author.state, operations).state;
    },
  };
  return author;
}

export const record = (bytes: Uint8Array): AssetOperation['content'] => ({ kind: 'record', bytes });
