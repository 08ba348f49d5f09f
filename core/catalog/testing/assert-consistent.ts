import { readRecord } from '#core/kernel/index.ts';
import { expect } from 'vitest';
import { type KeyValueStore, prefixRange } from '#core/platform/ports.ts';
import type { AssetRecord } from '../catalog-asset.ts';
import { readJournal, readJournalHead } from '../journal.ts';
import { ASSET_NAMES, ASSETS, checkpointKey, contentKey, removedAssetKey, segmentKey } from '../keys.ts';
import { createManifestReader } from '../manifest-reader.ts';
import { readVersion } from '../read-catalog.ts';
import type { createCatalogWorld } from './catalog-world.ts';

/** Reads everything a store holds of a catalog and checks that its parts agree: no commit is there by half. */
export async function assertConsistent({
  store,
  log,
  reopen,
}: Pick<ReturnType<typeof createCatalogWorld>, 'log' | 'reopen'> & { store: KeyValueStore }) {
  const fromJournal = new Map<string, { name: string; version: number }>();
  const edges = new Map<string, number>();
  const removed = new Set<string>();
  let sequence = 0;
  let operations = 0;
  for await (const entry of readJournal(store, 0)) {
    sequence += 1;
    expect(entry.sequence).toBe(sequence);
    if (entry.kind !== 'job-recorded' && !entry.replica) operations += 1;
    if (entry.kind === 'asset-created' || entry.kind === 'asset-changed') {
      const { id, name, version } = entry.asset;
      fromJournal.set(id, { name, version });
      removed.delete(id);
    }
    // The versions of an asset that comes from a space stand before it.
    const known = entry.kind === 'version-committed' && fromJournal.get(entry.assetId);
    if (known) known.version = entry.version;
    if (entry.kind === 'lineage-recorded') {
      edges.set(entry.edge.to.assetId, (edges.get(entry.edge.to.assetId) ?? 0) + 1);
    }
    if (entry.kind === 'asset-removed') {
      fromJournal.delete(entry.assetId);
      removed.add(entry.assetId);
    }
  }
  expect((await readJournalHead(store)).sequence).toBe(sequence);
  expect(await log.bodies()).toHaveLength(operations);

  const names = new Map<string, string>();
  for await (const [key, bytes] of store.entries(prefixRange(ASSET_NAMES))) {
    names.set(decodeURIComponent(key.slice(ASSET_NAMES.length)), readRecord<string>(key, bytes));
  }
  let assets = 0;
  const manifests = createManifestReader(store);
  for await (const [key, bytes] of store.entries(prefixRange(ASSETS))) {
    const asset = readRecord<AssetRecord>(key, bytes);
    assets += 1;
    expect(fromJournal.get(asset.id)).toEqual({ name: asset.name, version: asset.version });
    expect(edges.get(asset.id) ?? 0).toBe(asset.edgeCount);
    expect(await store.get(removedAssetKey(asset.id))).toBeUndefined();
    expect(names.get(asset.name)).toBe(asset.id);
    for (let version = 1; version <= asset.version; version++) {
      const record = (await readVersion(store, asset.id, version))!;
      const segments = await manifests.read(asset.id, record);
      expect(segments).toHaveLength(record.segmentCount);
      expect(segments.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(record.rowCount);
      for (const { id } of record.added) expect(await store.get(segmentKey(id, asset.id))).toBeDefined();
      for (const { contentHash } of record.sources) {
        expect(await store.get(contentKey(asset.id, contentHash!))).toBeDefined();
      }
      if (record.checkpointVersion === version) {
        expect(readRecord(key, (await store.get(checkpointKey(asset.id, version)))!)).toEqual(segments);
      }
    }
    expect(await readVersion(store, asset.id, asset.version + 1)).toBeUndefined();
  }
  for (const id of removed) expect(await store.get(removedAssetKey(id))).toBeDefined();
  expect(assets).toBe(fromJournal.size);
  expect(names.size).toBe(fromJournal.size);
  expect((await reopen().audit.verifyAudit()).fault).toBeUndefined();
}
