import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { toHex } from '#core/kernel/index.ts';
import { connectNode } from './bench-peer.ts';
import { temporaryFolder } from './data.ts';
import { atLeast, atMost, type Benchmark, reported } from './measure.ts';
import { type PeerProcess, startPeer } from './peer-process.ts';
import { joinNode, openBenchNode, signAssets } from './space-node.ts';

const WIRE_BYTES_MAX = 104;
const SESSIONS = 20;
const ATTACK_MS = 10_000;
const ATTACKERS_SHARE_MAX = 0.1;
const HONEST_RATE_MIN = 0.8;

const bytes = (value: number) => `${value.toLocaleString('en-US')} B`;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** What an unchanged session costs on a line of libp2p, and what a peer does to the others that sends garbage as fast as it can. */
export const syncLineBenchmark: Benchmark = {
  name: 'sync-line',
  async run() {
    await using folder = await temporaryFolder();
    const home = join(folder.path, 'founder');
    await using honest = await openBenchNode(join(folder.path, 'honest'));
    const device = await (async () => {
      await using founder = await openBenchNode(home);
      await founder.spaces.createSpace('all');
      await joinNode(founder, honest, 'all');
      await using hostile = await openBenchNode(join(folder.path, 'hostile'));
      await joinNode(founder, hostile, 'all');
      await signAssets(founder, await founder.spaces.find('all'), 0, 10);
      return founder.key.publicKey;
    })();
    await using peer = await startPeer(home);
    await using wire = await countWire(peer);
    await using good = await connectNode(honest);
    good.transport.addAddresses(device, [wire.address]);
    const sync = async () => {
      const report = await good.engine.syncWith(device);
      if (report.end !== 'complete' || !report.spaces[0]?.equal) throw new Error('The two nodes did not agree.');
      return report.byteCounts;
    };
    await sync();

    let leastWire = Infinity;
    let payload = { sent: 0, received: 0 };
    for (let i = 0; i < SESSIONS; i++) {
      // The line is quiet but for its signs of life, which come every two seconds.
      await setTimeout(150);
      const before = wire.byteCount();
      payload = await sync();
      await setTimeout(50);
      leastWire = Math.min(leastWire, wire.byteCount() - before);
    }

    const before = await honestRate(sync);
    await peer.figures();
    // In a process of its own: the honest peer must not lose by sharing one with it.
    await using bad = await startPeer(join(folder.path, 'hostile'), [toHex(device), peer.addresses[0]!]);
    // It has had its quota then.
    await setTimeout(2000);
    await peer.figures();
    const start = performance.now();
    const alone = await (async () => {
      await setTimeout(ATTACK_MS / 2);
      return (await peer.figures()).processorMs / (performance.now() - start);
    })();
    const during = await honestRate(sync);
    const { attempts } = await bad.figures();
    return [
      reported('libp2p, nothing changed, bytes of frames there and back', `${payload.sent} B, ${payload.received} B`),
      atMost('… bytes of TCP, both ways together', leastWire, 2 * WIRE_BYTES_MAX, bytes),
      atMost('garbage from one peer: share of a core after its quota', alone, ATTACKERS_SHARE_MAX, percent),
      reported('… streams that it began', `${attempts}`),
      atLeast('… honest peer keeps of its rate of sessions', during / before, HONEST_RATE_MIN, percent),
    ];
  },
};

/** Sessions a second of a peer that begins one after another, as many as it may at once. */
async function honestRate(sync: () => Promise<unknown>): Promise<number> {
  await setTimeout(6000);
  const start = performance.now();
  for (let i = 0; i < SESSIONS; i++) await sync();
  return (SESSIONS / (performance.now() - start)) * 1000;
}

/** A relay of bytes in front of a peer that counts them, both ways together. */
async function countWire({ addresses }: PeerProcess) {
  const [, port = ''] = /\/tcp\/(\d+)/.exec(addresses[0]!) ?? [];
  let byteCount = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => {
        byteCount += chunk.length;
        to.write(chunk);
      });
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: addresses[0]!.replace(`/tcp/${port}`, `/tcp/${(server.address() as AddressInfo).port}`),
    byteCount: () => byteCount,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
