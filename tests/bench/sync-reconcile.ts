import { toUtf8 } from '#core/kernel/index.ts';
import { type LogTip, TipTree } from '#sync/reconcile/index.ts';
import { meet, type MeetingReport, openSyncNode, type SyncNode } from '#sync/reconcile/testing/sync-world.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { atMost, type Benchmark, type Measurement, median, reported } from './measure.ts';

const LOGS = 10_000;
const CHANGED = [1, 10, 100, 1000];
const UNCHANGED_BYTES_MAX = 40;
const CHANGED_LOG_BYTES_MAX = 16;
const UPDATES = 1001;

const bytes = (value: number) => `${value.toLocaleString('en-US')} B`;
const count = (value: number) => `${value}`;

/** What two nodes with 10,000 logs say to each other, in bytes of frames over a line in memory. */
export const syncReconcileBenchmark: Benchmark = {
  name: 'sync-reconcile',
  async run() {
    const anna = await openSyncNode('anna');
    for (let i = 0; i < LOGS; i++) await anna.write(`author ${i % 100}`, `log ${i}`, 'first');
    const ben = await openSyncNode('ben');
    const first = await meet(ben, anna);
    checkEqual(anna, ben, first);

    const unchanged = await meet(anna, ben);
    checkEqual(anna, ben, unchanged);
    const measurements: Measurement[] = [
      atMost('10,000 logs, nothing changed, round trips', unchanged.roundTrips, 1, count),
      atMost('… bytes there', unchanged.initiator.byteCounts.sent, UNCHANGED_BYTES_MAX, bytes),
      atMost('… bytes back', unchanged.initiator.byteCounts.received, UNCHANGED_BYTES_MAX, bytes),
    ];
    for (const changed of CHANGED) measurements.push(...(await measureChanged(anna, ben, changed)));

    const forgetful = await openSyncNode('ben', { store: ben.store });
    await anna.write('author 0', 'log 0', 'not agreed');
    const descent = await meet(anna, forgetful);
    checkEqual(anna, forgetful, descent);
    return [
      ...measurements,
      reported('1 changed log without an agreement, round trips', count(descent.roundTrips)),
      reported('… bytes both ways but operations', bytes(overhead(descent))),
      reported('first contact, 10,000 logs, round trips', count(first.roundTrips)),
      reported('… bytes both ways but operations', bytes(overhead(first))),
      reported('a tip changes and the root with it, 10,000 tips', `${timeUpdate(anna).toFixed(0)} µs`),
    ];
  },
};

/** Half of the logs changed on each side. */
async function measureChanged(anna: SyncNode, ben: SyncNode, changed: number): Promise<readonly Measurement[]> {
  for (let i = 0; i < changed; i++) {
    const log = (i * 7919) % LOGS;
    await (i % 2 === 0 ? anna : ben).write(`author ${log % 100}`, `log ${log}`, `change ${i} of ${changed}`);
  }
  const meeting = await meet(anna, ben);
  checkEqual(anna, ben, meeting);
  const { operationsDone } = meeting.initiator.progress;
  if (operationsDone !== changed) throw new Error(`${operationsDone} operations went over instead of ${changed}.`);
  const allowed = 2 * UNCHANGED_BYTES_MAX + CHANGED_LOG_BYTES_MAX * changed;
  return [
    atMost(`${changed.toLocaleString('en-US')} of 10,000 logs changed, round trips`, meeting.roundTrips, 2, count),
    atMost('… bytes both ways but operations (2 × 40 + 16 a log)', overhead(meeting), allowed, bytes),
  ];
}

const overhead = ({ initiator: { byteCounts, progress } }: MeetingReport) =>
  byteCounts.sent + byteCounts.received - progress.bytesDone;

function checkEqual(left: SyncNode, right: SyncNode, { initiator, responder }: MeetingReport): void {
  const complete = initiator.end === 'complete' && responder.end === 'complete';
  const equal = Buffer.compare(left.view.root, right.view.root) === 0;
  if (!complete || !equal) throw new Error('The two nodes did not agree.');
}

/** Microseconds of one changed tip, root included. */
function timeUpdate(node: SyncNode): number {
  const tips: LogTip[] = [...node.view.snapshot().tree.entries()].map(({ tip }) => tip);
  const tree = TipTree.of(blake3, tips);
  let root = tree.root;
  const times: number[] = [];
  for (let i = 0; i < UPDATES; i++) {
    const tip = { ...tips[(i * 7919) % tips.length]!, seq: i + 2, operationId: blake3(toUtf8(`${i}`)) };
    const start = performance.now();
    tree.set(tip);
    const changed = tree.root;
    times.push(performance.now() - start);
    if (changed === root) throw new Error('The root did not follow a tip.');
    root = changed;
  }
  return 1000 * median(times);
}
