import { expect, onTestFinished } from 'vitest';
import { silentLogger, type Wait } from '#core/kernel/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkDeps } from '#sync/transport/index.ts';
import { realClock as clock, realRandom as random, seedOf } from '#sync/transport/testing/fixtures.ts';
import { blake3, deviceOf, openSyncStack, type SyncStack } from '#tests/simulation/whole/sync-stack.ts';

export const SPACE = 'Hills';
export const patiently = { timeout: 30_000, interval: 20 };

/** A node on a network in memory, until the test ends. */
export async function openMember(
  network: MemoryNetwork,
  name: string,
  seed: number,
  wait: Wait = systemWait,
): Promise<SyncStack> {
  const transport = network.join(deviceOf(seedOf(seed)).publicKey);
  const [store, marker] = [openMemoryStore(), createMemoryMarker()];
  const options = { name, seed: seedOf(seed), store, marker, clock, random, wait, logger: silentLogger };
  const stack = await openSyncStack({ ...options, transport });
  onTestFinished(async () => stack[Symbol.asyncDispose]());
  return stack;
}

/** Lets a node into the space of another one. */
export async function join(host: SyncStack, guest: SyncStack): Promise<void> {
  const { ticket } = await host.peers.invite({ space: SPACE, level: 'write', hours: 1 });
  await guest.peers.join(ticket);
}

export interface MembersOptions extends Pick<MemoryNetworkDeps, 'delay'> {
  readonly leftWait?: Wait;
}

/** Two members who have told each other everything. */
export async function openMembers({ leftWait, ...trouble }: MembersOptions = {}) {
  const network = createMemoryNetwork({ blake3, clock, random, wait: systemWait, ...trouble });
  const [left, right] = [await openMember(network, 'left', 1, leftWait), await openMember(network, 'right', 2)];
  await left.spaces.createSpace(SPACE);
  await join(left, right);
  const isQuiet = async () => {
    const { end, spaces } = await sync(left, right);
    return end === 'complete' && spaces[0]?.equal === true && [left, right].every(({ engine }) => !engine.running()[0]);
  };
  await expect.poll(isQuiet, patiently).toBe(true);
  return { network, left, right };
}

/** One session. */
export const sync = ({ engine }: SyncStack, other: SyncStack, options = {}) =>
  engine.syncWith(other.key.publicKey, { reachMs: 10_000, ...options });
