import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex } from '#core/kernel/index.ts';
import { type AssetOperation, foldAsset, projectAsset } from './index.ts';
import { deps } from './testing/authors.ts';
import { goldenOperations, storedOperation, storedProjection } from './testing/golden-story.ts';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../tests/golden/documents-v1/${name}`, import.meta.url), 'utf8'));

describe('golden files of asset documents, version 1', () => {
  const stored = read('operations.json') as ReturnType<typeof storedOperation>[];

  test('are written as they were', () => {
    expect(goldenOperations().map(storedOperation)).toEqual(stored);
  });

  test('read as they say', () => {
    const operations = stored.map(({ kind, content, client: _, ...operation }) => ({
      ...operation,
      content: { kind, bytes: fromHex(content) } as AssetOperation['content'],
    }));
    const { state, refused } = foldAsset(deps, undefined, operations);
    expect(refused).toEqual([]);
    expect(storedProjection(projectAsset(deps, state))).toEqual(read('projection.json'));
  });
});
