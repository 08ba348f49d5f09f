import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { connectNode } from './bench-peer.ts';
import { temporaryFolder } from './data.ts';
import { atLeast, type Benchmark, perSecond, reported } from './measure.ts';
import { meetInMemory } from './meet.ts';
import { startPeer } from './peer-process.ts';
import { type BenchNode, joinNode, openBenchNode, signAssets } from './space-node.ts';

const OPERATIONS = 10_000;
const CATALOG_PER_SECOND_MIN = 10_000;

interface Timed {
  readonly milliseconds: number;
  /** Milliseconds of all threads. */
  readonly processorMs: number;
  /** The longest time in which the loop did nothing else, milliseconds. */
  readonly blockedMs: number;
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const used = process.cpuUsage();
  delay.enable();
  const start = performance.now();
  await work();
  const milliseconds = performance.now() - start;
  delay.disable();
  const { user, system } = process.cpuUsage(used);
  return { milliseconds, processorMs: (user + system) / 1000, blockedMs: delay.percentile(99) / 1e6 };
}

const toCatalogOf = ({ verify, settle }: { readonly verify: Timed; readonly settle: Timed }): number =>
  verify.milliseconds + settle.milliseconds;
const rate = (value: number): string => perSecond(value, 1000);
const inProcessor = ({ processorMs }: Timed): string => `${perSecond(OPERATIONS, processorMs)} of one core`;
const blocked = ({ blockedMs }: Timed): string => `${blockedMs.toFixed(1)} ms`;

/** A first sync of 10,000 operations, each about an asset of its own, as far as the catalog; LevelDB at both ends. */
export const syncIngestBenchmark: Benchmark = {
  name: 'sync-ingest',
  async run() {
    const beside = await ingestInMemory(false);
    const inline = await ingestInMemory(true);
    const line = await ingestOverLine();
    return [
      atLeast(
        'stored operations to the catalog, signatures too',
        (OPERATIONS / toCatalogOf(beside)) * 1000,
        CATALOG_PER_SECOND_MIN,
        rate,
      ),
      reported('… processor time of checking signatures', inProcessor(beside.verify)),
      reported('… processor time of folding and applying', inProcessor(beside.settle)),
      reported('the loop is blocked by checking signatures, 99 %', blocked(beside.verify)),
      reported('… by checking them on its own thread, for comparison', blocked(inline.verify)),
      reported('… by folding aside and applying', blocked(beside.settle)),
      reported('… by folding on its own thread too, for comparison', blocked(inline.settle)),
      reported('… operations to the catalog then', perSecond(OPERATIONS, toCatalogOf(inline))),
      reported('first sync over libp2p, to the log', perSecond(OPERATIONS, line.toLog)),
      reported('… to the catalog', perSecond(OPERATIONS, line.all.milliseconds)),
      reported('… processor time of the receiver', inProcessor(line.all)),
      reported('… the loop of the receiver is blocked, 99 %', blocked(line.all)),
    ];
  },
};

async function ingestInMemory(isAlone: boolean): Promise<{ readonly verify: Timed; readonly settle: Timed }> {
  await using folder = await temporaryFolder();
  await using founder = await openBenchNode(join(folder.path, 'founder'));
  await using member = await openBenchNode(join(folder.path, 'member'), { isAlone });
  await foundSpace(founder, member);
  await meetInMemory(member, founder);
  const verify = await timed(async () => {
    while (await member.logs.verifyNext());
  });
  const settle = await timed(() => member.spaces.settle());
  await checkAssets(member);
  return { verify, settle };
}

async function ingestOverLine(): Promise<{ readonly toLog: number; readonly all: Timed }> {
  await using folder = await temporaryFolder();
  const home = join(folder.path, 'founder');
  await using member = await openBenchNode(join(folder.path, 'member'));
  const device = await (async () => {
    await using founder = await openBenchNode(home);
    await foundSpace(founder, member);
    return founder.key.publicKey;
  })();
  await using peer = await startPeer(home);
  await using line = await connectNode(member);
  line.transport.addAddresses(device, peer.addresses);
  const start = performance.now();
  let toLog = 0;
  const all = await timed(() =>
    line.engine.syncWith(device, {
      onProgress({ operationsDone }) {
        if (operationsDone >= OPERATIONS) toLog ||= performance.now() - start;
      },
    }),
  );
  await checkAssets(member);
  return { toLog, all };
}

async function foundSpace(founder: BenchNode, member: BenchNode): Promise<void> {
  await founder.spaces.createSpace('all');
  await joinNode(founder, member, 'all');
  await signAssets(founder, await founder.spaces.find('all'), 0, OPERATIONS);
}

async function checkAssets({ catalog }: BenchNode): Promise<void> {
  const { totalCount } = await catalog.listAssets({ limit: 1 });
  if (totalCount !== OPERATIONS) throw new Error(`${totalCount} assets came instead of ${OPERATIONS}.`);
}
