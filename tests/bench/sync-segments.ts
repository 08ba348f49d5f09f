import { setImmediate } from 'node:timers/promises';
import { createBlake3Hasher } from '#core/columnar/adapters/blake3.ts';
import { systemClock, systemRandom } from '#core/platform/index.ts';
import type { ByteSource } from '#core/platform/ports.ts';
import { createWasmBlake3 } from '#sync/log/adapters/wasm-blake3.ts';
import { nodeLeafCipher } from '#sync/segments/adapters/node-leaf-cipher.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { systemWait } from '#core/platform/index.ts';
import {
  createHashTree,
  createSegmentFetcher,
  createSealedSource,
  createServeGate,
  recordSegment,
  sealSegment,
  serveSegments,
  unsealSegment,
  verifySealed,
} from '#sync/segments/index.ts';
import { LEAF_BYTES, sealedByteCount, sealedLayout } from '#sync/segments/sealed-layout.ts';
import { createMemoryChannel } from '#sync/segments/testing/memory-channel.ts';
import { temporaryFolder } from './data.ts';
import { atMost, type Benchmark, median, reported } from './measure.ts';

const SEGMENT_BYTES = 64 * 2 ** 20;
const RUNS = 3;
/** The most that a bundle or a transfer may add to the segment. */
const OVERHEAD_MAX = 0.02;

const speed = (milliseconds: number) => `${Math.round(SEGMENT_BYTES / 1000 / milliseconds)} MB/s`;
const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** Sealing, checking, opening and moving one segment on one core, files on the disk included. */
export const syncSegmentsBenchmark: Benchmark = {
  name: 'sync-segments',
  async run() {
    await using temporary = await temporaryFolder();
    const folder = createNodeSealedFolder(temporary.path);
    const blake3 = await createWasmBlake3();
    const deps = { folder, blake3, cipher: nodeLeafCipher, createHasher: createBlake3Hasher, random: systemRandom };
    const plain = systemRandom.bytes(SEGMENT_BYTES);
    const source: ByteSource = {
      byteCount: plain.length,
      read: async (offset, byteCount) => plain.subarray(offset, offset + byteCount),
      close: async () => undefined,
    };
    const times: Record<'seal' | 'verify' | 'open' | 'again' | 'transfer', number[]> = {
      seal: [],
      verify: [],
      open: [],
      again: [],
      transfer: [],
    };
    let overhead = 0;
    let wireOverhead = 0;
    for (let i = 0; i < RUNS; i++) {
      let start = performance.now();
      const segment = await sealSegment(deps, source);
      times.seal.push(performance.now() - start);

      const file = (await folder.open(segment.name))!;
      overhead = file.byteCount / SEGMENT_BYTES - 1;
      start = performance.now();
      await verifySealed(createHashTree(blake3), file, segment.name);
      times.verify.push(performance.now() - start);

      start = performance.now();
      let opened = 0;
      for await (const piece of unsealSegment(deps, file, segment)) opened += piece.length;
      times.open.push(performance.now() - start);
      if (opened !== SEGMENT_BYTES) throw new Error(`${opened} bytes were opened.`);
      await file.close();

      const recorded = await recordSegment(deps, source);
      const made = await createSealedSource(deps, source, recorded);
      const { leavesOffset } = sealedLayout(sealedByteCount(SEGMENT_BYTES))!;
      start = performance.now();
      for (let offset = leavesOffset; offset < made.byteCount; offset += LEAF_BYTES) {
        await made.read(offset, Math.min(LEAF_BYTES, made.byteCount - offset));
      }
      times.again.push(performance.now() - start);
      await made.close();
      await folder.remove(recorded.name);

      let wireBytes = 0;
      const weigh = (frame: Uint8Array) => {
        wireBytes += frame.length;
        return frame;
      };
      await using other = await temporaryFolder();
      const channel = createMemoryChannel({ toServer: weigh, toRequester: weigh }, 16);
      const clock = systemClock;
      const gate = createServeGate({ clock, wait: systemWait });
      const count = () => undefined;
      const served = serveSegments({ folder, mayServe: () => true, gate, count }, 'a', channel.server);
      const received = createNodeSealedFolder(other.path);
      const fetcher = createSegmentFetcher({ folder: received, blake3, clock, wait: systemWait, count });
      start = performance.now();
      fetcher.addPeer('server', channel.requester);
      await fetcher.fetch(segment.name, segment);
      times.transfer.push(performance.now() - start);
      await fetcher.close();
      await served;
      wireOverhead = wireBytes / SEGMENT_BYTES - 1;
      await folder.remove(segment.name);
      await setImmediate();
    }
    return [
      reported('seal: two hashes, cipher, file synced', speed(median(times.seal))),
      reported('verify by name, without a key', speed(median(times.verify))),
      reported('open and check the hash of the segment', speed(median(times.open))),
      reported('seal again where it is read, compared with the tree', speed(median(times.again))),
      reported('serve, receive, verify, store, both sides on one thread', speed(median(times.transfer))),
      atMost('bytes of a sealed file beyond the segment', overhead, OVERHEAD_MAX, percent),
      atMost('bytes on the wire beyond the segment, both ways', wireOverhead, OVERHEAD_MAX, percent),
    ];
  },
};
