import { systemClock, systemRandom } from '#core/platform/index.ts';
import { systemWait } from '#core/platform/index.ts';
import { createSegmentFetcher, createServeGate, serveSegments } from '#sync/segments/index.ts';
import { LEAF_PLAIN_BYTES } from '#sync/segments/sealed-layout.ts';
import { blake3, sealBytes } from '#sync/segments/testing/fixtures.ts';
import { createMemoryChannel } from '#sync/segments/testing/memory-channel.ts';
import { createMemorySealedFolder } from '#sync/segments/testing/memory-sealed-folder.ts';
import { createDice } from '#tests/fuzz/dice.ts';
import { atMost, type Benchmark, reported } from './measure.ts';

const LEAVES = 600;
const CUTS = 50;

const count = (value: number) => `${value}`;

/** A transfer whose line is cut again and again, and one of which a bit is flipped on the way. */
export const syncBrokenBenchmark: Benchmark = {
  name: 'sync-broken',
  async run() {
    const folder = createMemorySealedFolder();
    const segment = await sealBytes(folder, systemRandom.bytes(LEAVES * LEAF_PLAIN_BYTES), 1);
    const clock = systemClock;
    const gate = createServeGate({ clock, wait: systemWait });
    const dice = createDice(1);

    /** Fetches over one line until it is cut or everything is here; returns whether it is. */
    async function fetchOver(
      mine: ReturnType<typeof createMemorySealedFolder>,
      toRequester: (frame: Uint8Array) => Uint8Array | undefined,
      counts: Map<string, number>,
    ): Promise<boolean> {
      let cut = false;
      const ended = Promise.withResolvers<boolean>();
      const channel = createMemoryChannel(
        {
          toRequester: (frame) => {
            const passed = cut ? undefined : toRequester(frame);
            cut ||= !passed;
            if (cut) ended.resolve(false);
            return passed;
          },
        },
        16,
      );
      const served = serveSegments({ folder, mayServe: () => true, gate, count: () => undefined }, 'a', channel.server);
      const note = (event: string) => counts.set(event, (counts.get(event) ?? 0) + 1);
      const fetcher = createSegmentFetcher({ folder: mine, blake3, clock, wait: systemWait, count: note });
      fetcher.addPeer('server', channel.requester);
      const fetched = fetcher.fetch(segment.name, segment).then(
        () => true,
        () => false,
      );
      const isHere = await Promise.race([fetched, ended.promise]);
      await fetcher.close();
      await served;
      return isHere;
    }

    const counts = new Map<string, number>();
    const mine = createMemorySealedFolder();
    let lines = 1;
    for (; ; lines++) {
      let rest = lines <= CUTS ? 2 + dice.below(30) : Infinity;
      if (await fetchOver(mine, (frame) => (rest-- > 0 ? frame : undefined), counts)) break;
    }
    const stored = counts.get('leaf-stored') ?? 0;
    if (stored < LEAVES) throw new Error(`${stored} of ${LEAVES} leaves were stored.`);

    const faults = new Map<string, number>();
    let frames = 0;
    await fetchOver(
      createMemorySealedFolder(),
      (frame) => {
        frames += 1;
        if (frames === 200) frame[frame.length - 9]! ^= 1;
        // The peer is not asked again, so that the line has nothing more to bring.
        return frames > 200 && faults.has('leaf-wrong') ? undefined : frame;
      },
      faults,
    );
    if (faults.get('leaf-wrong') !== 1) throw new Error('The flipped bit was not found.');
    return [
      atMost(
        `transfer of ${LEAVES} leaves, line cut ${lines - 1} times: verified leaves sent again`,
        stored + (counts.get('unneeded') ?? 0) - LEAVES,
        0,
        count,
      ),
      atMost('… a flipped bit: 16 KiB leaves refused', faults.get('leaf-wrong')!, 1, count),
      reported('… leaves taken before it', count(faults.get('leaf-stored') ?? 0)),
    ];
  },
};
