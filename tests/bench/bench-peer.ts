// A node that talks over libp2p, in a process of its own: `bench-peer.ts HOME [DEVICE ADDRESS]`. Tells its address
// first, then what it has used of the processor whenever it is asked; sends garbage to the device when one is named.
import { setTimeout } from 'node:timers/promises';
import { fromHex, silentLogger } from '#core/kernel/index.ts';
import { systemClock, systemRandom } from '#core/platform/index.ts';
import { createAgreementStore, startSyncEngine, SYNC_PROTOCOL, type SyncEngine } from '#sync/peers/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { createLibp2pTransport, type Transport } from '#sync/transport/index.ts';
import { type BenchNode, openBenchNode } from './space-node.ts';

export interface PeerFigures {
  /** Milliseconds of all threads since the last time. */
  readonly processorMs: number;
  /** Streams of garbage that it began. */
  readonly attempts: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Brings a node onto a line of this machine. */
export async function connectNode(
  node: BenchNode,
): Promise<AsyncDisposable & { readonly transport: Transport; readonly engine: SyncEngine }> {
  const { store, spaces, key, blake3 } = node;
  await spaces.opened();
  const machine = { clock: systemClock, random: systemRandom, wait: systemWait };
  const transport = await createLibp2pTransport(
    { ...machine, seed: key.transportSeed(), blake3, store },
    { listen: ['/ip4/127.0.0.1/tcp/0'] },
  );
  const engine = startSyncEngine({
    ...machine,
    store,
    transport,
    spaces,
    agreements: createAgreementStore(store),
    blake3,
    logger: silentLogger,
    afterSession: () => spaces.settle(),
  });
  return {
    transport,
    engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await transport[Symbol.asyncDispose]();
    },
  };
}

const GARBAGE_BYTES = 2 ** 20 - 64;

/** Streams of garbage, one after another, as fast as they can be opened. */
async function attack(
  { transport }: { readonly transport: Transport },
  device: Uint8Array,
  onAttempt: () => void,
): Promise<never> {
  const garbage = new Uint8Array(GARBAGE_BYTES).fill(7);
  for (;;) {
    onAttempt();
    try {
      const stream = await transport.open(device, SYNC_PROTOCOL, { signal: AbortSignal.timeout(1000) });
      await stream.send(garbage).catch(() => undefined);
      stream.abort();
    } catch {
      // Refused lines and streams are what it is about.
      await setTimeout(1);
    }
  }
}

if (import.meta.main) {
  const node = await openBenchNode(process.argv[2]!);
  const { transport, engine } = await connectNode(node);
  let used = process.cpuUsage();
  let attempts = 0;
  process.on('message', () => {
    const { user, system } = process.cpuUsage(used);
    used = process.cpuUsage();
    const figures: PeerFigures = {
      processorMs: (user + system) / 1000,
      attempts,
      counts: Object.fromEntries(engine.counts),
    };
    process.send!(figures);
  });
  process.send!({ addresses: transport.addresses() });
  const [, , , device, address] = process.argv;
  if (device && address) {
    transport.addAddresses(fromHex(device), [address]);
    await attack({ transport }, fromHex(device), () => (attempts += 1));
  }
}
