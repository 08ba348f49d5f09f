import { describe, expect, test } from 'vitest';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { OPERATION_BODY_BYTES_MAX } from '#sync/log/index.ts';
import { decodeFrame, encodeFrame, type Frame } from './frames.ts';
import { SYNC_WINDOW_BYTES_MAX } from './limits.ts';
import type { SyncProgress } from './progress.ts';
import { openSpaceView } from './space-view.ts';
import { createMemoryLine } from './testing/memory-channel.ts';
import { openMemoryOperationStore } from './testing/memory-stores.ts';
import { makeOperation, meet, named, openSyncNode, runSide, SPACE, type SyncNode } from './testing/sync-world.ts';

/** Writes one operation to each of so many logs. */
async function writeLogs(node: SyncNode, author: string, count: number, body = 'x'): Promise<void> {
  for (let i = 0; i < count; i++) await node.write(author, `log ${i}`, body);
}

async function twoNodes(): Promise<readonly [SyncNode, SyncNode]> {
  return [await openSyncNode('anna'), await openSyncNode('ben')];
}

/** The names of the frames that went over the line, as the line sees them. */
function recordFrames() {
  const frames: Frame[] = [];
  const sides: [string[], string[]] = [[], []];
  const disturb = (bytes: Uint8Array, from: 0 | 1) => {
    const frame = decodeFrame(bytes);
    frames.push(frame);
    sides[from].push(frame.name);
    return [bytes];
  };
  return { frames, sides, disturb, names: () => frames.map(({ name }) => name) };
}

const expectEqual = (left: SyncNode, right: SyncNode) => {
  expect(left.store.operationIds()).toEqual(right.store.operationIds());
  expect(left.store.forks()).toEqual(right.store.forks());
  expect(left.view.root).toEqual(right.view.root);
};

describe('a session', () => {
  test('of equal nodes takes one round trip and at most 40 bytes each way', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 5);
    await meet(anna, ben);
    const { initiator, responder, roundTrips } = await meet(anna, ben);
    expect(roundTrips).toBe(1);
    expect(initiator.end).toBe('complete');
    expect(initiator.spaces).toMatchObject([{ spaceId: SPACE, equal: true }]);
    expect(initiator.byteCounts).toEqual({ sent: 38, received: 20 });
    expect(responder.byteCounts).toEqual({ sent: 20, received: 38 });
  });

  test('brings both ways what is missing, in two round trips once there is an agreement', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 300);
    await writeLogs(ben, 'ben', 200);
    expect((await meet(anna, ben)).initiator.spaces).toMatchObject([{ equal: true }]);
    expectEqual(anna, ben);

    await anna.write('anna', 'log 7', 'two', 'three');
    await anna.write('anna', 'new', 'one');
    await ben.write('ben', 'log 9', 'two');
    const { frames, sides, disturb } = recordFrames();
    const { roundTrips, initiator, responder } = await meet(anna, ben, { disturb });
    expect(sides).toEqual([
      ['hello', 'plan', 'operations', 'done'],
      ['answer', 'changes', 'supply', 'operations', 'done'],
    ]);
    expect(roundTrips).toBe(2);
    expect(frames.map((frame) => (frame.name === 'operations' ? frame.body.operations.length : 0))).toContain(3);
    expectEqual(anna, ben);
    expect(initiator.progress).toEqual(responder.progress);
    expect(initiator.progress).toMatchObject({ operationsDone: 4, operationsTotal: 4 });
    expect((await meet(ben, anna)).roundTrips).toBe(1);
  });

  test('does not send again what a third node has brought already', async () => {
    const [anna, ben] = await twoNodes();
    const carla = await openSyncNode('carla');
    await writeLogs(anna, 'anna', 20);
    await meet(anna, ben);
    await meet(ben, carla);
    await meet(anna, carla);
    await anna.write('anna', 'log 3', 'two');
    await meet(anna, ben);
    await meet(ben, carla);
    await carla.write('carla', 'diary', 'one');
    const { frames, disturb } = recordFrames();
    await meet(anna, carla, { disturb });
    const sent = frames.flatMap((frame) => (frame.name === 'operations' ? frame.body.operations : []));
    expect(sent).toHaveLength(1);
    expectEqual(anna, carla);
  });

  test.each(['initiator', 'responder'] as const)('descends when the %s forgot the agreement', async (who) => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 300);
    await meet(anna, ben);
    await ben.write('ben', 'diary', 'one');
    await anna.write('anna', 'log 4', 'two');
    const [left, right] = [
      who === 'initiator' ? await openSyncNode('anna', { store: anna.store }) : anna,
      who === 'responder' ? await openSyncNode('ben', { store: ben.store }) : ben,
    ];
    const { disturb, names, frames } = recordFrames();
    const { roundTrips } = await meet(left, right, { disturb });
    expect(names()).toContain('buckets');
    expect(roundTrips).toBe(3);
    const tips = frames.flatMap((frame) => (frame.name === 'tips' ? frame.body.tips : []));
    expect(tips.length).toBeLessThan(20);
    expectEqual(left, right);
  });

  test('compares hashes at once when the two remember different agreements', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 10);
    await meet(anna, ben);
    const older = (await anna.agreements.get(ben.id, SPACE))!;
    await anna.write('anna', 'log 1', 'two');
    await meet(anna, ben);
    await anna.agreements.put(ben.id, SPACE, older);
    await ben.write('ben', 'diary', 'one');
    const { sides, disturb } = recordFrames();
    await meet(anna, ben, { disturb });
    expect(sides[0]).toEqual(['hello', 'buckets', 'plan', 'done']);
    expectEqual(anna, ben);
  });

  test.each(['left', 'right'] as const)('fills a node again that came back from a backup (%s)', async (side) => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 30);
    await writeLogs(ben, 'ben', 30);
    await meet(anna, ben);
    const backup = ben.store.restored(named('another incarnation'));
    await writeLogs(ben, 'ben', 10, 'two');
    await meet(anna, ben);
    // The memory of agreements was not in the backup's place: it must not be believed.
    const back = await openSyncNode('ben', { store: backup, agreements: ben.agreements });
    await (side === 'left' ? meet(back, anna) : meet(anna, back));
    expectEqual(anna, back);
    expect(back.store.operationIds()).toHaveLength(70);
  });

  test('confirms by the root: what agreements do not explain is found all the same', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 30);
    await meet(anna, ben);
    // A store that lost its end and does not know it.
    const cut = ben.store.restored(ben.store.incarnation);
    const agreements = ben.agreements;
    await anna.write('anna', 'log 1', 'two');
    await meet(anna, ben);
    const broken = await openSyncNode('ben', { store: cut, agreements });
    await anna.write('anna', 'log 2', 'two');
    const { disturb, names } = recordFrames();
    await meet(anna, broken, { disturb });
    expect(names().filter((name) => name === 'buckets')).toHaveLength(1);
    expectEqual(anna, broken);
  });

  test('agrees on what both had although a node writes on meanwhile', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 20);
    let late: Promise<void> | undefined;
    const disturb = (bytes: Uint8Array) => {
      if (decodeFrame(bytes).name === 'plan') late ??= anna.write('anna', 'log 5', 'late');
      return [bytes];
    };
    const { initiator } = await meet(anna, ben, { disturb });
    await late;
    expect(initiator.spaces).toMatchObject([{ equal: true }]);
    expect(anna.store.operationIds().length).toBe(ben.store.operationIds().length + 1);
    const { frames, disturb: record, names } = recordFrames();
    await meet(anna, ben, { disturb: record });
    expect(names()).not.toContain('buckets');
    expect(frames.flatMap((frame) => (frame.name === 'operations' ? frame.body.operations : []))).toHaveLength(1);
    expectEqual(anna, ben);
  });

  test('agrees although another session brings the same operation first', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 5);
    const disturb = (bytes: Uint8Array) => {
      const frame = decodeFrame(bytes);
      if (frame.name === 'operations') void ben.view.append(frame.body.operations.map((each) => each.slice()));
      return [bytes];
    };
    const { initiator, responder } = await meet(anna, ben, { disturb });
    expect(initiator.spaces).toMatchObject([{ equal: true }]);
    expect(responder.spaces).toMatchObject([{ equal: true }]);
    expectEqual(anna, ben);
  });

  test('holds no more under way than the window, and says how far it is', async () => {
    const [anna, ben] = await twoNodes();
    const body = 'x'.repeat(OPERATION_BODY_BYTES_MAX);
    for (let i = 0; i < 40; i++) await anna.write('anna', 'large', body);
    let underWay = 0;
    let most = 0;
    const disturb = (bytes: Uint8Array) => {
      const frame = decodeFrame(bytes);
      if (frame.name === 'operations') underWay += frame.body.operations.reduce((sum, { length }) => sum + length, 0);
      if (frame.name === 'stored') underWay -= frame.body.byteCount;
      most = Math.max(most, underWay);
      return [bytes];
    };
    const progress: SyncProgress[][] = [[], []];
    const { initiator, responder } = await meet(
      anna,
      ben,
      { disturb },
      {
        initiator: { onProgress: (now) => progress[0]!.push(now) },
        responder: { onProgress: (now) => progress[1]!.push(now) },
      },
    );
    expect(most).toBeGreaterThan(SYNC_WINDOW_BYTES_MAX / 2);
    expect(most).toBeLessThanOrEqual(SYNC_WINDOW_BYTES_MAX);
    expectEqual(anna, ben);
    expect(initiator.progress).toEqual(responder.progress);
    for (const steps of progress) {
      expect(steps.length).toBeGreaterThan(3);
      expect(steps.at(-1)).toEqual(initiator.progress);
      for (const [i, step] of steps.entries()) {
        expect(step.operationsDone).toBeGreaterThanOrEqual(steps[i - 1]?.operationsDone ?? 0);
        expect(step.bytesDone).toBeLessThanOrEqual(step.bytesTotal);
      }
    }
    expect(initiator.progress.bytesDone).toBe(initiator.progress.bytesTotal);
  });

  test('goes on where a broken line left it', async () => {
    const [anna, ben] = await twoNodes();
    const body = 'x'.repeat(100_000);
    for (let i = 0; i < 20; i++) await anna.write('anna', `log ${i}`, body);
    let frames = 0;
    const broken = await meet(anna, ben, {
      disturb: (bytes) => {
        frames += decodeFrame(bytes).name === 'operations' ? 1 : 0;
        if (frames > 3) throw new Error('The line breaks.');
        return [bytes];
      },
    });
    expect([broken.initiator.end, broken.responder.end]).toEqual(['interrupted', 'interrupted']);
    const kept = ben.store.operationIds().length;
    expect(kept).toBeGreaterThan(0);
    const { initiator } = await meet(anna, ben);
    expect(initiator.progress.operationsTotal).toBe(20 - kept);
    expectEqual(anna, ben);
  });

  test('shows both sides what could not be stored, and why', async () => {
    const [anna, ben] = await twoNodes();
    await writeLogs(anna, 'anna', 4);
    await writeLogs(ben, 'ben', 2);
    const refusing = {
      ...anna,
      view: {
        ...anna.view,
        snapshot: anna.view.snapshot,
        append: async (operations: readonly Uint8Array[]) =>
          operations.map(() => ({ outcome: 'refused', reason: 'quota' }) as const),
      },
    };
    const { initiator, responder } = await meet(refusing, ben);
    expect(initiator.end).toBe('complete');
    expect(initiator.spaces).toMatchObject([{ equal: false, missingHere: new Map([['quota', 2]]) }]);
    expect(responder.spaces).toMatchObject([{ equal: false, missingThere: new Map([['quota', 2]]) }]);
    expect(initiator.progress).toEqual(responder.progress);
    expect(initiator.progress.operationsDone).toBe(6);
  });

  test('gives both sides the proof of a fork, and they agree on it', async () => {
    const [anna, ben] = await twoNodes();
    await anna.write('cloned', 'diary', 'one', 'this');
    await ben.write('cloned', 'diary', 'one', 'that');
    const { initiator, responder } = await meet(anna, ben);
    // One side gets an operation that contradicts its own, the other the proof.
    const missing = [initiator, responder].map(({ spaces }) => spaces[0]?.missingHere.get('fork') ?? 0);
    expect(missing.toSorted()).toEqual([0, 1]);
    expect(initiator.spaces).toMatchObject([{ equal: true }]);
    expectEqual(anna, ben);
    expect(anna.store.forks()).toHaveLength(1);
    expect((await meet(anna, ben)).roundTrips).toBe(1);
  });

  test('stops at a signal', async () => {
    const [anna, ben] = await twoNodes();
    const [near] = createMemoryLine();
    const controller = new AbortController();
    const session = runSide(anna, ben.id, 'initiator', near, { signal: controller.signal });
    controller.abort();
    await expect(session).rejects.toEqual(expect.objectContaining({ code: 'CANCELLED' }));
  });

  test('stops at a signal also when the other side takes nothing, not even the end', async () => {
    const [anna, ben] = await twoNodes();
    const controller = new AbortController();
    const sending = Promise.withResolvers<void>();
    const never = new Promise<never>(() => undefined);
    const stuck = {
      send() {
        sending.resolve();
        return never;
      },
      async *receive() {
        yield await never;
      },
      close: () => never,
    };
    const session = runSide(anna, ben.id, 'initiator', stuck, { signal: controller.signal });
    await sending.promise;
    controller.abort();
    await expect(session).rejects.toEqual(expect.objectContaining({ code: 'CANCELLED' }));
  });
});

describe('several spaces', () => {
  /** A space with one operation that says `body`, or with none. */
  const viewOf = async (space: string, body?: string) => {
    const store = openMemoryOperationStore(blake3, named(`${space} of a node`));
    const view = await openSpaceView({ blake3 }, named(space), store);
    const place = { author: `author of ${body}`, log: space, seq: 0, backlink: undefined };
    if (body) await view.append([makeOperation(place, body)]);
    return view;
  };

  test('are compared at once, and of others nothing is said but a number rounded up', async () => {
    const [anna, ben] = await twoNodes();
    const left = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((space, i) => viewOf(space, i < 3 ? 'same' : 'left')));
    const right = await Promise.all(['a', 'b', 'd', 'x'].map((space, i) => viewOf(space, i < 2 ? 'same' : undefined)));
    const { frames, disturb } = recordFrames();
    const { initiator, responder } = await meet(
      anna,
      ben,
      { disturb },
      { initiator: { views: left }, responder: { views: right } },
    );
    const reported = ({ spaces }: typeof initiator) => spaces.map(({ spaceId, equal }) => ({ spaceId, equal }));
    expect(reported(initiator)).toEqual(reported(responder));
    expect(reported(initiator)).toHaveLength(3);
    expect(reported(initiator).every(({ equal }) => equal)).toBe(true);
    expect(right[2]!.root).toEqual(left[3]!.root);
    expect(frames.find(({ name }) => name === 'hello')).toMatchObject({ body: { spaces: { length: 8 } } });
  });

  test('are named anew in each session', async () => {
    const [anna, ben] = await twoNodes();
    const { frames, disturb } = recordFrames();
    await meet(anna, ben, { disturb });
    await meet(anna, ben, { disturb });
    const tags = frames.flatMap((frame) => (frame.name === 'hello' ? frame.body.spaces.map(({ tag }) => tag) : []));
    expect(tags).toHaveLength(2);
    expect(tags[0]).not.toEqual(tags[1]);
  });

  test('are not found by a peer that repeats a hello on another line', async () => {
    const [anna, ben] = await twoNodes();
    const { initiator } = await meet(anna, ben, {}, { responder: { binding: named('another line') } });
    expect(initiator.spaces).toEqual([]);
  });

  test('that a peer cannot prove to hold are refused', async () => {
    const [anna, ben] = await twoNodes();
    const { initiator, responder } = await meet(anna, ben, {
      disturb: (bytes, from) => {
        const frame = decodeFrame(bytes);
        if (frame.name !== 'answer' || from !== 1) return [bytes];
        return [encodeFrame('answer', { verdicts: ['equal'], roots: [new Uint8Array(16)] })];
      },
    });
    expect([initiator.end, initiator.refusal]).toEqual(['refused', 'root-unproven']);
    expect(anna.refusals).toEqual(new Map([['root-unproven', 1]]));
    expect(responder.end).not.toBe('refused');
  });
});
