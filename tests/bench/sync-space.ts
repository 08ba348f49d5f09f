import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '#core/platform/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { SignedOperation } from '#sync/log/index.ts';
import { blake3, countingRandom } from '#sync/log/testing/fixtures.ts';
import { type OperationStore, openSpaceView, runSession } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements } from '#sync/reconcile/testing/memory-stores.ts';
import { named, SPACE as SPACE_ID, SYNC_BINDING } from '#sync/reconcile/testing/sync-world.ts';
import {
  bytesOf,
  logOf,
  openSpaceNode,
  signDevice,
  signGrant,
  signRegistration,
  signText,
} from '#sync/spaces/testing/space-world.ts';
import { type Benchmark, perSecond, reported } from './measure.ts';

const OPERATIONS = 10_000;
const ALONE = 500;
const DEVICES = 10;
const DEVICE_LOGS = 1000;

async function withLevel<T>(work: (store: KeyValueStore) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'granary-bench-'));
  const store = await openLevelStore(directory);
  try {
    return await work(store);
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

/** Milliseconds of one session in which everything goes from one store to the other. */
async function timeSession(from: OperationStore, to: OperationStore): Promise<number> {
  const [near, far] = createMemoryLine();
  const side = async (store: OperationStore, role: 'initiator' | 'responder', peer: string) => {
    const view = await openSpaceView({ blake3 }, SPACE_ID, store);
    const deps = { blake3, random: countingRandom(), agreements: createMemoryAgreements() };
    const channel = role === 'initiator' ? near : far;
    return runSession(deps, { role, channel, peerId: named(peer), binding: SYNC_BINDING, views: [view] });
  };
  const start = performance.now();
  const [report] = await Promise.all([side(to, 'initiator', 'anna'), side(from, 'responder', 'ben')]);
  if (!report.spaces[0]?.equal) throw new Error('The two nodes did not agree.');
  return performance.now() - start;
}

/** A first sync of so many operations on LevelDB at both ends, stored by the frame or one at a time. */
async function timeFirstSync(count: number, oneByOne: boolean): Promise<number> {
  const { controlOperations, dataOperations } = signDevice('founder', count);
  return withLevel((left) =>
    withLevel(async (right) => {
      const [anna, ben] = [await openSpaceNode({ store: left }), await openSpaceNode({ store: right })];
      await anna.space.append(bytesOf([...controlOperations, ...dataOperations]));
      const alone: OperationStore = {
        ...ben.space,
        append: async (operations) => {
          const outcomes = [];
          for (const bytes of operations) outcomes.push(...(await ben.space.append([bytes])));
          return outcomes;
        },
      };
      return timeSession(anna.space, oneByOne ? alone : ben.space);
    }),
  );
}

/** Milliseconds of processor time to open a space of many logs that is on the disk, control operations read. */
async function timeOpening(): Promise<number> {
  const founder = signDevice('founder');
  return withLevel(async (store) => {
    const node = await openSpaceNode({ store });
    let last: SignedOperation = founder.controlOperations[1]!;
    await node.space.append(bytesOf(founder.controlOperations));
    for (let device = 0; device < DEVICES; device++) {
      const name = `device ${device}`;
      last = signGrant(founder.control, last, name);
      const { control, controlOperations } = signDevice(name);
      const operations = [last, ...controlOperations];
      let previous = controlOperations[1]!;
      for (let i = 0; i < DEVICE_LOGS; i++) {
        const log = logOf(name, 'data', `${i}`);
        previous = signRegistration(control, previous, log);
        operations.push(previous, signText(log, undefined, 'one'));
      }
      const outcomes = await node.space.append(bytesOf(operations));
      if (outcomes.some(({ outcome }) => outcome !== 'stored')) throw new Error('An operation was not stored.');
    }
    while (await node.logs.verifyNext());
    const start = process.cpuUsage();
    const again = await openSpaceNode({ store });
    const { user, system } = process.cpuUsage(start);
    const took = (user + system) / 1000;
    if ((await Array.fromAsync(again.space.tips())).length < DEVICES * DEVICE_LOGS)
      throw new Error('Logs are missing.');
    return took;
  });
}

/** The store of one space on LevelDB. */
export const syncSpaceBenchmark: Benchmark = {
  name: 'sync-space',
  async run() {
    const byFrame = await timeFirstSync(OPERATIONS, false);
    const oneByOne = await timeFirstSync(ALONE, true);
    return [
      reported(`first sync of ${OPERATIONS} operations, LevelDB at both ends`, perSecond(OPERATIONS, byFrame)),
      reported('… one synced write for each operation, for comparison', perSecond(ALONE, oneByOne)),
      reported(
        `a space of ${DEVICES * DEVICE_LOGS} logs opens, processor time`,
        `${(await timeOpening()).toFixed(0)} ms`,
      ),
    ];
  },
};
