/** Whole nodes in one process, over lines in memory: members with catalogs, and relays. */
import { createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { createCatalog, type SegmentRef } from '#core/catalog/index.ts';
import { ACTOR, TEST_SCHEMA } from '#core/catalog/testing/catalog-world.ts';
import { createMemoryOperationLog } from '#core/catalog/testing/memory-operation-log.ts';
import { bytesSource } from '#core/columnar/index.ts';
import { type AssetId, concatBytes, type Logger, type SegmentHash, uuidv7, type Wait } from '#core/kernel/index.ts';
import { edgesTo, storeEdge } from '#core/lineage/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, type Level } from '#sync/access/index.ts';
import { openYjsDocument } from '#sync/documents/index.ts';
import { deviceKeyOf, openLogStore } from '#sync/log/index.ts';
import { ed25519 } from '#sync/log/testing/fixtures.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import {
  createAgreementStore,
  handlePledges,
  type PledgeDeps,
  startSegmentExchange,
  startSyncEngine,
} from '#sync/peers/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { createPledgeBook, createServedSegments, recordSegment } from '#sync/segments/index.ts';
import { blake3, cipher, createHasher } from '#sync/segments/testing/fixtures.ts';
import { createMemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';
import { createSpaces, type OpenSpace, readProved } from '#sync/spaces/index.ts';
import { createMemoryNetwork } from '#sync/transport/index.ts';
import { realClock as clock, realRandom as random } from '#sync/transport/testing/fixtures.ts';
import { describeRelay, type DescribeRelayDeps } from '../describe-relay.ts';
import { startRelay } from '../keep-segments.ts';
import { createPromiseHeld } from '../promise-held.ts';

export const newNetwork = () => createMemoryNetwork({ blake3, clock, random, wait: systemWait });

/** What the files of segments say of themselves, which have no form here. */
const refs = new Map<SegmentHash, SegmentRef>();

export interface WorldNodeOptions {
  /** A relay, and the bytes of sealed files that it keeps for a space. */
  readonly relayBytes?: number;
  /** How it waits to fetch. */
  readonly wait?: Wait;
}

export type WorldNode = Awaited<ReturnType<typeof openWorldNode>>;

export async function openWorldNode(
  network: ReturnType<typeof newNetwork>,
  name: string,
  { relayBytes, wait = systemWait }: WorldNodeOptions = {},
) {
  const key = deviceKeyOf({ ed25519, blake3 }, random.bytes(32));
  const agreementKey = agreementKeyOf(nodeX25519, key);
  const store = openMemoryStore();
  const folder = createMemorySealedFolder();
  const warnings: string[] = [];
  const logger: Logger = {
    info: () => undefined,
    warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  const plain = new Map<string, Uint8Array>();
  const logs = await openLogStore({ store, blake3, ed25519 });
  const audit = createAuditLog({ store, clock, random, sha256: nodeSha256 });
  const catalog = createCatalog({ store, log: createMemoryOperationLog(store), audit, clock, random });
  const openPlain = async (segment: string) => {
    const bytes = plain.get(segment);
    return bytes && bytesSource(bytes);
  };
  const sealing = { folder, cipher, blake3, createHasher };
  const spaces = createSpaces({
    store,
    logs,
    catalog,
    key,
    agreementKey,
    marker: createMemoryMarker(),
    clock,
    random,
    blake3,
    ed25519,
    x25519: nodeX25519,
    cipher: nodeOneTimeCipher,
    logger,
    deviceName: name,
    peerId: async () => name,
    openDocument: openYjsDocument,
    storeEdge,
    edgesTo: (asset) => edgesTo(store, asset),
    afterApply: async () => undefined,
    hold: { isHeld: false, whenReleased: async () => undefined },
    breathe: async () => undefined,
    recordSegment: async (segment, { signal }) =>
      recordSegment({ ...sealing, random }, (await openPlain(segment))!, { signal }),
  });
  await spaces.opened();
  const book = createPledgeBook({ store, clock, self: key.publicKey });

  async function connect() {
    const transport = network.join(key.publicKey);
    const segments = startSegmentExchange({
      ...sealing,
      store,
      catalog,
      spaces,
      transport,
      clock,
      wait,
      logger,
      openPlain,
      async storePlain(segment, pieces) {
        plain.set(segment.hash, concatBytes(await Array.fromAsync(pieces)));
      },
      describe: async (segment) => refs.get(segment)!,
      afterFetch: async () => undefined,
      budget: {},
      limits: {},
    });
    const agree = async () => {
      await spaces.settle();
      await segments.fetchSubscribed();
      await relay?.keep();
    };
    const pledging: PledgeDeps = {
      store,
      catalog,
      spaces,
      transport,
      key,
      book,
      blake3,
      ed25519,
      clock,
      random,
      wait,
      served: createServedSegments(sealing, async (name) => {
        const segment = await readProved(store, name);
        const source = segment && (await openPlain(segment.hash));
        return source && { source, segment };
      }),
      limits: {},
      count: () => undefined,
      promiseHeld:
        relayBytes === undefined ? undefined : createPromiseHeld({ store, spaces, clock, bytesMax: relayBytes }),
    };
    handlePledges(pledging);
    const engine = startSyncEngine({
      store,
      transport,
      spaces,
      agreements: createAgreementStore(store),
      blake3,
      random,
      clock,
      wait: systemWait,
      logger,
      async afterSession() {
        await agree();
        await segments.askAgain();
      },
    });
    const relay =
      relayBytes === undefined
        ? undefined
        : startRelay({
            store,
            spaces,
            folder,
            book,
            clock,
            wait: systemWait,
            logger,
            bytesMax: relayBytes,
            fetchSealed: segments.fetchSealed,
            unavailable: () =>
              new Set(segments.status().flatMap(({ name: one, waitsFor }) => (waitsFor === 'peer' ? [one] : []))),
            onKept: engine.announce,
          });
    await agree();
    return { transport, segments, engine, relay, pledging };
  }
  let online: Awaited<ReturnType<typeof connect>> | undefined;

  return {
    key,
    store,
    logs,
    folder,
    spaces,
    catalog,
    plain,
    book,
    warnings,
    agreementKey,
    /** Is there for others from now on, and knows where these are. */
    async goOnline(others: readonly { readonly key: typeof key }[]) {
      online = await connect();
      for (const other of others) {
        const device = other.key.publicKey;
        online.transport.addAddresses(device, [`/memory/${Buffer.from(device).toString('hex')}`]);
      }
      return online;
    },
    async goOffline() {
      await online?.engine[Symbol.asyncDispose]();
      await online?.relay?.[Symbol.asyncDispose]();
      await online?.segments[Symbol.asyncDispose]();
      await online?.transport[Symbol.asyncDispose]();
      online = undefined;
      await spaces.settle();
    },
    counts: () => Object.fromEntries(online?.relay?.counts ?? []),
    async holdings() {
      const deps: DescribeRelayDeps = { store, logs, spaces, book };
      return (await describeRelay(deps))[0]!;
    },
    /** A new asset, or more of it. */
    async addRows(asset: string, rows: readonly Uint8Array[]) {
      const known = await catalog.findAsset(asset);
      const added: SegmentRef[] = [];
      for (const bytes of rows) {
        const hasher = await createHasher();
        hasher.update(bytes);
        const id = hasher.digest();
        plain.set(id, bytes);
        const column = { min: 1, max: 2, nullCount: 0 };
        const ref = {
          id,
          rowCount: 10,
          byteCount: bytes.length,
          columns: [column, { min: 'a', max: 'z', nullCount: 0 }],
        };
        refs.set(id, ref);
        added.push(ref);
      }
      const assetId = known?.id ?? uuidv7<AssetId>({ clock, random });
      const outcome = await catalog.commitSegments(
        {
          assetId,
          create: known ? undefined : { name: asset, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' },
          parentVersion: known?.version ?? 0,
          schema: TEST_SCHEMA,
          added,
          sources: [],
        },
        { actor: ACTOR },
      );
      await spaces.settle();
      return outcome;
    },
    async share(space: string, asset: string, subscribe: 'data' | 'metadata') {
      const context = { caller: ACTOR, signal: undefined, report: () => undefined };
      await spaces.shareAssets(space, [asset], subscribe, context as never);
    },
  };
}

/** Makes a node a member without a line between the two. */
export async function admit(founder: WorldNode, space: string, member: WorldNode, name: string, level: Level) {
  const opened = await founder.spaces.find(space);
  await founder.spaces.admit(opened, {
    device: member.key.publicKey,
    level,
    encryptionKey: member.agreementKey.publicKey,
    name,
  });
  await member.spaces.join({
    space: opened.record.space,
    genesisId: opened.genesisId,
    name: space,
    operations: await controlOf(founder, opened),
  });
}

/** Hands over what is said of members. */
export async function handOverControl(from: WorldNode, to: WorldNode, space: string) {
  const opened = await to.spaces.find(space);
  await opened.view.append(await controlOf(from, await from.spaces.find(space)));
}

async function controlOf({ logs }: WorldNode, { store }: OpenSpace): Promise<Uint8Array[]> {
  const operations: Uint8Array[] = [];
  for (const { author, logId } of store.controlLogs())
    operations.push(...(await Array.fromAsync(logs.operationsFrom(author, logId, 0))));
  return operations;
}
