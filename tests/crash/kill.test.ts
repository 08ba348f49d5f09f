import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#tests/support/granary.ts';

const VICTIM = fileURLToPath(new URL('./ingest-until-killed.ts', import.meta.url));

interface Found {
  readonly found: readonly {
    readonly name: string;
    readonly batches: readonly {
      readonly batch: number;
      readonly n: number;
      readonly d: number;
      readonly total: number;
    }[];
  }[];
  readonly faults: readonly unknown[];
  readonly rowsPerBatch: number;
}

interface Run {
  readonly found: Found;
  /** What was acknowledged before the kill, by asset. */
  readonly acknowledged: ReadonlyMap<string, readonly number[]>;
}

/** A small generator with a seed, so that a failing series of kills can be repeated as far as the machine allows. */
function* randomNumbers(seed: number): Generator<number, never> {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Starts a victim, lets it work for `delay` ms, and kills it as the power would. */
async function runAndKill(home: string, firstBatch: number, targets: readonly string[], delay: number): Promise<Run> {
  const args = ['--disable-warning=ExperimentalWarning', VICTIM, home, String(firstBatch), ...targets];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  const closed = new Promise((resolve) => child.on('close', resolve));
  const acknowledged = new Map<string, number[]>();
  let found: Found | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as Found & { asset?: string; batch?: number };
    if (message.asset !== undefined) {
      acknowledged.set(message.asset, [...(acknowledged.get(message.asset) ?? []), message.batch!]);
      if (firstBatch === 0) setTimeout(() => child.kill('SIGKILL'), delay);
      continue;
    }
    found = message;
    expect(await leftovers(home)).toEqual([]);
    child.stdin.write('go\n');
    // The first process makes the stores, which takes its time: it gets to store one batch before its end is near.
    if (firstBatch !== 0) setTimeout(() => child.kill('SIGKILL'), delay);
  }
  await closed;
  if (!found) throw new Error(`The process did not come up after the kill before: ${stderr}`);
  return { found, acknowledged };
}

/** Temporary files, of which a start leaves none. */
async function leftovers(home: string): Promise<string[]> {
  const names = await readdir(home, { recursive: true });
  return names.filter((name) => name.endsWith('.tmp') || name.startsWith(join('tmp', 'work-')));
}

async function killRepeatedly(
  seed: number,
  runCount: number,
  delayMax: number,
  targets: readonly string[],
): Promise<void> {
  await using folder = await temporaryFolder();
  const home = join(folder.path, 'home');
  const random = randomNumbers(seed);
  const promised = new Map<string, Set<number>>();
  let nextBatch = 0;
  for (let run = 0; run <= runCount; run++) {
    const { found, acknowledged } = await runAndKill(home, nextBatch, targets, random.next().value * delayMax);
    const context = `seed ${seed}, run ${run}`;
    expect(found.faults, context).toEqual([]);
    const { rowsPerBatch } = found;
    const total = (rowsPerBatch * (rowsPerBatch - 1)) / 2;
    for (const [asset, batches] of promised) {
      const there = found.found.find(({ name }) => name === asset)?.batches ?? [];
      for (const batch of there) {
        expect(batch, `${context}: a batch is whole and there once`).toEqual({
          batch: batch.batch,
          n: rowsPerBatch,
          d: rowsPerBatch,
          total,
        });
      }
      const present = new Set(there.map(({ batch }) => batch));
      for (const batch of batches) expect(present, `${context}: nothing acknowledged is lost`).toContain(batch);
    }
    for (const [asset, batches] of acknowledged) {
      const known = promised.get(asset) ?? new Set();
      for (const batch of batches) known.add(batch);
      promised.set(asset, known);
    }
    nextBatch += 1 + Math.max(0, ...[...acknowledged.values()].map((batches) => batches.length));
  }
  expect(promised.size).toBe(targets.length);
}

test('100 kills at random moments lose nothing acknowledged and leave no half batch', async () => {
  await killRepeatedly(1, 100, 600, ['columns=WEBM_COLUMNAR', 'edges=EDGE']);
}, 900_000);

test('kills of structured assets leave the table as the journal says', async () => {
  await killRepeatedly(2, 12, 3000, ['rows=POSTGRESQL']);
}, 600_000);
