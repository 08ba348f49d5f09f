import { expect, onTestFinished, vi } from 'vitest';
import { ACTOR } from '#core/catalog/testing/catalog-world.ts';
import { type AssetId, type Clock, type Random, silentLogger, toHex, type Wait } from '#core/kernel/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { type LogName, joinOperation, type LogState, signOperation } from '#sync/log/index.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import { SYNC_PROTOCOL } from '#sync/peers/sync-engine.ts';
import { type OperationStore, openSpaceView, runSession, type SessionReport } from '#sync/reconcile/index.ts';
import { createMemoryAgreements, openMemoryOperationStore } from '#sync/reconcile/testing/memory-stores.ts';
import { systemWait } from '#core/platform/index.ts';
import { openLibp2p, realClock, realRandom, seedOf } from '#sync/transport/testing/fixtures.ts';
import { blake3, openSyncStack, type SyncStack } from '#tests/simulation/whole/sync-stack.ts';

export const SPACE = 'Hills';
/** What a victim may take for one attack, garbage of the attacker and of the test included. Bytes. */
const MEMORY_BYTES_MAX = 256 * 2 ** 20;

export const random: Random = realRandom;
/** Time that runs faster, for all but the clock on the wall. */
function hastyTime(haste: number): { readonly clock: Clock; readonly wait: Wait } {
  const start = performance.now();
  return {
    clock: { now: Date.now, monotonic: () => (performance.now() - start) * haste },
    wait: (milliseconds, options) => systemWait(Math.ceil(milliseconds / haste), options),
  };
}

export interface NodeOptions {
  /** What its people and operations see. */
  readonly clock?: Clock;
  /** So many times faster its patience with others ends. */
  readonly haste?: number;
}

/** A node over libp2p on loopback. */
export async function openNode(name: string, seed: number, { clock, haste = 1 }: NodeOptions = {}): Promise<SyncStack> {
  const time = hastyTime(haste);
  const transport = await openLibp2p(seed, {}, { clock: realClock });
  const stack = await openSyncStack({
    name,
    seed: seedOf(seed),
    store: openMemoryStore(),
    marker: createMemoryMarker(),
    clock: clock ?? time.clock,
    random,
    wait: time.wait,
    logger: silentLogger,
    transport,
  });
  onTestFinished(async () => stack[Symbol.asyncDispose]());
  return stack;
}

export async function join(host: SyncStack, guest: SyncStack, level: 'read' | 'write' = 'write'): Promise<void> {
  const { ticket } = await host.peers.invite({ space: SPACE, level, hours: 1 });
  await guest.peers.join(ticket);
}

/** A victim who founded a space, an honest member and one that means harm. */
export async function openFederation(options: { readonly malloryClock?: Clock; readonly victimHaste?: number } = {}) {
  const victim = await openNode('victim', 1, { haste: options.victimHaste ?? 1 });
  const honest = await openNode('honest', 2);
  const mallory = await openNode('mallory', 3, options.malloryClock ? { clock: options.malloryClock } : {});
  await victim.spaces.createSpace(SPACE);
  await join(victim, honest);
  await join(victim, mallory);
  const asset = await shareAsset(victim, 'rain');
  await seen(honest, asset);
  await seen(mallory, asset);
  return { victim, honest, mallory, asset };
}

const options = { actor: ACTOR };
let assetCount = 0;

export async function shareAsset({ catalog, spaces }: SyncStack, name: string): Promise<AssetId> {
  const asset = await catalog.createAsset({ name, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' }, options);
  const context = { caller: ACTOR, signal: new AbortController().signal, report: () => undefined };
  await spaces.shareAssets(SPACE, [asset.id], 'metadata', context as never);
  return asset.id;
}

/** Waits until a node shows an asset. */
export const seen = (node: SyncStack, asset: AssetId): Promise<unknown> =>
  vi.waitFor(() => node.catalog.getAsset(asset), { timeout: 60_000, interval: 50 });

export const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 60_000, interval: 50 });

/** An honest peer's change arrives, whatever others do meanwhile. */
export async function expectHonestPeersAreServed(honest: SyncStack, victim: SyncStack): Promise<void> {
  assetCount += 1;
  await seen(victim, await shareAsset(honest, `of honest people ${assetCount}`));
}

const heldBytes = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** Runs an attack; memory must not have grown by more than it may. */
export async function inBoundedMemory(attack: () => Promise<void>): Promise<void> {
  const before = heldBytes();
  await attack();
  expect(heldBytes() - before).toBeLessThan(MEMORY_BYTES_MAX);
}

/** All that a member has of the space, in a store that takes what it is given: to be added to. */
export async function openLawlessStore({ spaces }: SyncStack) {
  const { store, genesisId } = await spaces.find(SPACE);
  const lawless = openMemoryOperationStore(blake3, random.bytes(16));
  for await (const { author, logId } of store.tips()) {
    await lawless.append(await Array.fromAsync(store.operationsFrom(author, logId, 0)));
  }
  return { lawless, genesisId };
}

/** Runs one session with what is in a store, beside the engine. */
export async function attackWith(
  { transport }: SyncStack,
  victim: SyncStack,
  genesisId: Uint8Array,
  store: OperationStore,
): Promise<SessionReport> {
  const stream = await transport.open(victim.key.publicKey, SYNC_PROTOCOL, { maxFrameBytes: 2 ** 20 });
  const view = await openSpaceView({ blake3 }, genesisId, store);
  return runSession(
    { blake3, random, agreements: createMemoryAgreements() },
    { role: 'initiator', channel: stream, peerId: stream.peer, binding: stream.binding, views: [view] },
  );
}

/** The operations without effect, by reason. */
export const refusedOf = async ({ spaces }: SyncStack): Promise<Record<string, number>> =>
  (await spaces.describeSpace(SPACE)).refused;

/** Operations of a device that the victim holds. */
export async function countOf({ spaces }: SyncStack, device: string): Promise<number> {
  const { store } = await spaces.find(SPACE);
  let count = 0;
  for await (const tip of store.tips()) if (toHex(tip.author) === device) count += tip.seq + 1;
  return count;
}

export const ownDataLog = async ({ spaces }: SyncStack): Promise<LogName> => (await spaces.find(SPACE)).ownDataLog();

/** Signs the next operation of the own data log with any body. */
export async function signBody(
  { logs, key, spaces }: SyncStack,
  body: (place: { author: Uint8Array; logId: Uint8Array; seq: number; backlink: Uint8Array | undefined }) => Uint8Array,
  pruneFlag = false,
): Promise<void> {
  const space = await spaces.find(SPACE);
  const { author, logId } = await space.ownDataLog();
  await logs.extend({ author, logId }, ({ tip }: LogState) => {
    const seq = tip ? tip.seq + 1 : 0;
    const backlink = tip?.operationId;
    const extensions = { logId, timestampMicros: 1n, pruneFlag };
    const content = { seq, backlink, extensions, body: body({ author, logId, seq, backlink }) };
    return [joinOperation(signOperation({ key, blake3 }, content))];
  });
  await space.refresh();
}
