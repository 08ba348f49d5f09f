import { type Clock, type Random, toHex, toUtf8 } from '#core/kernel/index.ts';
import { createMemoryMarker } from '#sync/log/testing/memory-marker.ts';
import type { MemoryNetwork } from '#sync/transport/index.ts';
import { blake3, deviceOf, openSyncStack, type SyncStack } from './sync-stack.ts';
import { createVirtualDisk, type VirtualDisk } from './virtual-disk.ts';
import type { VirtualTime } from './virtual-time.ts';

/** The moment at which the clocks of all nodes would start, if they were right. */
const START = Date.UTC(2026, 0, 1);

/** One node of a simulated federation with all its layers. Another may have the same key; then one of them is off. */
export interface WholeNode {
  readonly name: string;
  readonly device: string;
  readonly disk: VirtualDisk;
  /** Undefined while it is off. */
  readonly stack: SyncStack | undefined;
  /** Milliseconds by which its clock is ahead. */
  skew: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A copy of disk and, as of a whole machine, of the incarnation marker; returns what puts it back. */
  backUp(options: { readonly withMarker: boolean }): Promise<() => Promise<void>>;
  /** Another node with the same key, and a copy of disk and marker; it is off. */
  cloneTo(name: string): Promise<WholeNode>;
}

export interface WholeWorld {
  readonly time: VirtualTime;
  readonly network: MemoryNetwork;
  readonly random: Random;
  /** Public keys of all devices: each knows where the others are. */
  readonly devices: Set<string>;
  readonly note: (line: string) => void;
}

export function createWholeNode(world: WholeWorld, name: string, keyName = name): WholeNode {
  return createNode(world, name, blake3(toUtf8(`seed of ${keyName}`)), createVirtualDisk(), createMemoryMarker());
}

type Marker = ReturnType<typeof createMemoryMarker>;

function createNode(world: WholeWorld, name: string, seed: Uint8Array, disk: VirtualDisk, marker: Marker): WholeNode {
  const { time, network, random, devices, note } = world;
  const { publicKey } = deviceOf(seed);
  const device = toHex(publicKey);
  devices.add(device);
  let stack: SyncStack | undefined;
  const clock: Clock = { now: () => START + node.skew + Math.floor(time.now), monotonic: () => time.now };
  const logger = {
    info: () => undefined,
    warn: (message: string, fields?: object) => note(`${name} warns: ${message} ${JSON.stringify(fields ?? {})}`),
  };
  const node: WholeNode = {
    name,
    device,
    disk,
    skew: 0,
    get stack() {
      return stack;
    },
    async start() {
      const transport = network.join(publicKey);
      for (const other of devices) {
        if (other !== device) transport.addAddresses(Uint8Array.from(Buffer.from(other, 'hex')), [`/memory/${other}`]);
      }
      const store = disk.boot();
      stack = await openSyncStack({ name, seed, store, marker, clock, random, wait: time.wait, logger, transport });
    },
    async stop() {
      disk.cutPower();
      const ending = stack;
      stack = undefined;
      if (ending) await time.during(Promise.resolve(ending[Symbol.asyncDispose]()), 60_000);
    },
    async backUp({ withMarker }) {
      const copy = await disk.copy();
      const { bytes } = marker;
      return async () => {
        await node.stop();
        await disk.restore(copy);
        if (withMarker) marker.bytes = bytes;
        await node.start();
      };
    },
    async cloneTo(cloneName) {
      const cloneDisk = createVirtualDisk();
      await cloneDisk.restore(await disk.copy());
      const cloneMarker = createMemoryMarker();
      cloneMarker.bytes = marker.bytes;
      const clone = createNode(world, cloneName, seed, cloneDisk, cloneMarker);
      clone.skew = node.skew;
      return clone;
    },
  };
  return node;
}
