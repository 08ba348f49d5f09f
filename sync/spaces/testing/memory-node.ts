import { createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { type CatalogAsset, createCatalog, type Catalog } from '#core/catalog/index.ts';
import { ACTOR, createTestRandom, TEST_SCHEMA, testSegment } from '#core/catalog/testing/catalog-world.ts';
import { createMemoryOperationLog } from '#core/catalog/testing/memory-operation-log.ts';
import { type AssetId, type Clock, type OperationContext, silentLogger, toHex, toUtf8 } from '#core/kernel/index.ts';
import { edgesTo, storeEdge } from '#core/lineage/index.ts';
import { Commit } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, type Level } from '#sync/access/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { deviceKeyOf, openLogStore, type LogStore } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import { runSession, type SessionReport } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { SYNC_BINDING } from '#sync/reconcile/testing/sync-world.ts';
import type { SealedName } from '#sync/segments/index.ts';
import { createSpaces, type Spaces } from '../spaces.ts';
import type { SettleDeps } from '../settle-spaces.ts';

const EVERYTHING = { gte: '', lt: '\uffff' };
const by = { actor: ACTOR };

/** What a home of one device holds, and what lies outside of it. */
export interface MemoryHome {
  readonly name: string;
  readonly store: MemoryStore;
  readonly marker: ReturnType<typeof createMemoryMarker>;
}

export const emptyHome = (name: string): MemoryHome => ({
  name,
  store: openMemoryStore(),
  marker: createMemoryMarker(),
});

/** A copy of the folder, as a backup has it. The marker does not lie in it: the copy has that of the machine. */
export async function copyHome({ name, store, marker }: MemoryHome): Promise<MemoryHome> {
  const copy = openMemoryStore();
  const commit = new Commit();
  for await (const [key, value] of store.entries(EVERYTHING)) commit.put(key, value);
  await copy.write(commit, { sync: true });
  return { name, store: copy, marker: Object.assign(createMemoryMarker(), { bytes: marker.bytes }) };
}

/** Catalog and spaces of one device over stores in memory, as a node wires them. */
export interface MemoryNode {
  readonly home: MemoryHome;
  readonly device: Uint8Array;
  readonly logs: LogStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  admission(level: Level): { device: Uint8Array; level: Level; encryptionKey: Uint8Array; name: string };
  createAsset(name: string): Promise<CatalogAsset>;
  /** Commits segments of these numbers as the next version of an asset. */
  appendRows(asset: AssetId, ...numbers: number[]): Promise<void>;
  segmentNumbers(asset: AssetId): Promise<number[]>;
}

export interface MemoryNodeOptions {
  readonly clock?: Clock;
  readonly deps?: Partial<SettleDeps>;
}

let seed = 0;

export async function openMemoryNode(home: MemoryHome, { clock: given, deps = {} }: MemoryNodeOptions = {}) {
  const { name, store, marker } = home;
  // A clock that moves, so that no two changes have one time.
  let time = 1_767_225_600_000 + seed * 1000;
  const clock = given ?? { now: () => (time += 1), monotonic: () => (time += 1) };
  const random = createTestRandom((seed += 1));
  const key = deviceKeyOf({ ed25519, blake3 }, blake3(toUtf8(`device ${name}`)));
  const agreementKey = agreementKeyOf(nodeX25519, key);
  const logs = await openLogStore({ store, blake3, ed25519 });
  const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const catalog = createCatalog({ store, log: createMemoryOperationLog(store), audit, clock, random });
  const spaces = createSpaces({
    store,
    logs,
    catalog,
    key,
    agreementKey,
    marker,
    clock,
    random,
    blake3,
    ed25519,
    x25519: nodeX25519,
    cipher: nodeOneTimeCipher,
    logger: silentLogger,
    deviceName: name,
    peerId: async () => name,
    openDocument: openYjsDocument,
    batchOperations: 7,
    storeEdge,
    edgesTo: (asset) => edgesTo(store, asset),
    afterApply: async () => undefined,
    hold: { isHeld: false, whenReleased: async () => undefined },
    breathe: async () => undefined,
    recordSegment: async (hash) => ({
      name: toHex(random.bytes(32)) as SealedName,
      key: random.bytes(32),
      hash,
      byteCount: 80,
    }),
    ...deps,
  });
  const node: MemoryNode = {
    home,
    device: key.publicKey,
    logs,
    catalog,
    spaces,
    admission: (level) => ({ device: key.publicKey, level, encryptionKey: agreementKey.publicKey, name }),
    createAsset: (asset) =>
      catalog.createAsset({ name: asset, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' }, by),
    async appendRows(assetId, ...numbers) {
      const { version } = await catalog.getAsset(assetId);
      const added = numbers.map((number) => testSegment(number));
      await catalog.commitSegments({ assetId, parentVersion: version, schema: TEST_SCHEMA, added, sources: [] }, by);
    },
    async segmentNumbers(assetId) {
      const { version } = await catalog.getAsset(assetId);
      return (await catalog.getManifest(assetId, version)).map(({ id }) => parseInt(id, 16));
    },
  };
  return node;
}

/** What a person calls an operation with. */
export const context = {
  caller: { ...ACTOR, permissions: new Set(['read', 'write', 'admin']) },
  signal: undefined,
  report: () => undefined,
} as unknown as OperationContext;

/** Lets `guest` into a space of `host` and hands it over. */
export async function admit(host: MemoryNode, spaceName: string, guest: MemoryNode, level: Level): Promise<void> {
  const space = await host.spaces.find(spaceName);
  await host.spaces.admit(space, guest.admission(level));
  const operations: Uint8Array[] = [];
  const { record, genesisId, store } = space;
  for (const { author, logId } of store.controlLogs()) {
    operations.push(...(await Array.fromAsync(store.operationsFrom(author, logId, 0))));
  }
  await guest.spaces.join({ space: record.space, genesisId, name: record.name, operations });
}

/** One session between two nodes, after which both apply what came. Returns the report of the left one. */
export async function meet(left: MemoryNode, right: MemoryNode): Promise<SessionReport> {
  await Promise.all([left.spaces.opened(), right.spaces.opened()]);
  const [near, far] = createMemoryLine();
  const side = (node: MemoryNode, peer: MemoryNode, role: 'initiator' | 'responder') =>
    runSession(
      { blake3, random: createTestRandom(seed++), agreements: createMemoryAgreements() },
      {
        role,
        channel: role === 'initiator' ? near : far,
        peerId: peer.device,
        binding: SYNC_BINDING,
        views: node.spaces.viewsFor(peer.device),
      },
    );
  const reports = await Promise.all([side(left, right, 'initiator'), side(right, left, 'responder')]);
  for (const { end, refusal } of reports)
    if (end !== 'complete') throw new Error(`The session ended: ${end} ${refusal}`);
  await left.spaces.settle();
  await right.spaces.settle();
  return reports[0];
}

/** Sessions among all until nobody has anything new. */
export async function meetAll(...nodes: readonly MemoryNode[]): Promise<void> {
  for (const node of nodes) await node.spaces.settle();
  for (let round = 0; round < 4; round++) {
    for (const left of nodes) for (const right of nodes) if (left !== right) await meet(left, right);
  }
}
