/**
 * A federation of whole nodes in one process, from one seed: catalogs, spaces, sessions and lines as a node has them, on
 * virtual time, over a network in memory and disks that lose power. People make, change and remove assets, let others in,
 * change their rights and remove them; devices are away, come back from backups, and share a key with a clone; one writes
 * although it may not. Then the trouble ends, and what the members have must be the same and right.
 *
 * Nodes 0 and 1 never meet, unless in the end nobody else is left whom both know.
 */
import type { AssetId } from '#core/kernel/index.ts';
import { isGranaryError, type Random, toHex } from '#core/kernel/index.ts';
import { ACTOR, TEST_SCHEMA, testSegment } from '#core/catalog/testing/catalog-world.ts';
import { createMemoryNetwork } from '#sync/transport/index.ts';
import { createDice, type Dice } from '#tests/fuzz/dice.ts';
import {
  checkFederation,
  type Expectations,
  findDisagreement,
  forgottenMembers,
  membersOf,
} from './check-federation.ts';
import { claimRights, ROGUE_TEXT, writeWithoutRight } from './rogue.ts';
import type { SyncStack } from './sync-stack.ts';
import { blake3 } from './sync-stack.ts';
import { createVirtualTime } from './virtual-time.ts';
import { createWholeNode, type WholeNode, type WholeWorld } from './whole-node.ts';

export interface WholeOptions {
  /** At least 4. */
  readonly nodeCount: number;
  /** Rounds in which everything can happen. */
  readonly troubledRounds: number;
}

export interface WholeFigures {
  changes: number;
  refused: number;
  versions: number;
  removals: number;
  grants: number;
  revocations: number;
  rogues: number;
  crashes: number;
  restores: number;
  clones: number;
  away: number;
  operations: number;
  forks: number;
  /** That stand for what came before them in the end, and operations without bodies. */
  snapshots: number;
  pruned: number;
  /** Simulated seconds from the end of all trouble until everybody agreed. */
  healingSeconds: number;
}

const SPACE = 'Hills';
const DAY = 86_400_000;
const ROUND_MS_MAX = 90_000;
/** Everybody has to agree within this time. Turns of signing keys, and the longest waits between two tries, fit into it. */
const HEALING_MS_MAX = 30 * 60_000;
const CHECK_MS = 10_000;
/** After that somebody sees that a device is not among the members. */
const FORGOTTEN_MS = 5 * 60_000;

/** Throws an Error that names the seed, with the steps that led there. */
export async function simulateWholeFederation(
  seed: number,
  options: WholeOptions,
  onStep: (line: string) => void = () => undefined,
): Promise<WholeFigures> {
  const steps: string[] = [];
  const note = (line: string) => {
    const stamped = `${(time.now / 1000).toFixed(1)} ${line}`;
    steps.push(stamped);
    onStep(stamped);
  };
  const time = createVirtualTime();
  try {
    return await runFederation(seed, options, time, note);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const story = steps.filter((line) => !line.includes(' warns: '));
    throw new Error(`Seed ${seed} with ${options.nodeCount} whole nodes: ${what}\nSteps:\n${story.join('\n')}`, {
      cause: error,
    });
  }
}

async function runFederation(
  seed: number,
  { nodeCount, troubledRounds }: WholeOptions,
  time: ReturnType<typeof createVirtualTime>,
  note: (line: string) => void,
): Promise<WholeFigures> {
  const dice = createDice(seed);
  const random = randomOf(createDice(seed + 1_000_000_007));
  const luck = createDice(seed + 2_000_000_011);
  const figures = emptyFigures();
  let lossRate = 0;
  const network = createMemoryNetwork({
    blake3,
    clock: { now: () => Math.floor(time.now), monotonic: () => time.now },
    random,
    wait: time.wait,
    delay: () => luck.below(300),
    breaksLine: () => luck.chance(lossRate),
  });
  const world: WholeWorld = { time, network, random, devices: new Set(), note };
  const nodes = Array.from({ length: nodeCount }, (_, i) => createWholeNode(world, `node ${i}`));
  const away = new Map<WholeNode, number>();
  const backups = new Map<WholeNode, { readonly put: () => Promise<void>; readonly withMarker: boolean }>();
  /** Two nodes with one key, of which one is on. */
  let twins: [WholeNode, WholeNode] | undefined;
  const expected: Expectations = { descriptions: new Map(), removed: new Map(), dropped: new Set() };
  let marks = 0;
  let segments = 0;
  const nextMark = () => `m${(marks += 1)}.`;

  let never = pairOf(nodes[0]!.device, nodes[1]!.device);
  const groups = new Map<string, number>();
  const part = () =>
    network.part(
      (left, right) => pairOf(left, right) !== never && (groups.get(left) ?? 0) === (groups.get(right) ?? 0),
    );

  const during = <T>(work: Promise<T>) => time.during(work, 120_000);
  const online = () => nodes.filter(({ stack, disk }) => stack && !disk.isOff);

  // The founding, while all is well. The last two come in later.
  for (const node of nodes) {
    node.skew = dice.chance(0.5) ? 0 : (dice.below(61) - 30) * DAY;
    await node.start();
  }
  // Nodes 0 and 1 are parted once both are members.
  await during(nodes[0]!.stack!.spaces.createSpace(SPACE));
  for (const [i, node] of nodes.entries()) if (i > 0 && i < nodeCount - 1) await invite(nodes[0]!, node, levelFor(i));
  part();

  for (let round = 0; round < troubledRounds; round++) {
    lossRate = dice.pick([0, 0, 0.01, 0.05]);
    if (dice.chance(0.4)) for (const { device } of nodes) groups.set(device, dice.below(2));
    part();
    for (const node of online()) if (dice.chance(0.08)) node.disk.powerLeft = dice.below(12);
    for (const node of online()) if (dice.chance(0.6)) await actAs(node);
    if (round === 2) await invite(nodes[0]!, nodes.at(-1)!, 'write').catch(refusedIsFine);
    await maybeManage();
    await time.pass(1 + dice.below(ROUND_MS_MAX));
    await comeAndGo();
  }

  note('the trouble ends');
  lossRate = 0;
  groups.clear();
  part();
  for (const node of nodes) {
    if (node.stack && node.disk.isOff) await node.stop();
    node.disk.powerLeft = Infinity;
    if (!node.stack && node !== twins?.[0] && node !== twins?.[1]) await node.start();
  }
  if (twins) {
    for (const twin of [twins[0], twins[1], twins[0]]) {
      await takeTurn(twin);
      await time.pass(10 * 60_000);
    }
  }
  const present = () => nodes.filter(({ stack }) => stack);
  const { members } = await during(membersOf(present(), SPACE));
  const parted = members.filter(({ node }) => node === nodes[0] || node === nodes[1]);
  const isBetween = ({ node, stack }: (typeof members)[0]) =>
    node.device !== nodes[0]!.device &&
    node.device !== nodes[1]!.device &&
    parted.every(({ space }) => space.access.levelNow(stack.key.publicKey) !== null);
  if (!members.some(isBetween)) {
    never = '';
    part();
  }
  const canMeet = (left: WholeNode, right: WholeNode) => pairOf(left.device, right.device) !== never;
  const healingStart = time.now;
  let isSeenTo = false;
  for (;;) {
    const disagreement = await during(findDisagreement(present(), SPACE, canMeet));
    if (!disagreement) break;
    if (!isSeenTo && time.now - healingStart > FORGOTTEN_MS) {
      isSeenTo = true;
      await letInAgain();
    }
    if (time.now - healingStart > HEALING_MS_MAX)
      throw new Error(`no agreement after ${HEALING_MS_MAX / 60_000} minutes: ${disagreement}`);
    await time.pass(CHECK_MS);
  }
  figures.healingSeconds = Math.round((time.now - healingStart) / 1000);
  Object.assign(figures, await during(checkFederation(present(), SPACE, expected, ROGUE_TEXT)));
  for (const node of present()) await node.stop();
  return figures;

  function levelFor(i: number): 'manage' | 'write' | 'read' | 'pull' {
    if (i === nodeCount - 2) return 'read';
    if (i === 1 || i === 3) return 'manage';
    return i === 4 && nodeCount > 6 ? 'pull' : 'write';
  }

  async function invite(host: WholeNode, guest: WholeNode, level: 'manage' | 'write' | 'read' | 'pull'): Promise<void> {
    if (!host.stack || !guest.stack || host.disk.isOff || guest.disk.isOff) return;
    const { ticket } = await during(host.stack.peers.invite({ space: SPACE, level, hours: 24 * 365 }));
    await during(guest.stack.peers.join(ticket));
    note(`${guest.name} joins as ${level}`);
    figures.grants += 1;
  }

  /** A person lets in again whom a backup that was restored knows nothing of: nobody else can. */
  async function letInAgain(): Promise<void> {
    for (const { device, grantedBy, level } of await during(forgottenMembers(present(), SPACE, canMeet))) {
      const byDevice = (key: Uint8Array) => present().find((node) => node.device === toHex(key));
      const [guest, host] = [byDevice(device), byDevice(grantedBy)];
      if (!guest || !host || !expected.dropped.has(host.device)) continue;
      note(`${host.name} lets ${guest.name} in again`);
      await invite(host, guest, level ?? 'read').catch(refusedIsFine);
    }
  }

  /** Somebody at this node does something to the catalog. */
  async function actAs(node: WholeNode): Promise<void> {
    const stack = node.stack!;
    for (let i = 1 + dice.below(3); i > 0; i--) {
      try {
        await during(oneChange(node, stack));
      } catch (error) {
        refusedIsFine(error);
        figures.refused += 1;
      }
      if (node.disk.isOff) return;
    }
  }

  function refusedIsFine(error: unknown): void {
    const isExpected = (
      [
        'FORBIDDEN',
        'KEY_MISSING',
        'IO_FAILED',
        'VERSION_CONFLICT',
        'ASSET_NOT_FOUND',
        'ASSET_EXISTS',
        'SPACE_NOT_FOUND',
        'PEER_UNREACHABLE',
        'SYNC_INTERRUPTED',
        'CANCELLED',
        'SYNC_REFUSED',
      ] as const
    ).some((code) => isGranaryError(error, code));
    if (!isExpected) throw error;
    note(`  refused: ${(error as Error).message}`);
  }

  async function oneChange(node: WholeNode, { catalog, spaces, device }: SyncStack): Promise<void> {
    const { assets } = await catalog.listAssets();
    const shared = assets.filter(({ origin }) => origin);
    const own = shared.filter(({ id }) => expected.descriptions.get(id)?.device === device);
    const options = { actor: ACTOR };
    const kind = dice.below(100);
    if (shared.length === 0 || kind < 20) {
      const mark = nextMark();
      const name = dice.chance(0.2) ? `alike ${dice.below(3)}` : `of ${node.name} ${mark}`;
      note(`${node.name} makes ${name}`);
      const asset = await catalog.createAsset(
        { name, description: mark, assetType: 'STRUCTURED', storageFormat: 'WEBM_COLUMNAR' },
        options,
      );
      const context = { caller: ACTOR, signal: new AbortController().signal, report: () => undefined };
      await spaces.shareAssets(SPACE, [asset.id], dice.pick(['metadata', 'data']), context as never);
      expected.descriptions.set(asset.id, { device, node, text: mark });
      figures.changes += 1;
      return;
    }
    if (kind < 45 && own.length > 0) {
      const { id } = dice.pick(own);
      const mark = nextMark();
      note(`${node.name} describes ${id} ${mark}`);
      expected.descriptions.set(id, { device, node, text: undefined });
      await catalog.updateAsset(id, { description: mark }, options);
      expected.descriptions.set(id, { device, node, text: mark });
      figures.changes += 1;
    } else if (kind < 65) {
      const { id, tags } = dice.pick(shared);
      const kept = tags.filter(() => dice.chance(0.8));
      note(`${node.name} tags ${id}`);
      await catalog.updateAsset(id, { tags: [...kept, nextMark()].slice(-5) }, options);
      figures.changes += 1;
    } else if (kind < 95) {
      await makeVersion(node, catalog, dice.pick(shared).id);
    } else {
      const { id } = dice.pick(shared);
      note(`${node.name} removes ${id}`);
      // When the power goes meanwhile, it may or may not be gone.
      expected.descriptions.delete(id);
      await catalog.removeAsset(id, options);
      expected.removed.set(id, { device, node });
      figures.removals += 1;
    }
  }

  async function makeVersion(node: WholeNode, catalog: SyncStack['catalog'], id: AssetId): Promise<void> {
    const { version } = await catalog.getAsset(id);
    const before = version > 0 ? await catalog.getManifest(id, version) : [];
    const added = Array.from({ length: 1 + dice.below(2) }, () => testSegment((segments += 1)));
    const removed = dice.chance(0.3) ? before.slice(0, 1).map((segment) => segment.id) : [];
    note(`${node.name} adds ${added.length} segments to version ${version} of ${id}, less ${removed.length}`);
    await catalog.commitSegments(
      { assetId: id, parentVersion: version, schema: TEST_SCHEMA, added, removed, sources: [] },
      { actor: ACTOR },
    );
    figures.versions += 1;
  }

  /** Now and then somebody changes who may do what; and the one who may only read writes, and claims rights. */
  async function maybeManage(): Promise<void> {
    const all = online();
    const [manager, other, rogue] = [dice.pick(all), dice.pick(nodes), nodes[nodeCount - 2]!];
    const roll = dice.below(100);
    try {
      if (!manager?.stack || manager.disk.isOff) return;
      if (roll < 12 && other !== rogue) {
        const level = dice.pick(['write', 'manage', 'read'] as const);
        note(`${manager.name} gives ${other.name} ${level}`);
        if (level === 'read') expected.dropped.add(other.device);
        await during(manager.stack.spaces.grantAccess(SPACE, other.device, level));
        figures.grants += 1;
      } else if (roll < 20 && figures.revocations < nodeCount / 4 && other !== manager) {
        note(`${manager.name} removes ${other.name}`);
        await during(manager.stack.spaces.revokeAccess(SPACE, other.device));
        figures.revocations += 1;
        // At the same time the other one may do the same to this one.
        if (dice.chance(0.3) && other.stack && !other.disk.isOff) {
          note(`${other.name} removes ${manager.name}`);
          await during(other.stack.spaces.revokeAccess(SPACE, manager.device));
        }
      }
    } catch (error) {
      if (!isGranaryError(error, 'DEVICE_NOT_FOUND')) refusedIsFine(error);
    }
    if (rogue.stack && !rogue.disk.isOff && dice.chance(0.25)) {
      note(`${rogue.name} writes without right`);
      await during(dice.chance(0.7) ? writeWithoutRight(rogue.stack, SPACE) : claimRights(rogue.stack, SPACE)).catch(
        refusedIsFine,
      );
      figures.rogues += 1;
    }
  }

  async function comeAndGo(): Promise<void> {
    for (const node of nodes) {
      if (node === twins?.[0] || node === twins?.[1]) continue;
      if (node.stack && node.disk.isOff) {
        note(`${node.name} lost power and starts again`);
        await node.stop();
        await node.start();
        figures.crashes += 1;
      }
      const rounds = away.get(node);
      if (rounds !== undefined) {
        if (rounds > 0) away.set(node, rounds - 1);
        else {
          note(`${node.name} comes back`);
          away.delete(node);
          await node.start();
        }
        continue;
      }
      if (dice.chance(0.05)) {
        note(`${node.name} goes away`);
        await node.stop();
        away.set(node, dice.below(12));
        figures.away += 1;
        continue;
      }
      await maybeRestore(node);
    }
    if (!twins && dice.chance(0.04)) {
      const node = dice.pick(online());
      if (node && node !== nodes[0] && !away.has(node)) {
        note(`${node.name} is cloned`);
        const clone = await node.cloneTo(`${node.name}'s twin`);
        nodes.push(clone);
        twins = [node, clone];
        expected.dropped.add(node.device);
        figures.clones += 1;
      }
    } else if (twins && dice.chance(0.3)) await takeTurn(twins[0].stack ? twins[1] : twins[0]);
    for (const twin of twins ?? []) {
      if (!twin.stack || !twin.disk.isOff) continue;
      await twin.stop();
      await twin.start();
      figures.crashes += 1;
    }
  }

  async function takeTurn(twin: WholeNode): Promise<void> {
    const [one, other] = twins!;
    await (twin === one ? other : one).stop();
    if (twin.stack) return;
    note(`${twin.name} takes its turn`);
    await twin.start();
  }

  async function maybeRestore(node: WholeNode): Promise<void> {
    if (!node.stack || node.disk.isOff) return;
    const backup = backups.get(node);
    if (backup && dice.chance(0.15)) {
      note(`${node.name} is restored${backup.withMarker ? ' with its marker' : ''}`);
      await backup.put();
      backups.delete(node);
      // What it did since then may be nowhere.
      expected.dropped.add(node.device);
      figures.restores += 1;
    } else if (dice.chance(0.05)) {
      const withMarker = dice.chance(0.3);
      backups.set(node, { put: await node.backUp({ withMarker }), withMarker });
    }
  }
}

const pairOf = (left: string, right: string): string => (left < right ? left + right : right + left);

const randomOf = (dice: Dice): Random => ({
  bytes: (count) => Uint8Array.from({ length: count }, () => dice.below(256)),
});

const emptyFigures = (): WholeFigures => ({
  changes: 0,
  refused: 0,
  versions: 0,
  removals: 0,
  grants: 0,
  revocations: 0,
  rogues: 0,
  crashes: 0,
  restores: 0,
  clones: 0,
  away: 0,
  operations: 0,
  forks: 0,
  snapshots: 0,
  pruned: 0,
  healingSeconds: 0,
});
