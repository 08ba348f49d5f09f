import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '#core/platform/index.ts';
import { createNodeSealedFolder } from '#sync/segments/adapters/node-sealed-folder.ts';
import { systemWait } from '#core/platform/index.ts';
import { decodeAnswer } from '#sync/segments/frames.ts';
import { createServeGate, type SealedName, serveSegments, verifySealed } from '#sync/segments/index.ts';
import { resumePartial } from '#sync/segments/partial-segment.ts';
import { LEAF_PLAIN_BYTES } from '#sync/segments/sealed-layout.ts';
import { plainBytes, sealBytes, tree } from '#sync/segments/testing/fixtures.ts';
import { createSocketChannel } from '#sync/segments/testing/socket-channel.ts';
import { temporaryFolder } from '#tests/support/granary.ts';

const VICTIM = fileURLToPath(new URL('./fetch-until-killed.ts', import.meta.url));
const KILLS = 24;
const LEAVES = 1700;
/** Bytes on the wire between two kills, at most: about as many as make KILLS of them in two thirds of the segment. */
const KILL_AFTER_BYTES_MAX = 1_500_000;

/** A small generator with a seed. */
function* randomNumbers(seed: number): Generator<number, never> {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test(`${KILLS} kills at random bytes of a transfer: no leaf that was stored is sent again`, async () => {
  await using mine = await temporaryFolder();
  await using theirs = await temporaryFolder();
  const served = createNodeSealedFolder(theirs.path);
  const { name } = await sealBytes(served, plainBytes(LEAVES * LEAF_PLAIN_BYTES));
  const folder = createNodeSealedFolder(mine.path);
  const gate = createServeGate({ clock: systemClock, wait: systemWait });

  /** Leaves that the process before this one had stored when it was killed. */
  let stored = new Set<number>();
  let sent: number[] = [];
  let onBytes: (byteCount: number) => void = () => undefined;
  const server = createServer((socket) => {
    const channel = createSocketChannel(socket);
    const send = async (frame: Uint8Array) => {
      const answer = decodeAnswer(frame);
      if (answer.kind === 'leaf') sent.push(answer.leaf);
      await channel.send(frame);
      onBytes(frame.length);
    };
    void serveSegments({ folder: served, mayServe: () => true, gate, count: () => undefined }, 'victim', {
      ...channel,
      send,
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;

  /** Runs one process until so many bytes were sent to it, or to its end. */
  async function run(killAfter: number): Promise<boolean> {
    sent = [];
    const args = ['--disable-warning=ExperimentalWarning', VICTIM, mine.path, String(port), name];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let byteCount = 0;
    onBytes = (more) => {
      byteCount += more;
      if (byteCount > killAfter) child.kill('SIGKILL');
    };
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(child, 'close');
    return said === 'whole\n';
  }

  const random = randomNumbers(7);
  let sentTwice = 0;
  let grew = 0;
  const everSent = new Set<number>();
  for (let kill = 0; kill <= KILLS; kill++) {
    const isLast = kill === KILLS;
    const isWhole = await run(isLast ? Infinity : random.next().value * KILL_AFTER_BYTES_MAX);
    expect(isWhole).toBe(isLast);
    expect(
      sent.filter((leaf) => stored.has(leaf)),
      `kill ${kill}`,
    ).toEqual([]);
    sentTwice += sent.filter((leaf) => everSent.has(leaf)).length;
    for (const leaf of sent) everSent.add(leaf);
    if (isLast) break;
    const now = await storedLeaves(folder, name);
    for (const leaf of stored) expect(now, `kill ${kill} lost leaf ${leaf}`).toContain(leaf);
    if (now.size > stored.size) grew += 1;
    stored = now;
  }
  server.close();
  // Kills that all come before the first leaf, or after the last, would prove nothing.
  expect(grew).toBeGreaterThan(KILLS / 2);
  expect(everSent.size).toBe(LEAVES);
  // What was on its way when a process was killed is sent again: at most what one peer may owe.
  expect(sentTwice).toBeLessThanOrEqual(KILLS * 64);
  expect(await readdir(mine.path)).toEqual([`${name}.sealed`]);
  const source = (await folder.open(name))!;
  await verifySealed(tree, source, name);
  await source.close();
}, 300_000);

/** What a killed process left behind, each leaf checked against the tree. */
async function storedLeaves(folder: ReturnType<typeof createNodeSealedFolder>, name: SealedName): Promise<Set<number>> {
  const found = new Set<number>();
  const partial = await resumePartial(tree, folder.openPartial, name);
  if (!partial) return found;
  try {
    for (let page = 0; page < partial.layout.pageCount; page++) {
      const hashes = await partial.readPage(page);
      if (!hashes) continue;
      const marked = partial.have.count;
      await partial.checkPage(page, hashes);
      expect(partial.have.count, 'every mark is true').toBe(marked);
    }
    for (let leaf = 0; leaf < partial.layout.leafCount; leaf++) if (partial.have.has(leaf)) found.add(leaf);
    return found;
  } finally {
    await partial.close();
  }
}
