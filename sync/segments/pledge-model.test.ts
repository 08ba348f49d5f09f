import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { KeyValueStore } from '#core/platform/ports.ts';
import { type MemoryStore, openMemoryStore } from '#core/platform/testing/memory-store.ts';
import { countingRandom, ed25519 } from '#sync/log/testing/fixtures.ts';
import { askPledges } from './ask-pledges.ts';
import { givePledges } from './give-pledges.ts';
import { createPledgeBook, type PledgeBook } from './pledge-book.ts';
import type { FrameChannel } from './ports.ts';
import { createServeGate } from './serve-gate.ts';
import { blake3, plainBytes, sealBytes } from './testing/fixtures.ts';
import { createMemoryChannel } from './testing/memory-channel.ts';
import { createMemorySealedFolder } from './testing/memory-sealed-folder.ts';

const SEEDS = 300;
const STEPS = 250;
const PERIOD_MS = 1000;

const sealed = createMemorySealedFolder();
const { name } = await sealBytes(sealed, plainBytes(100));

function dice(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 2654435761) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** One run of a process; what it had begun goes on until it is dead and then no further. */
interface Life {
  isDead: boolean;
  readonly channels: FrameChannel[];
  readonly book: PledgeBook;
  isTrying: boolean;
}

interface Device {
  readonly id: string;
  readonly key: ReturnType<typeof ed25519.keyFromSeed>;
  readonly store: MemoryStore;
  holds: boolean;
  isRemoving: boolean;
  skew: number;
  life: Life;
}

/** Devices that want to be rid of one segment. Each promise of disk and line stops until the world lets one go on. */
function createWorld(deviceCount: number, needed: number, below: (limit: number) => number) {
  const stopped: { readonly life: Life | undefined; resume(): void }[] = [];
  let time = 1_000_000;
  const pause = (life?: Life) => new Promise<void>((resume) => stopped.push({ life, resume }));
  const clockOf = (device: Device) => ({ now: () => time + device.skew, monotonic: () => time });

  function startLife(device: Device): Life {
    const store: KeyValueStore = {
      ...device.store,
      async write(commit, options) {
        await pause(life);
        await device.store.write(commit, options);
        await pause(life);
      },
    };
    const book = createPledgeBook({ store, clock: clockOf(device), self: device.key.publicKey });
    const life: Life = { isDead: false, channels: [], book, isTrying: false };
    return life;
  }

  const folderOf = (device: Device) => ({
    open: async () => {
      const life = device.life;
      if (!device.holds) return undefined;
      await pause(life);
      return sealed.open(name);
    },
  });

  const devices = Array.from({ length: deviceCount }, (_, i) => {
    const key = ed25519.keyFromSeed(new Uint8Array(32).fill(i + 1));
    const device = { id: `${i}`, key, store: openMemoryStore(), holds: true, isRemoving: false, skew: 0 } as Device;
    device.life = startLife(device);
    return device;
  });

  function ask(from: Device, to: Device, until: number) {
    const onTheWay = async (frame: Uint8Array) => {
      await pause();
      return frame;
    };
    const { requester, server } = createMemoryChannel({ toServer: onTheWay, toRequester: onTheWay });
    from.life.channels.push(requester);
    to.life.channels.push(server);
    const gate = createServeGate({ clock: clockOf(to), wait: () => pause() });
    const { book } = to.life;
    void givePledges(
      {
        key: to.key,
        blake3,
        clock: clockOf(to),
        book,
        gate,
        folder: folderOf(to),
        mayPledge: () => true,
        count: () => undefined,
      },
      { id: from.id, publicKey: from.key.publicKey },
      server,
    );
    return askPledges(
      { blake3, ed25519, random: countingRandom(below(200)), book: from.life.book, folder: folderOf(from) },
      { id: to.id, publicKey: to.key.publicKey },
      requester,
      { names: [name], until },
    );
  }

  const askAll = (device: Device, until: number) =>
    Promise.allSettled(devices.filter((other) => other !== device).map((other) => ask(device, other, until)));

  /** Evicts on whatever pledges there are that last so long. */
  async function evict(device: Device, until: number): Promise<void> {
    const { life } = device;
    await life.book.evict([name], { until, needed, counts: () => true }, async () => {
      device.isRemoving = true;
      await pause(life);
      device.holds = false;
      await pause(life);
      device.isRemoving = false;
      return true;
    });
  }

  /** Asks everybody, then evicts if it may; or one of the two. */
  async function tryToEvict(device: Device, parts: 'both' | 'ask' | 'evict' = 'both'): Promise<void> {
    const { life } = device;
    life.isTrying = true;
    const now = clockOf(device).now();
    if (parts !== 'evict') await askAll(device, now + PERIOD_MS);
    if (parts !== 'ask') await evict(device, now + 1);
    life.isTrying = false;
  }

  function crash(device: Device): void {
    device.life.isDead = true;
    for (const channel of device.life.channels) channel.close();
    // A removal that was not synced may come undone.
    if (device.isRemoving && below(2) === 0) device.holds = true;
    device.isRemoving = false;
    device.store.crash({ keptCommits: below(3) });
    device.life = startLife(device);
  }

  async function letOneGoOn(): Promise<void> {
    const [next] = stopped.splice(below(stopped.length), 1);
    if (next && !next.life?.isDead) next.resume();
    for (let i = 0; i < 3; i++) await setImmediate();
  }

  return {
    devices,
    tryToEvict,
    crash,
    letOneGoOn,
    holders: () => devices.filter(({ holds }) => holds).length,
    isQuiet: () => stopped.length === 0,
    pass: (milliseconds: number) => (time += milliseconds),
  };
}

test(`${SEEDS} seeds: whatever the order, the crashes and the clocks, as many copies stay as are needed`, async () => {
  let evictions = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const below = dice(seed);
    const needed = 1 + below(2);
    const world = createWorld(needed + 1 + below(2), needed, below);
    const any = () => world.devices[below(world.devices.length)]!;
    for (let step = 0; step < STEPS; step++) {
      const before = world.holders();
      const device = any();
      const choice = below(100);
      if (choice < 20) {
        const parts = (['both', 'ask', 'evict'] as const)[below(3)]!;
        if (device.holds && !device.life.isTrying) void world.tryToEvict(device, parts);
      } else if (choice < 22) world.crash(device);
      else if (choice < 25) world.pass(below(PERIOD_MS));
      else if (choice < 28) device.skew = below(4 * PERIOD_MS) - 2 * PERIOD_MS;
      else if (choice < 34) device.holds ||= !device.isRemoving;
      else await world.letOneGoOn();
      if (world.holders() < before) evictions += 1;
      expect(world.holders(), `seed ${seed}, step ${step}`).toBeGreaterThanOrEqual(needed);
    }
  }
  // It is no proof when nothing is ever evicted.
  expect(evictions).toBeGreaterThan(SEEDS / 10);
});

test('of two that ask each other at once, one evicts and the other stays, in any order', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const below = dice(seed);
    const world = createWorld(2, 1, below);
    const [first, second] = (below(2) ? world.devices : world.devices.toReversed()) as [Device, Device];
    const attempts = [world.tryToEvict(first)];
    for (let i = below(12); i > 0; i--) if (!world.isQuiet()) await world.letOneGoOn();
    attempts.push(world.tryToEvict(second));
    for (let i = 0; i < 5; i++) await setImmediate();
    while (!world.isQuiet()) await world.letOneGoOn();
    await Promise.all(attempts);
    expect(world.holders(), `seed ${seed}`).toBe(1);
    // When the pledge is over, the last one finds nobody.
    world.pass(2 * PERIOD_MS);
    const last = world.devices.find(({ holds }) => holds)!;
    const again = world.tryToEvict(last);
    for (let i = 0; i < 5; i++) await setImmediate();
    while (!world.isQuiet()) await world.letOneGoOn();
    await again;
    expect(world.holders(), `seed ${seed}`).toBe(1);
  }
});
