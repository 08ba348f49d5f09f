import { toUtf8 } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { type LogStore, openLogStore, type SignedOperation } from '#sync/log/index.ts';
import { blake3, countingRandom, ed25519, tickingClock } from '#sync/log/testing/fixtures.ts';
import { bytesOf, keyOf, logIdOf, signChain } from '#sync/log/testing/signed-logs.ts';
import { TipTree } from '#sync/reconcile/index.ts';
import { cipher, createHasher } from '#sync/segments/testing/fixtures.ts';
import { createMemorySealedFolder, type MemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';
import { exportBundle, type ExportOptions, type ExportReport } from '../export-bundle.ts';
import { importBundle, type ImportOptions } from '../import-bundle.ts';
import type { ImportReport } from '../import-report.ts';
import { type BundleListing, listBundle } from '../list-bundle.ts';
import type { OpenKey } from '../ports.ts';
import { type BundleSpace, bundleSpace } from './bundle-space.ts';
import { createMemoryFiles, type MemoryFiles } from './memory-files.ts';

export const SPACE_ID = blake3(toUtf8('space'));
/** The logs of this id are control logs. */
export const CONTROL_LOG = logIdOf(200);

/** One node with one space; all nodes of a world share their files, as by a stick. */
export interface BundleNode {
  readonly logs: LogStore;
  readonly space: BundleSpace;
  readonly folder: MemorySealedFolder;
  /** Continues a log of a device with operations of these bodies. */
  write(device: number, log: number, count: number, body?: string): Promise<void>;
  export(path: string, options?: ExportOptions): Promise<ExportReport>;
  import(path: string, options?: ImportOptions): Promise<ImportReport>;
  list(path: string): Promise<BundleListing>;
  /** What the node has, as reconciliation compares it. */
  root(): Promise<Uint8Array>;
}

export async function openBundleNode(
  device: number,
  files: MemoryFiles = createMemoryFiles(),
  {
    sealing,
    spaceId = SPACE_ID,
    covered,
  }: {
    readonly sealing?: OpenKey;
    readonly spaceId?: Uint8Array;
    readonly covered?: number;
  } = {},
): Promise<BundleNode> {
  const logs = await openLogStore({ store: openMemoryStore(), blake3, ed25519 });
  const folder = createMemorySealedFolder();
  const space = bundleSpace(logs, spaceId, {
    controlLogs: [CONTROL_LOG],
    folder,
    ...(covered === undefined ? {} : { covered }),
  });
  const key = keyOf(device);
  const shared = { files, blake3, ed25519, createHasher, cipher, sealing };
  const exportDeps = { ...shared, key, clock: tickingClock(), random: countingRandom(device) };
  const written = new Map<string, SignedOperation>();
  return {
    logs,
    space,
    folder,
    async write(author, log, count, body = 'x') {
      const place = `${author}/${log}`;
      const chain = signChain(count, { key: keyOf(author), logId: logIdOf(log), body }, written.get(place));
      if (chain.length === 0) return;
      written.set(place, chain.at(-1)!);
      await logs.ingest(bytesOf(chain));
    },
    export: (path, options) => exportBundle(exportDeps, space, path, options),
    import: (path, options) => importBundle(shared, () => space, path, options),
    list: (path) => listBundle(shared, path),
    root: async () => TipTree.of(blake3, await Array.fromAsync(space.store.tips())).root,
  };
}
