import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createBlake3Hasher } from '#core/columnar/adapters/blake3.ts';
import { openLevelStore, systemClock, systemRandom } from '#core/platform/index.ts';
import { createNodeBundleFiles } from '#sync/bundles/adapters/node-bundle-files.ts';
import { exportBundle, importBundle, listBundle } from '#sync/bundles/index.ts';
import { bundleSpace } from '#sync/bundles/testing/bundle-space.ts';
import { SPACE_ID } from '#sync/bundles/testing/bundle-world.ts';
import { createTestDevice, sealingOf } from '#sync/bundles/testing/x25519-sealing.ts';
import { createNodeEd25519 } from '#sync/log/adapters/node-ed25519.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { openLogStore } from '#sync/log/index.ts';
import { keyOf, signChain, logIdOf, bytesOf } from '#sync/log/testing/signed-logs.ts';
import { nodeLeafCipher } from '#sync/segments/adapters/node-leaf-cipher.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { sealSegment } from '#sync/segments/index.ts';
import { sourceOf } from '#sync/segments/testing/fixtures.ts';
import { temporaryFolder } from './data.ts';
import { atMost, type Benchmark, median, perSecond, reported } from './measure.ts';

const OPERATIONS = 20_000;
const LOGS = 20;
/** With the header of some 215 bytes, an operation has about 300 bytes. */
const BODY = 'x'.repeat(80);
const SEGMENT_BYTES = 64 * 2 ** 20;
const RUNS = 3;
/** The most that a bundle may add to what it carries. */
const OVERHEAD_MAX = 0.02;

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const speed = (milliseconds: number) => `${Math.round(SEGMENT_BYTES / 1000 / milliseconds)} MB/s`;

/** A space written into a file and taken in from it, files and stores on the disk included. */
export const syncBundlesBenchmark: Benchmark = {
  name: 'sync-bundles',
  async run() {
    await using temporary = await temporaryFolder();
    const blake3 = await createWasmBlake3();
    const ed25519 = createNodeEd25519();
    const folder = createNodeSealedFolder(temporary.path);
    const device = createTestDevice(systemRandom.bytes(32));
    const files = createNodeBundleFiles();
    const shared = {
      files,
      blake3,
      ed25519,
      createHasher: createBlake3Hasher,
      cipher: nodeLeafCipher,
      sealing: device,
    };
    const deps = { ...shared, key: keyOf(1), clock: systemClock, random: systemRandom };
    const openLogs = async (name: string) => {
      const store = await openLevelStore(join(temporary.path, name));
      return { store, logs: await openLogStore({ store, blake3, ed25519 }) };
    };
    const anna = await openLogs('anna');
    for (let log = 0; log < LOGS; log++) {
      const place = { key: keyOf(log + 1), logId: logIdOf(log) };
      await anna.logs.ingest(bytesOf(signChain(OPERATIONS / LOGS, { ...place, body: BODY })));
    }
    const segment = await sealSegment({ ...deps, folder }, sourceOf(systemRandom.bytes(SEGMENT_BYTES)));
    const source = bundleSpace(anna.logs, SPACE_ID);
    const paths = ['operations', 'segment', 'sealed'].map((name) => join(temporary.path, name)) as [
      string,
      string,
      string,
    ];
    const times: Record<'exported' | 'imported' | 'listed' | 'written' | 'taken' | 'sealed' | 'opened', number[]> = {
      exported: [],
      imported: [],
      listed: [],
      written: [],
      taken: [],
      sealed: [],
      opened: [],
    };
    const timed = async <T>(into: number[], work: Promise<T>): Promise<T> => {
      const start = performance.now();
      const result = await work;
      into.push(performance.now() - start);
      return result;
    };
    const empty = { ...source, store: { ...source.store, async *tips() {} } };
    const segments = { segments: [segment], open: folder.open.bind(folder) };
    const recipients = { sealing: sealingOf(systemRandom), keys: [device.encryptionKey] };
    let overheads = [0, 0, 0];
    let bytesEach = 0;
    for (let run = 0; run < RUNS; run++) {
      const exported = await timed(times.exported, exportBundle(deps, source, paths[0]));
      await timed(times.written, exportBundle(deps, empty, paths[1], { segments }));
      await timed(times.sealed, exportBundle(deps, empty, paths[2], { segments, recipients }));
      bytesEach = exported.operationBytes / OPERATIONS;
      const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
      overheads = [exported.operationBytes, SEGMENT_BYTES, SEGMENT_BYTES].map((plain, i) => sizes[i]! / plain - 1);
      await timed(times.listed, listBundle(shared, paths[0]));

      await using other = await temporaryFolder();
      const ben = await openLogs(`ben ${run}`);
      const received = createNodeSealedFolder(other.path);
      const target = bundleSpace(ben.logs, SPACE_ID, { folder: received });
      const taken = await timed(
        times.imported,
        importBundle(shared, () => target, paths[0]),
      );
      if (taken.storedCount !== OPERATIONS || taken.missingOperations.length > 0)
        throw new Error('Something is missing.');
      for (const [path, into] of [
        [paths[1], times.taken],
        [paths[2], times.opened],
      ] as const) {
        const { missingSegments } = await timed(
          into,
          importBundle(shared, () => target, path),
        );
        if (missingSegments.length > 0) throw new Error('A segment is missing.');
        await received.remove(segment.name);
      }
      await ben.store.close();
    }
    await anna.store.close();
    const rate = (values: readonly number[]) => perSecond(OPERATIONS, median(values));
    return [
      atMost(
        `bytes of a bundle beyond its operations of ${bytesEach.toFixed(0)} bytes`,
        overheads[0]!,
        OVERHEAD_MAX,
        percent,
      ),
      atMost('bytes of a bundle beyond a segment', overheads[1]!, OVERHEAD_MAX, percent),
      atMost('… sealed to a device', overheads[2]!, OVERHEAD_MAX, percent),
      reported('operations exported', rate(times.exported)),
      reported('operations imported, signatures not checked yet', rate(times.imported)),
      reported('a bundle of 20,000 operations listed', `${median(times.listed).toFixed(0)} ms`),
      reported('a segment exported, each leaf checked', speed(median(times.written))),
      reported('… imported', speed(median(times.taken))),
      reported('… exported and sealed', speed(median(times.sealed))),
      reported('… opened and imported', speed(median(times.opened))),
    ];
  },
};
