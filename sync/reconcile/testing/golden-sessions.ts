import type { Random } from '#core/kernel/index.ts';
import { createMemoryLine } from './memory-channel.ts';
import { meet, named, openSyncNode, runSide, SPACE, SYNC_BINDING, type SyncNode } from './sync-world.ts';

/** Two nodes before a session. */
export interface GoldenMeeting {
  readonly initiator: SyncNode;
  readonly responder: SyncNode;
}

async function nodesThatAgreed(): Promise<GoldenMeeting> {
  const initiator = await openSyncNode('anna');
  const responder = await openSyncNode('ben');
  for (let i = 0; i < 5; i++) await initiator.write('anna', `log ${i}`, 'one', 'two');
  await responder.write('ben', 'log', 'one');
  await meet(initiator, responder);
  return { initiator, responder };
}

/** One case for each way a session can go; together they hold every type of frame but `stored` and `refused`. */
export const goldenCases: Readonly<Record<string, () => Promise<GoldenMeeting>>> = {
  equal: nodesThatAgreed,
  async changes() {
    const nodes = await nodesThatAgreed();
    await nodes.initiator.write('anna', 'log 1', 'three', 'four');
    await nodes.initiator.write('anna', 'new', 'one');
    await nodes.responder.write('ben', 'log', 'two');
    return nodes;
  },
  async buckets() {
    const { initiator, responder } = await nodesThatAgreed();
    await initiator.write('anna', 'log 2', 'three');
    await responder.write('ben', 'another', 'one');
    return { initiator, responder: await openSyncNode('ben', { store: responder.store }) };
  },
  async fork() {
    const { initiator, responder } = await nodesThatAgreed();
    await initiator.write('cloned', 'diary', 'this');
    await responder.write('cloned', 'diary', 'that');
    return { initiator, responder };
  },
  async pruned() {
    const [initiator, responder] = [await openSyncNode('anna'), await openSyncNode('ben')];
    await initiator.write('anna', 'log', 'one', 'two', 'three');
    initiator.store.coveredUntil = 1;
    initiator.store.dropBodies();
    // The other one drops more than this one knows to be allowed.
    await responder.write('ben', 'log', 'one', 'two');
    responder.store.coveredUntil = 1;
    responder.store.dropBodies();
    initiator.store.coveredUntil = 0;
    return { initiator, responder };
  },
};

async function operationsOf({ store }: SyncNode): Promise<Uint8Array[]> {
  const operations: Uint8Array[] = [];
  for await (const { author, logId } of store.tips()) {
    for await (const bytes of store.operationsFrom(author, logId, 0)) operations.push(bytes);
  }
  return operations;
}

/** Runs the session with a nonce that is always the same, and writes down all there is to know of it. */
export async function playGoldenSession({ initiator, responder }: GoldenMeeting) {
  const nonce = named('nonce').subarray(0, 12);
  const random: Random = { bytes: () => nonce };
  const before = { initiator: await operationsOf(initiator), responder: await operationsOf(responder) };
  const frames: [Uint8Array[], Uint8Array[]] = [[], []];
  const [near, far] = createMemoryLine({
    disturb: (frame, from) => {
      frames[from].push(frame);
      return [frame];
    },
  });
  await Promise.all([
    runSide(initiator, responder.id, 'initiator', near, { random }),
    runSide(responder, initiator.id, 'responder', far, { random }),
  ]);
  return {
    spaceId: SPACE,
    nonce,
    binding: SYNC_BINDING,
    operations: before,
    roots: { initiator: initiator.view.root, responder: responder.view.root },
    frames: { initiator: frames[0], responder: frames[1] },
  };
}
