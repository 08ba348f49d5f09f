/** Nodes with catalogs, logs and spaces of their own, in one process and in memory. */
import { ACTOR, createTestClock, TEST_SCHEMA } from '#core/catalog/testing/catalog-world.ts';
import { createMemoryOperationLog } from '#core/catalog/testing/memory-operation-log.ts';
import { type AuditEntry, createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createCatalog, type Catalog, type CatalogAsset, type SegmentRef } from '#core/catalog/index.ts';
import {
  type AssetId,
  concatBytes,
  GranaryError,
  type OperationContext,
  type Random,
  toHex,
  toUtf8,
} from '#core/kernel/index.ts';
import { edgesTo, recordLineage, storeEdge } from '#core/lineage/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, type Level } from '#sync/access/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { type LogStore, openLogStore } from '#sync/log/index.ts';
import { blake3, ed25519 } from '#sync/log/testing/fixtures.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import { runSession, type SessionReport } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import type { SealedName } from '#sync/segments/index.ts';
import { createSpaces, type Spaces } from '../spaces.ts';

/** Bytes that no two calls share: hashes of a counter. */
export function seededRandom(seed: string): Random {
  let calls = 0;
  return {
    bytes(byteCount) {
      const blocks = Array.from({ length: Math.ceil(byteCount / 32) }, () => blake3(toUtf8(`${seed} ${calls++}`)));
      return concatBytes(blocks).subarray(0, byteCount);
    },
  };
}

/** What of a node outlives a restart. */
export interface NodeDisk<Store extends KeyValueStore> {
  readonly name: string;
  readonly store: Store;
  readonly marker: ReturnType<typeof createMemoryMarker>;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly random: Random;
  /** Bytes of the segments that are here, by hash. */
  readonly files: Map<string, number>;
}

export function createDisk<Store extends KeyValueStore = ReturnType<typeof openMemoryStore>>(
  name: string,
  store: Store = openMemoryStore() as unknown as Store,
): NodeDisk<Store> {
  const clock = createTestClock();
  return { name, store, marker: createMemoryMarker(), clock, random: seededRandom(name), files: new Map() };
}

/** One node of the federation. */
export interface FederationNode {
  readonly name: string;
  readonly device: Uint8Array;
  readonly encryptionKey: Uint8Array;
  readonly disk: NodeDisk<KeyValueStore>;
  readonly catalog: Catalog;
  readonly logs: LogStore;
  readonly spaces: Spaces;
  readonly agreements: ReturnType<typeof createMemoryAgreements>;
  readonly warnings: string[];
  /** What stands in the audit trail of what came from a space, oldest first. */
  replicated(): Promise<AuditEntry['detail'][]>;
  /** Stores rows under these numbers, each a segment; creates the asset when there is none. */
  commit(asset: string, added: readonly number[], options?: CommitOptions): Promise<CatalogAsset>;
  update(asset: string, changes: Parameters<Catalog['updateAsset']>[1]): Promise<CatalogAsset>;
  remove(asset: string): Promise<void>;
  /** The ids of the segments of the present version, as their numbers. */
  rows(asset: string): Promise<number[]>;
}

export interface CommitOptions {
  /** Segments that go. */
  readonly removed?: readonly number[];
  readonly create?: Partial<Pick<CatalogAsset, 'description' | 'assetType' | 'storageFormat' | 'tags'>>;
  /** Names what the rows are made of. */
  readonly source?: string;
}

/** The id of the segment of this number. */
export const idOf = (number: number): string => number.toString(16).padStart(64, '0');

/** A reference to a segment that exists nowhere. */
export const segmentOf = (number: number): SegmentRef => ({
  id: idOf(number),
  rowCount: 10,
  byteCount: 80,
  columns: [{ nullCount: 0 }, { nullCount: 1 }],
});

export const CONTEXT = {
  caller: ACTOR,
  signal: new AbortController().signal,
  report: () => undefined,
} as unknown as OperationContext;

/** Opens a node on what it left. */
export async function openNode(disk: NodeDisk<KeyValueStore>): Promise<FederationNode> {
  const { name, store, marker, clock, random, files } = disk;
  const key = ed25519.keyFromSeed(blake3(toUtf8(name)));
  const secret = blake3(toUtf8(`agreement of ${name}`));
  const agreementKey = agreementKeyOf(nodeX25519, { deriveSecret: () => secret });
  const log = createMemoryOperationLog(store);
  const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const hasRows = async (segment: string) => files.has(segment);
  const catalog = createCatalog({ store, log, audit, clock, random, hasRows });
  const logs = await openLogStore({ store, blake3, ed25519 });
  const warnings: string[] = [];
  const warn = (message: string, fields?: object) => void warnings.push(`${message} ${JSON.stringify(fields ?? {})}`);
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
    logger: { info: warn, warn },
    deviceName: name,
    peerId: async () => name,
    openDocument: openYjsDocument,
    batchOperations: 7,
    hold: { isHeld: false, whenReleased: async () => undefined },
    storeEdge,
    edgesTo: (asset) => edgesTo(store, asset),
    afterApply: async () => undefined,
    breathe: async () => undefined,
    async recordSegment(segment) {
      const byteCount = files.get(segment);
      if (byteCount === undefined) throw new GranaryError('SEGMENT_MISSING', `The segment ${segment} is not here.`);
      const sealed = toHex(blake3(concatBytes([toUtf8(`${name} ${segment}`), random.bytes(16)])));
      return { name: sealed as SealedName, key: random.bytes(32), hash: segment, byteCount };
    },
  });

  async function commit(asset: string, added: readonly number[], { removed = [], create, source }: CommitOptions = {}) {
    for (const number of added) files.set(idOf(number), segmentOf(number).byteCount);
    const known = await catalog.findAsset(asset);
    const assetId = known?.id ?? (toHex(random.bytes(16)).replace(UUID_DIGITS, '$1-$2-7$3-8$4-$5') as AssetId);
    const defaults = { description: null, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR', tags: [] } as const;
    const outcome = await catalog.commitSegments(
      {
        assetId,
        create: known ? undefined : ({ name: asset, ...defaults, ...create } as never),
        parentVersion: known?.version ?? 0,
        schema: TEST_SCHEMA,
        added: added.map(segmentOf),
        removed: removed.map(idOf),
        sources: [],
        contribute(contribution) {
          if (source === undefined) return;
          recordLineage({ clock, random }, contribution, [{ from: { kind: 'file', name: source }, rowCount: 1 }]);
        },
      },
      { actor: ACTOR },
    );
    if (outcome.kind !== 'committed') throw new Error('The content is known already.');
    return outcome.asset;
  }

  return {
    name,
    device: key.publicKey,
    encryptionKey: agreementKey.publicKey,
    disk,
    catalog,
    logs,
    spaces,
    agreements: createMemoryAgreements(),
    warnings,
    async replicated() {
      const entries = await audit.listAudit();
      return entries
        .map(({ detail }) => detail)
        .filter(({ change }) => change === 'replicate')
        .toReversed();
    },
    commit,
    update: async (asset, changes) =>
      catalog.updateAsset((await catalog.getAsset(asset)).id, changes, { actor: ACTOR }),
    remove: async (asset) => catalog.removeAsset((await catalog.getAsset(asset)).id, { actor: ACTOR }),
    async rows(asset) {
      const { id, version } = await catalog.getAsset(asset);
      return (await catalog.getManifest(id, version)).map((segment) => Number.parseInt(segment.id, 16));
    },
  };
}

const UUID_DIGITS = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/;

export const newNode = (name: string): Promise<FederationNode> => openNode(createDisk(name));

/** Lets `guest` into a space of `host`, as a ticket does. */
export async function invite(host: FederationNode, guest: FederationNode, space: string, level: Level): Promise<void> {
  const opened = await host.spaces.find(space);
  const { device, encryptionKey, name } = guest;
  await host.spaces.admit(opened, { device, level, encryptionKey, name });
  const operations: Uint8Array[] = [];
  const control = opened.store
    .logs('control')
    .toSorted(
      (left, right) => opened.store.rank(left.author, left.logId) - opened.store.rank(right.author, right.logId),
    );
  for (const { author, logId } of control) {
    for await (const bytes of host.logs.operationsFrom(author, logId, 0)) operations.push(bytes);
  }
  const { record, genesisId } = opened;
  await guest.spaces.join({ space: record.space, genesisId, name: record.name, operations });
}

let sessions = 0;

/** One session between two nodes; what came is not applied yet. */
export async function meet(initiator: FederationNode, responder: FederationNode): Promise<SessionReport> {
  const [near, far] = createMemoryLine();
  const binding = blake3(toUtf8(`line ${(sessions += 1)}`));
  const run = (node: FederationNode, peer: FederationNode, role: 'initiator' | 'responder', channel: typeof near) =>
    runSession(
      {
        blake3,
        random: seededRandom(`${node.name} ${sessions}`),
        agreements: node.agreements,
        onRefusal: () => undefined,
      },
      { role, channel, peerId: peer.device, binding, views: node.spaces.viewsFor(peer.device) },
    );
  await Promise.all([initiator.spaces.opened(), responder.spaces.opened()]);
  const [report] = await Promise.all([
    run(initiator, responder, 'initiator', near),
    run(responder, initiator, 'responder', far),
  ]);
  return report;
}

/** Everybody tells and meets everybody until there is nothing new. */
export async function agree(...nodes: readonly FederationNode[]): Promise<void> {
  for (let round = 0; round < nodes.length + 2; round++) {
    for (const node of nodes) await node.spaces.settle();
    for (const [i, node] of nodes.entries()) for (const other of nodes.slice(i + 1)) await meet(node, other);
  }
  for (const node of nodes) await node.spaces.settle();
}

/** What nodes have to have in common: the projection of a space. */
export const projectionHash = async (node: FederationNode, space: string): Promise<string> =>
  (await node.spaces.describeSpace(space)).projectionHash;
