/** A node as far as sync needs one: store, catalog and spaces as `openSync` wires them, without the command line. */
import { join } from 'node:path';
import { createAuditLog } from '#core/audit/index.ts';
import { nodeSha256 } from '#core/audit/adapters/node-sha256.ts';
import { type Catalog, createCatalog } from '#core/catalog/index.ts';
import { silentLogger, toHex, type Uuid } from '#core/kernel/index.ts';
import { openDeviceLog } from '#core/node/device-log.ts';
import { startFoldWorker } from '#core/node/sync/start-fold-worker.ts';
import { createNodeFileSystem, openLevelStore, systemClock, systemRandom } from '#core/platform/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { nodeOneTimeCipher } from '#sync/access/adapters/node-one-time-cipher.ts';
import { nodeX25519 } from '#sync/access/adapters/node-x25519.ts';
import { agreementKeyOf, type AgreementKey } from '#sync/access/index.ts';
import { DOCUMENT_SCHEMA, editAsset, openYjsDocument } from '#sync/documents/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { type Blake3, type DeviceKey, type Ed25519, type LogStore, openLogStore } from '#sync/log/index.ts';
import { createFoldThread } from '#sync/spaces/adapters/fold-thread.ts';
import { createSpaces, type OpenSpace, type Spaces } from '#sync/spaces/index.ts';

export interface BenchNode extends AsyncDisposable {
  readonly store: KeyValueStore;
  readonly logs: LogStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly key: DeviceKey;
  readonly agreementKey: AgreementKey;
  readonly blake3: Blake3;
}

const FAILS = (): Promise<never> => Promise.reject(new Error('Nothing here has rows.'));

export interface BenchNodeOptions {
  /** Checks signatures and folds on the thread of the node, for comparison. */
  readonly isAlone?: boolean;
}

/** Opens the home in the folder `path`, which may be new. */
export async function openBenchNode(path: string, { isAlone = false }: BenchNodeOptions = {}): Promise<BenchNode> {
  await using opening = new AsyncDisposableStack();
  const files = createNodeFileSystem();
  const machine = { clock: systemClock, random: systemRandom };
  await files.makeDirectory(path);
  const store = await openLevelStore(join(path, 'store'));
  opening.defer(() => store.close());
  const { key, log, blake3 } = await openDeviceLog({ ...machine, files, openStore: openLevelStore }, path, store);
  const audit = createAuditLog({ store, ...machine, sha256: nodeSha256 });
  const catalog = createCatalog({ store, log, audit, ...machine });
  const node = createNodeEd25519();
  const ed25519: Ed25519 = isAlone ? { ...node, verifyAside: async (...signed) => node.verify(...signed) } : node;
  const logs = await openLogStore({ store, blake3, ed25519 });
  let marker: Uint8Array | undefined;
  const agreementKey = agreementKeyOf(nodeX25519, key);
  const spaces = createSpaces({
    ...machine,
    store,
    logs,
    catalog,
    key,
    agreementKey,
    marker: { read: async () => marker, write: async (bytes) => void (marker = bytes) },
    blake3,
    ed25519,
    x25519: nodeX25519,
    cipher: nodeOneTimeCipher,
    logger: silentLogger,
    deviceName: path,
    peerId: FAILS,
    openDocument: openYjsDocument,
    foldAside: isAlone ? undefined : opening.use(createFoldThread(startFoldWorker)).fold,
    storeEdge: () => undefined,
    edgesTo: async () => [],
    afterApply: async () => undefined,
    hold: { isHeld: false, whenReleased: async () => undefined },
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    recordSegment: FAILS,
  });
  opening.defer(() => spaces.close());
  const closing = opening.move();
  return {
    store,
    logs,
    catalog,
    spaces,
    key,
    agreementKey,
    blake3,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Makes the device of `member` one of the space of `founder`, as a ticket would. */
export async function joinNode(founder: BenchNode, member: BenchNode, name: string): Promise<void> {
  const space = await founder.spaces.find(name);
  const { publicKey: device } = member.key;
  const { publicKey: encryptionKey } = member.agreementKey;
  await founder.spaces.admit(space, { device, level: 'write', encryptionKey, name: 'member' });
  const operations: Uint8Array[] = [];
  for (const { author, logId } of space.store.logs('control')) {
    operations.push(...(await Array.fromAsync(founder.logs.operationsFrom(author, logId, 0))));
  }
  await member.spaces.join({ space: space.record.space, genesisId: space.genesisId, name, operations });
}

/** Operations signed at once. */
const BATCH = 1_000;

/** Has a device sign so many operations, each of which makes an asset. */
export async function signAssets({ blake3 }: BenchNode, space: OpenSpace, from: number, count: number): Promise<void> {
  const { author, logId } = await space.ownDataLog();
  const by = { author: toHex(author), logId: toHex(logId) };
  for (let first = from; first < from + count; first += BATCH) {
    const envelopes = Array.from({ length: Math.min(BATCH, from + count - first) }, (_, i) => {
      const number = first + i;
      const fields = {
        assetType: 'STRUCTURED',
        storageFormat: 'WEBM_COLUMNAR',
        tags: [`tag ${number % 100}`],
      } as const;
      const edit = { ...fields, name: `asset ${number}`, description: 'Made by another device of the space.' };
      const bytes = editAsset({ blake3, openDocument: openYjsDocument }, undefined, by, edit)!;
      return {
        schema: DOCUMENT_SCHEMA,
        subject: assetId(number),
        dependencies: [],
        content: { kind: 'yjs-update', bytes } as const,
      };
    });
    await space.signData(envelopes);
  }
}

const assetId = (number: number): Uuid => `01890a5d-ac96-774b-8000-${number.toString(16).padStart(12, '0')}` as Uuid;
