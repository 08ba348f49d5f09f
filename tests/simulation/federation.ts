/**
 * A federation in one process, from one seed: nodes write, meet in pairs, lose frames, lines and power, and are parted
 * from each other; then all is well again, and they must come to agree. Nodes 0 and 1 never meet.
 */
import { GranaryError, toHex, type Random } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { type AgreementStore, type OperationStore, TipTree } from '#sync/reconcile/index.ts';
import { createMemoryLine } from '#sync/reconcile/testing/memory-channel.ts';
import { createMemoryAgreements, openMemoryOperationStore } from '#sync/reconcile/testing/memory-stores.ts';
import { named, openSyncNode, runSide, type SyncNode } from '#sync/reconcile/testing/sync-world.ts';
import { createDice, type Dice } from '#tests/fuzz/dice.ts';

export interface FederationOptions {
  /** At least 3. */
  readonly nodeCount: number;
  /** Rounds in which everything can happen. */
  readonly troubledRounds: number;
}

export interface FederationFigures {
  operations: number;
  sessions: number;
  complete: number;
  interrupted: number;
  refused: number;
  stalled: number;
  crashes: number;
  /** Rounds without trouble until all roots were equal. */
  healingRounds: number;
}

interface Member {
  readonly name: string;
  readonly disk: ReturnType<typeof openMemoryOperationStore>;
  agreements: AgreementStore;
  node: SyncNode;
  /** Appends until the power goes; Infinity on a good day. */
  appendsLeft: number;
  group: number;
}

class PowerLoss extends Error {}

/** Runs one federation to its end. Throws an Error that names the seed when the nodes do not come to agree. */
export async function simulateFederation(seed: number, options: FederationOptions): Promise<FederationFigures> {
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
    healingRounds: 0,
  };
  const members: Member[] = [];
  for (let i = 0; i < options.nodeCount; i++) members.push(await createMember(`node ${i}`));
  const written = new Set<string>();
  const fail = (text: string) => new Error(`Seed ${seed} with ${options.nodeCount} nodes: ${text}.`);

  for (let round = 0; round < options.troubledRounds; round++) {
    if (dice.chance(0.3)) for (const member of members) member.group = dice.below(3);
    for (const member of members) if (dice.chance(0.5)) await writeSome(dice, member, written);
    for (const member of members) if (dice.chance(0.1)) member.appendsLeft = dice.below(6);
    await meetInPairs((left, right) => left.group === right.group, true);
    await checkRoots();
  }

  const roundsMax = 10 + 4 * options.nodeCount;
  while (new Set(members.map(({ node }) => toHex(node.view.root))).size > 1) {
    figures.healingRounds += 1;
    if (figures.healingRounds > roundsMax) throw fail(`no agreement after ${roundsMax} rounds without trouble`);
    await meetInPairs(() => true, false);
    await checkRoots();
  }
  figures.operations = written.size;
  for (const { name, disk } of members) {
    const held = new Set(disk.operationIds());
    for (const id of written) if (!held.has(id)) throw fail(`${name} lacks operation ${id}`);
  }
  return figures;

  /** Each node calls another one; all sessions of a round run at once. */
  async function meetInPairs(mayMeet: (left: Member, right: Member) => boolean, troubled: boolean): Promise<void> {
    const calls = members.flatMap((caller, i) => {
      const others = members.filter(
        (other, j) => other !== caller && Math.min(i, j) + Math.max(i, j) !== 1 && mayMeet(caller, other),
      );
      return others.length > 0 ? [{ caller, callee: dice.pick(others) }] : [];
    });
    await Promise.all(calls.map(({ caller, callee }) => meet(caller, callee, troubled)));
    for (const member of members) if (member.appendsLeft < Infinity) await restart(dice, member, figures);
  }

  async function meet(caller: Member, callee: Member, troubled: boolean): Promise<void> {
    const before = new Set([...caller.disk.operationIds(), ...callee.disk.operationIds()]);
    const [near, far] = createMemoryLine(troubled ? { disturb: troubles(dice) } : {});
    const timeout = new AbortController();
    const options = { random, signal: timeout.signal };
    const sides = Promise.allSettled([
      runSide(caller.node, callee.node.id, 'initiator', near, options),
      runSide(callee.node, caller.node.id, 'responder', far, options),
    ]);
    const stalled = whenNothingMoves().then(() => timeout.abort());
    figures.sessions += 1;
    const equal: boolean[] = [];
    for (const side of await sides) {
      if (side.status === 'fulfilled') {
        const { end, spaces } = side.value;
        if (end === 'complete') figures.complete += 1;
        else if (end === 'interrupted') figures.interrupted += 1;
        else figures.refused += 1;
        if (!troubled && end !== 'complete') throw fail(`a session without trouble ended as ${end}`);
        equal.push(end === 'complete' && spaces.length === 1 && spaces[0]!.equal);
      } else if (side.reason instanceof GranaryError && side.reason.code === 'CANCELLED') {
        figures.stalled += 1;
        if (!troubled) throw fail('a session without trouble stalled');
      } else if (!(side.reason instanceof PowerLoss)) throw side.reason;
    }
    await stalled;
    // Each side may be the only one to know that it is done; what one of them says must be true of both.
    if (!equal.includes(true)) return;
    for (const { name, disk } of [caller, callee]) {
      const held = new Set(disk.operationIds());
      for (const id of before) if (!held.has(id)) throw fail(`${name} agreed and lacks operation ${id}`);
    }
  }

  /** Equal operations are equal roots and nothing else is; and the tree of each node is that of its disk. */
  async function checkRoots(): Promise<void> {
    const idsByRoot = new Map<string, string>();
    const rootsByIds = new Map<string, string>();
    for (const { name, disk, node } of members) {
      const root = toHex(node.view.root);
      const ids = disk.operationIds().join();
      if (root !== toHex(TipTree.of(blake3, await Array.fromAsync(disk.tips())).root)) {
        throw fail(`the root of ${name} is not that of its operations`);
      }
      if ((idsByRoot.get(root) ?? ids) !== ids || (rootsByIds.get(ids) ?? root) !== root) {
        throw fail('equal roots do not mean equal operations');
      }
      idsByRoot.set(root, ids);
      rootsByIds.set(ids, root);
    }
  }
}

async function createMember(name: string): Promise<Member> {
  const disk = openMemoryOperationStore(blake3, named(`store of ${name}`));
  const agreements = createMemoryAgreements();
  const member = { name, disk, agreements, appendsLeft: Infinity, group: 0 };
  return Object.assign(member, { node: await boot(member) });
}

/** Opens a node on the disk of a member. Once the power is gone, nothing of this node works any more. */
async function boot(member: Omit<Member, 'node'>): Promise<SyncNode> {
  const { name, disk, agreements } = member;
  let off = false;
  const requirePower = () => {
    if (off) throw new PowerLoss();
  };
  const store: OperationStore = {
    ...disk,
    async append(bytes) {
      requirePower();
      off = member.appendsLeft <= 0;
      // The power may go before an operation is on the disk, or after and before anybody knows.
      if (off && bytes.at(-1)! % 2 === 0) throw new PowerLoss();
      const outcome = await disk.append(bytes);
      requirePower();
      member.appendsLeft -= 1;
      return outcome;
    },
    async *operationsFrom(author, logId, seqStart) {
      requirePower();
      yield* disk.operationsFrom(author, logId, seqStart);
    },
  };
  return openSyncNode(name, { store: { ...disk, ...store }, agreements });
}

async function restart(dice: Dice, member: Member, figures: FederationFigures): Promise<void> {
  figures.crashes += 1;
  member.appendsLeft = Infinity;
  if (dice.chance(0.3)) member.agreements = createMemoryAgreements();
  member.node = await boot(member);
}

async function writeSome(dice: Dice, { name, node, disk }: Member, written: Set<string>): Promise<void> {
  for (let i = 1 + dice.below(4); i > 0; i--) {
    const log = `log ${dice.below(5)}`;
    await node.write(name, log, 'x'.repeat(1 + dice.below(dice.chance(0.05) ? 200_000 : 50)));
    const tip = await disk.tip(named(name), named(log));
    written.add(toHex(tip!.operationId));
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

/** Everything here happens without waiting for the machine, so that one turn of its loop later nothing can move. */
const whenNothingMoves = () => new Promise<void>((resolve) => setImmediate(() => resolve()));
