import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toUtf8 } from '#core/kernel/index.ts';
import { openLevelStore } from '#core/platform/index.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { joinOperation, type LogStore, openLogStore, type SignedOperation, signOperation } from '#sync/log/index.ts';
import { atLeast, type Benchmark, median, perSecond, reported } from './measure.ts';

const OPERATIONS = 20_000;
/** As a peer would send them: some frames of a megabyte at a time. */
const BATCH = 5_000;
const BODY_BYTES = 300;
/** Fewer than one device may have. */
const LOGS = 4_000;
const RUNS = 5;

const blake3 = await createWasmBlake3();
const ed25519 = createNodeEd25519();
const key = ed25519.keyFromSeed(new Uint8Array(32).fill(1));

function signLog(number: number, count: number): Uint8Array[] {
  const logId = blake3(toUtf8(`log ${number}`));
  const extensions = { logId, timestampMicros: 1_754_300_000_000_000n, pruneFlag: false };
  const operations: Uint8Array[] = [];
  let previous: SignedOperation | undefined;
  for (let seq = 0; seq < count; seq++) {
    const body = new Uint8Array(BODY_BYTES).fill(seq % 256);
    previous = signOperation({ key, blake3 }, { seq, backlink: previous?.id, extensions, body });
    operations.push(joinOperation(previous));
  }
  return operations;
}

async function withLogs<T>(work: (logs: LogStore) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'granary-bench-'));
  const store = await openLevelStore(directory);
  try {
    return await work(await openLogStore({ store, blake3, ed25519 }));
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

async function ingestAll(logs: LogStore, operations: readonly Uint8Array[]): Promise<number> {
  const start = performance.now();
  for (let first = 0; first < operations.length; first += BATCH) {
    const outcomes = await logs.ingest(operations.slice(first, first + BATCH));
    const other = outcomes.find(({ kind }) => kind !== 'stored');
    if (other) throw new Error(`An operation was not stored: ${JSON.stringify(other)}`);
  }
  return performance.now() - start;
}

async function verifyAll(logs: LogStore): Promise<{ readonly checked: number; readonly milliseconds: number }> {
  const start = performance.now();
  let checked = 0;
  for (let report; (report = await logs.verifyNext());) {
    if (report.cut) throw new Error('A good signature did not hold.');
    checked += report.checkedCount;
  }
  return { checked, milliseconds: performance.now() - start };
}

const rate = (value: number): string => perSecond(value, 1000);

/** Operations of other devices: taken in on the hash chain in synced batches, and then every signature checked. */
export const syncLogBenchmark: Benchmark = {
  name: 'sync-log',
  async run() {
    const one = signLog(0, OPERATIONS);
    const many = Array.from({ length: LOGS }, (_, number) => signLog(number, 1)[0]!);
    const chained: number[] = [];
    const scattered: number[] = [];
    const verified: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      await withLogs(async (logs) => {
        chained.push((OPERATIONS / (await ingestAll(logs, one))) * 1000);
        const { checked, milliseconds } = await verifyAll(logs);
        if (checked !== OPERATIONS) throw new Error(`${checked} of ${OPERATIONS} signatures were checked.`);
        verified.push((checked / milliseconds) * 1000);
      });
      await withLogs(async (logs) => {
        scattered.push((LOGS / (await ingestAll(logs, many))) * 1000);
      });
    }
    return [
      atLeast(`chain and store, ${BODY_BYTES} B bodies, one log`, median(chained), 60_000, rate),
      atLeast('every signature, one core', median(verified), 4_000, rate),
      reported('chain and store, a log for every operation', rate(median(scattered))),
    ];
  },
};
