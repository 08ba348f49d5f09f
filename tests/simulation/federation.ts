/**
 * A federation in one process, from one seed: nodes write, meet in pairs, lose frames, lines and power, come back from
 * backups, share a key with a clone, and are parted from each other; then the partitions end, and they must come to
 * agree. Nodes 0 and 1 never meet; nodes 1 and 2 have one key.
 */
import { GranaryError, toHex, type Random } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { runSession, TipTree } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { SYNC_BINDING } from '#sync/reconcile/testing/sync-world.ts';
import { createDice, type Dice } from '#tests/fuzz/dice.ts';
import { createMemoryDevice } from './memory-device.ts';
import { type Contents, isLost, PowerLoss, type SimulatedDevice, type Written } from './simulated-device.ts';

/** Every node calls another one so often. */
export const CALL_INTERVAL_SECONDS = 5;

export interface FederationOptions {
  /** At least 4. */
  readonly nodeCount: number;
  /** Rounds in which everything can happen. */
  readonly troubledRounds: number;
  /** The share of sessions whose line breaks also after the partitions have ended. Default 0. */
  readonly lossWhileHealing?: number;
  readonly createDevice?: (name: string, key: string) => Promise<SimulatedDevice>;
}

export interface FederationFigures {
  operations: number;
  sessions: number;
  complete: number;
  interrupted: number;
  refused: number;
  stalled: number;
  crashes: number;
  restores: number;
  forks: number;
  /** Rounds after the partitions until all roots were equal. */
  healingRounds: number;
}

interface Member {
  readonly device: SimulatedDevice;
  group: number;
  restore: (() => Promise<void>) | undefined;
}

/** Runs one federation to its end. Throws an Error that names the seed when the nodes do not come to agree. */
export async function simulateFederation(seed: number, options: FederationOptions): Promise<FederationFigures> {
  const { nodeCount, troubledRounds, lossWhileHealing = 0, createDevice = createMemoryDevice } = options;
  const dice = createDice(seed);
  const random: Random = { bytes: (count) => Uint8Array.from({ length: count }, () => dice.below(256)) };
  const figures: FederationFigures = {
    operations: 0,
    sessions: 0,
    complete: 0,
    interrupted: 0,
    refused: 0,
    stalled: 0,
    crashes: 0,
    restores: 0,
    forks: 0,
    healingRounds: 0,
  };
  const members: Member[] = [];
  for (let i = 0; i < nodeCount; i++) {
    const device = await createDevice(`node ${i}`, `key ${i === 2 ? 1 : i}`);
    members.push({ device, group: 0, restore: undefined });
  }
  let written: Written[] = [];
  const fail = (text: string) => new Error(`Seed ${seed} with ${nodeCount} nodes: ${text}.`);

  for (let round = 0; round < troubledRounds; round++) {
    if (dice.chance(0.3)) for (const member of members) member.group = dice.below(3);
    for (const { device } of members) if (dice.chance(0.5)) await writeSome(device);
    for (const { device } of members) if (dice.chance(0.1)) device.powerLeft = dice.below(6);
    await meetInPairs((left, right) => left.group === right.group, true);
    for (const member of members) await maybeRestore(member);
    for (const { device } of members) if (dice.chance(0.3)) await device.settle();
    await checkRoots();
  }

  const roundsMax = 20 + 4 * nodeCount;
  while (new Set(members.map(({ device }) => toHex(device.view.root))).size > 1) {
    figures.healingRounds += 1;
    if (figures.healingRounds > roundsMax) throw fail(`no agreement ${roundsMax} rounds after the partitions`);
    for (const { device } of members) await device.settle();
    await meetInPairs(() => true, false);
    await checkRoots();
  }
  figures.operations = written.length;
  await checkContents();
  return figures;

  /** Each node calls another one; all sessions of a round run at once. */
  async function meetInPairs(mayMeet: (left: Member, right: Member) => boolean, troubled: boolean): Promise<void> {
    const calls = members.flatMap((caller, i) => {
      const others = members.filter(
        (other, j) => other !== caller && Math.min(i, j) + Math.max(i, j) !== 1 && mayMeet(caller, other),
      );
      return others.length > 0 ? [{ caller: caller.device, callee: dice.pick(others).device }] : [];
    });
    await Promise.all(calls.map(({ caller, callee }) => meet(caller, callee, troubled)));
    for (const { device } of members) {
      if (device.powerLeft === Infinity) continue;
      figures.crashes += 1;
      await device.boot({ forgetsAgreements: dice.chance(0.3) });
    }
  }

  async function meet(caller: SimulatedDevice, callee: SimulatedDevice, troubled: boolean): Promise<void> {
    const known = await Promise.all([caller, callee].map(inspect));
    const before = written.filter(({ id }) => known.some((contents) => contents?.ids.has(id)));
    const breaks = !troubled && dice.chance(lossWhileHealing);
    const [near, far] = createMemoryLine({
      disturb: troubled ? troubles(dice) : breaks ? breakAfter(dice.below(6)) : (frame) => [frame],
    });
    const timeout = new AbortController();
    const side = (device: SimulatedDevice, other: SimulatedDevice, role: 'initiator' | 'responder') =>
      runSession(
        { blake3, random, agreements: device.agreements },
        {
          role,
          channel: role === 'initiator' ? near : far,
          peerId: other.id,
          binding: SYNC_BINDING,
          views: [device.view],
        },
        { signal: timeout.signal },
      );
    const sides = Promise.allSettled([side(caller, callee, 'initiator'), side(callee, caller, 'responder')]);
    const stalled = whenNothingMoves().then(() => timeout.abort());
    figures.sessions += 1;
    let agreed = false;
    for (const result of await sides) {
      if (result.status === 'fulfilled') {
        const { end, spaces } = result.value;
        agreed ||= end === 'complete' && spaces.length === 1 && spaces[0]!.equal;
        if (end === 'complete') figures.complete += 1;
        else if (end === 'interrupted') figures.interrupted += 1;
        else figures.refused += 1;
        const mayEnd = troubled || end === 'complete' || end === 'interrupted';
        if (!mayEnd) throw fail(`a session without trouble ended as ${end}: ${result.value.refusal}`);
      } else if (result.reason instanceof GranaryError && result.reason.code === 'CANCELLED') {
        figures.stalled += 1;
        if (!troubled) throw fail('a session without trouble stalled');
      } else if (!(result.reason instanceof PowerLoss)) throw result.reason;
    }
    await stalled;
    // Each side may be the only one to know that it is done; what one of them says must be true of both.
    if (!agreed) return;
    for (const device of [caller, callee]) {
      const contents = await inspect(device);
      const lost = contents && before.find((operation) => isLost(operation, contents));
      if (lost) throw fail(`${device.name} agreed and lacks operation ${lost.id}`);
    }
  }

  async function writeSome(device: SimulatedDevice): Promise<void> {
    for (let i = 1 + dice.below(4); i > 0; i--) {
      const text = `${device.name} ${'x'.repeat(1 + dice.below(dice.chance(0.05) ? 100_000 : 50))}`;
      written.push(...(await device.write(dice.below(3), text)));
    }
  }

  /** Keeps a copy of a disk at times, and puts it back at others: what was written since may be nowhere else. */
  async function maybeRestore(member: Member): Promise<void> {
    if (member.restore && dice.chance(0.1)) {
      const others = members.filter((other) => other !== member);
      const contents = await Promise.all(others.map(({ device }) => device.contents()));
      await member.restore();
      const now = await member.device.contents();
      written = written.filter((operation) => [...contents, now].some((each) => !isLost(operation, each)));
      member.restore = undefined;
      figures.restores += 1;
    } else if (dice.chance(0.1)) member.restore = member.device.backUp();
  }

  /** Equal roots are equal contents and nothing else is; and the tree of each node is that of its disk. */
  async function checkRoots(): Promise<void> {
    const contentsByRoot = new Map<string, string>();
    const rootsByContents = new Map<string, string>();
    for (const { device } of members) {
      await device.view.refresh();
      const root = toHex(device.view.root);
      const { ids, forks } = await device.contents();
      const contents = [...ids, ...[...forks].map(([log, forkSeq]) => `${log} ${forkSeq}`)].sort().join();
      if (root !== toHex(TipTree.of(blake3, await Array.fromAsync(device.view.store.tips())).root)) {
        throw fail(`the root of ${device.name} is not that of its operations`);
      }
      if ((contentsByRoot.get(root) ?? contents) !== contents || (rootsByContents.get(contents) ?? root) !== root) {
        throw fail('equal roots do not mean equal operations and forks');
      }
      contentsByRoot.set(root, contents);
      rootsByContents.set(contents, root);
    }
  }

  /** Everything that was written is everywhere, unless it lies behind a fork, of which everybody has the proof. */
  async function checkContents(): Promise<void> {
    for (const { device } of members) {
      const contents = await device.contents();
      figures.forks = contents.forks.size;
      for (const operation of written) {
        if (isLost(operation, contents)) throw fail(`${device.name} lacks operation ${operation.id}`);
      }
      for await (const { author, logId, forkSeq } of device.view.store.tips()) {
        const proof = await device.view.store.forkProof(author, logId);
        if ((proof !== undefined) !== (forkSeq !== undefined)) throw fail(`${device.name} cannot prove a fork`);
      }
    }
  }
}

/** Undefined while the device has no power. */
async function inspect(device: SimulatedDevice): Promise<Contents | undefined> {
  try {
    return await device.contents();
  } catch (error) {
    if (error instanceof PowerLoss) return undefined;
    throw error;
  }
}

/** Breaks lines, repeats frames and changes their order, on some lines more than on others. */
function troubles(dice: Dice): (frame: Uint8Array) => readonly Uint8Array[] {
  const rate = dice.pick([0, 0.02, 0.1]);
  let held: Uint8Array | undefined;
  return (frame) => {
    if (dice.chance(rate)) throw new Error('The line broke.');
    if (dice.chance(rate / 2)) return [frame, frame];
    if (!held && dice.chance(rate / 2)) {
      held = frame;
      return [];
    }
    const frames = held ? [frame, held] : [frame];
    held = undefined;
    return frames;
  };
}

/** A line that carries so many frames. */
function breakAfter(frames: number): (frame: Uint8Array) => readonly Uint8Array[] {
  let rest = frames;
  return (frame) => {
    rest -= 1;
    if (rest < 0) throw new Error('The line broke.');
    return [frame];
  };
}

/** Everything here happens without waiting for the machine, so that one turn of its loop later nothing can move. */
const whenNothingMoves = () => new Promise<void>((resolve) => setImmediate(() => resolve()));
