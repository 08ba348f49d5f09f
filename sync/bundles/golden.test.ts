import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { toHex } from '#core/kernel/index.ts';
import { openBundleNode } from './testing/bundle-world.ts';
import { goldenBundles, goldenOpening } from './testing/golden-bundles.ts';
import { createMemoryFiles } from './testing/memory-files.ts';

const folder = new URL('../../tests/golden/bundle-v1/', import.meta.url);
const names = ['plain', 'sealed-to-device', 'sealed', 'since'];
const read = (name: string) => Uint8Array.from(readFileSync(new URL(name, folder)));
const written = await goldenBundles();

describe('golden files of bundles, format 1', () => {
  test('are all there', () => {
    const kept = readdirSync(folder).filter((name) => name.endsWith('.bundle'));
    expect(kept.toSorted()).toEqual(names.map((name) => `${name}.bundle`));
  });

  test.each(names)('%s is written as it was', (name) => {
    expect(toHex(written.files.get(name)!)).toBe(toHex(read(`${name}.bundle`)));
  });

  test.each(names)('%s is read as it was', async (name) => {
    const files = createMemoryFiles();
    for (const other of names) files.files.set(other, read(`${other}.bundle`));
    const node = await openBundleNode(2, files, { sealing: goldenOpening });
    const listing = JSON.stringify(await node.list(name), (_, value) =>
      value instanceof Uint8Array ? toHex(value) : value,
    );
    expect(JSON.parse(listing)).toEqual(JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')));
    if (name === 'since') await node.import('plain');
    const report = await node.import(name);
    expect(report).toMatchObject({ missingOperations: [], missingSegments: [] });
    expect(report.segments.every(({ outcome }) => outcome === 'stored')).toBe(true);
    expect(await node.root()).toEqual(report.bundle.root);
  });
});
