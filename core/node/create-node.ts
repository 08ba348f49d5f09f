import { mkdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { createRegistry, type Registry } from '#core/api/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createAuditLog } from '#core/audit/index.ts';
import { auditOperations } from '#core/audit/index.ts';
import { createEdgeRowStore } from '#core/catalog/adapters/edge-row-store.ts';
import { createStructuredRowStore, type StructuredRowStore } from '#core/catalog/adapters/structured-row-store.ts';
import { createWebmRowStore } from '#core/catalog/adapters/webm-row-store.ts';
import {
  type Catalog,
  type CatalogAsset,
  type CatalogGuard,
  createCatalog,
  type RowStore,
} from '#core/catalog/index.ts';
import { catalogOperations } from '#core/catalog/index.ts';
import { createWorkerRowGroupEncoder, encodeSegments } from '#core/columnar/index.ts';
import { openBatchSource, spoolFile } from '#core/ingestion/index.ts';
import { ingestionOperations } from '#core/ingestion/index.ts';
import {
  type AbortOptions,
  type Caller,
  type Clock,
  fromUtf8,
  GranaryError,
  isGranaryError,
  isSegmentHash,
  isUuid,
  type Random,
  toUtf8,
  type Uuid,
  uuidv7,
} from '#core/kernel/index.ts';
import { lineageOperations } from '#core/lineage/index.ts';
import {
  createJsonLogger,
  createNodeFileSystem,
  openLevelStore,
  systemClock,
  systemRandom,
} from '#core/platform/index.ts';
import { Commit, type FileSystem, type KeyValueStore } from '#core/platform/ports.ts';
import { createDuckdbEngine } from '#core/query/adapters/duckdb-engine.ts';
import { queryOperations } from '#core/query/index.ts';
import { createCatalogDatabase } from './catalog-database.ts';
import { type NodeConfig, readConfig } from './config.ts';
import { deviceKeyPath, openDeviceLog } from './device-log.ts';
import { type Holder, removeHolder, writeHolder } from './holder.ts';
import { migrateCatalog } from './migrate-catalog.ts';
import { nodeOperations } from './operations.ts';
import { type NodeSync, openSync } from './sync/open-sync.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

export interface NodeOptions {
  /** Absolute path of the folder that holds everything. */
  readonly home: string;
  /** What runs, for the message that another process gets when it finds the home locked. */
  readonly command: string;
  /** Is a relay, whatever its settings say. */
  readonly isRelay?: boolean | undefined;
  /** See the query engine: the process does not end by itself then. */
  readonly onThreadLeftBehind?: (() => void) | undefined;
}

/** What a node takes from the machine; a test hands in its own. */
export interface NodeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: FileSystem;
  readonly openStore: (directory: string, options: { readonly mustExist: boolean }) => Promise<KeyValueStore>;
}

const MACHINE: NodeDeps = {
  clock: systemClock,
  random: systemRandom,
  files: createNodeFileSystem(),
  openStore: openLevelStore,
};

/** An open node: it holds the lock of its home until it is disposed. */
export interface LakeNode extends AsyncDisposable {
  readonly config: NodeConfig;
  readonly registry: Registry;
  /** Whom calls within this process and calls with the node's token stand for. */
  readonly owner: Omit<Caller, 'deviceInfo'>;
  readonly holder: Holder;
  /** True when this start made the home. */
  readonly isNew: boolean;
  /** Keeps this node in agreement with its peers from now on, once it is in a space. */
  startSync(): Promise<void>;
  /** Opens in the background what is otherwise opened by its first use, and lets views and tables catch up. */
  prepare(): void;
}

/**
 * Opens a home, making it first when there is none, and wires everything that stands in it. The lock comes first: until
 * it is held nothing else is touched. Errors: `HOME_LOCKED`, `HOME_UNUSABLE`, `CONFIG_INVALID`, `STORE_DAMAGED`,
 * `KEY_INVALID`.
 */
export async function createNode(options: NodeOptions, deps: NodeDeps = MACHINE): Promise<LakeNode> {
  const { home, command, onThreadLeftBehind } = options;
  const { clock, random, files } = deps;
  await using opening = new AsyncDisposableStack();

  await makeHome(files, home);
  const settings = await readConfig(files, home);
  const config = options.isRelay ? { ...settings, sync: { ...settings.sync, isRelay: true } } : settings;
  const isNew = (await files.fileSize(deviceKeyPath(home))) === undefined;
  const store = await deps.openStore(join(home, 'store'), { mustExist: !isNew });
  opening.defer(() => store.close());
  const holder: Holder = { pid: process.pid, command, startedAt: clock.now() };
  await writeHolder(files, home, holder);
  opening.defer(() => removeHolder(files, home));

  const { key, log, blake3 } = await openDeviceLog(deps, home, store);
  const logger = createJsonLogger({ clock, write: (line) => void process.stderr.write(line) });
  const auditLog = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const { url } = config.catalog;
  const place = url === undefined ? { directory: join(home, 'catalog') } : { url };
  const catalogDatabase = opening.use(createCatalogDatabase({ store, auditLog, files, clock, logger, place }));
  let sync: NodeSync | undefined;
  const guard: CatalogGuard = { mayChange: (asset) => sync?.guard.mayChange(asset) };
  const threadCount = availableParallelism();
  const encoder = opening.use(createWorkerRowGroupEncoder({ threadCount }));
  const webm = createWebmRowStore({ files, folder: config.webmStoragePath, encoder });
  // Runs of EDGE rows have other ids; they are never evicted.
  const hasRows = async (id: string) => !isSegmentHash(id) || (await files.fileSize(webm.path(id))) !== undefined;
  const catalog = createCatalog({ store, log, audit: auditLog, clock, random, guard, hasRows });
  catalog.onCommit(catalogDatabase.notify);

  const edge = createEdgeRowStore({ store, clock, random });
  const structured = createStructuredRowStore({ database: catalogDatabase.database, journal: webm });
  const stores = { WEBM_COLUMNAR: webm, EDGE: edge, POSTGRESQL: structured } as const;
  const temporaryRoot = join(home, 'tmp');
  await removeLeftovers(files, catalog, [webm, edge], temporaryRoot);
  await auditLog.pruneAudit(config.auditLogRetentionDays);

  const { memoryBytes, cacheBytes } = config.query;
  const engine = opening.use(
    createDuckdbEngine({
      temporaryFolder: temporaryRoot,
      memoryByteCountMax: memoryBytes,
      cacheByteCountMax: cacheBytes,
      threadCount,
      onThreadLeftBehind,
    }),
  );
  const temporaryFolder = () => createTemporaryFolder(temporaryRoot);
  const loadTable = (asset: CatalogAsset, options?: AbortOptions) => materialise(catalog, structured, asset, options);
  const removeTables = () =>
    structured.removeTables(async (assetId) => {
      try {
        await catalog.getAsset(assetId);
        return false;
      } catch (error) {
        if (isGranaryError(error, 'ASSET_NOT_FOUND')) return true;
        throw error;
      }
    });
  const loadTables = async (options?: AbortOptions) => {
    await removeTables();
    for (const asset of (await catalog.listAssets()).assets) await loadTable(asset, options);
  };

  sync = opening.use(
    await openSync({
      home,
      config,
      files,
      store,
      catalog,
      key,
      blake3,
      clock,
      random,
      logger,
      segmentPath: webm.path,
      temporaryFolder,
      loadTable,
      removeTable: ({ id }) => structured.removeTables(async (assetId) => assetId === id),
    }),
  );

  const registry = createRegistry([
    ...sync.operations,
    ...ingestionOperations({
      catalog,
      auditLog,
      stores,
      openBatchSource,
      spoolFile,
      temporaryFolder,
      afterCommit: loadTable,
      clock,
      random,
    }),
    ...queryOperations({
      engine,
      auditLog,
      catalog,
      stores,
      segmentPath: webm.path,
      writeParquet: engine.writeParquet,
      async *writeWebm(schema, batches, { signal }) {
        for await (const { bytes } of encodeSegments(schema, batches, { encoder, single: true, signal })) yield bytes;
      },
    }),
    ...catalogOperations({
      catalog,
      stores,
      afterRemoval: async ({ storageFormat }) => {
        if (storageFormat === 'POSTGRESQL') await removeTables();
      },
    }),
    ...lineageOperations({ catalog, store }),
    ...auditOperations({ auditLog, findAssetId: async (name) => (await catalog.getAsset(name)).id }),
    ...nodeOperations({
      catalog,
      stores,
      segmentPath: webm.path,
      files,
      parquetBaseline: engine.parquetBaseline,
      auditLog,
      log,
      home,
      config,
      fingerprint: key.fingerprint,
      migrate: (direction) => migrateCatalog(catalogDatabase, files, clock, direction),
      async rebuildCatalog(options) {
        await catalogDatabase.rebuild(options);
        await loadTables(options);
      },
      database: catalogDatabase.database,
      diagnoseSync: (options) => sync.diagnose(options),
    }),
  ]);
  const owner = await ownerOf(store, deps);
  const stopping = new AbortController();
  let background: Promise<void> = Promise.resolve();
  opening.defer(async () => {
    stopping.abort(new GranaryError('CANCELLED', 'The node is stopping.'));
    await background;
  });
  const closing = opening.move();
  return {
    config,
    registry,
    owner: { userId: owner, purpose: 'USER_VIEW', permissions: new Set(['read', 'write', 'admin']), sourceIp: null },
    holder,
    isNew,
    startSync: () => sync.start(),
    prepare() {
      const { signal } = stopping;
      background = catalogDatabase
        .whenCaughtUp({ signal })
        .then(() => loadTables({ signal }))
        .catch((error: Error) => {
          if (!signal.aborted)
            logger.warn('The views are behind; the next start tries again.', { cause: error.message });
        });
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

async function makeHome(files: FileSystem, home: string): Promise<void> {
  try {
    // A new home is its owner's alone: rows and keys lie in it as they are.
    await makePrivateFolder(home);
    await files.makeDirectory(join(home, 'tmp'));
  } catch (error) {
    throw new GranaryError(
      'HOME_UNUSABLE',
      `The home ${home} cannot be made: ${(error as Error).message}`,
      { home },
      { cause: error },
    );
  }
}

/**
 * Makes a folder, and those above it that are missing, for the owner alone. Not by the recursive `mkdir` of Node, which
 * never ends in a place such as /proc, where nothing can be made.
 */
async function makePrivateFolder(path: string): Promise<void> {
  const make = () => mkdir(path, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || (await stat(dirname(path)).catch(() => undefined))) throw error;
    await makePrivateFolder(dirname(path));
    await make();
  }
}

/** Removes what a crash left: temporary files, rows that no version names, rows set aside by unfinished work. */
async function removeLeftovers(
  files: FileSystem,
  catalog: Catalog,
  stores: readonly RowStore[],
  temporaryRoot: string,
): Promise<void> {
  for (const { name } of await files.list(temporaryRoot)) await files.remove(join(temporaryRoot, name));
  await catalog.discardUnfinished();
  const referenced = new Set(await Array.fromAsync(catalog.referencedSegments()));
  for (const store of stores) await store.removeUnreferenced((segmentId) => referenced.has(segmentId));
}

/** Brings the table of a structured asset to its current version. Nothing happens for assets of other formats. */
async function materialise(
  catalog: Catalog,
  structured: StructuredRowStore,
  { id, name, version, schema, storageFormat }: CatalogAsset,
  options?: AbortOptions,
): Promise<void> {
  if (storageFormat !== 'POSTGRESQL' || version === 0) return;
  const segments = await catalog.getManifest(id, version);
  await structured.materialise({ assetId: id, assetName: name, schema }, version, segments, options);
}

const OWNER_KEY = 'node/owner';

/** The id under which the owner of the home stands in the audit trail; made at the first start. */
async function ownerOf(store: KeyValueStore, deps: NodeDeps): Promise<Uuid> {
  const stored = await store.get(OWNER_KEY);
  const text = stored && fromUtf8(stored);
  if (text !== undefined && isUuid(text)) return text;
  const owner = uuidv7(deps);
  await store.write(new Commit().put(OWNER_KEY, toUtf8(owner)), { sync: true });
  return owner;
}
