import { asGranaryError, createTokenBucket, GranaryError, raceAbort } from '#core/kernel/index.ts';
import {
  byUse,
  createFetchPeer,
  encodeCancel,
  type FetchPeer,
  frameFor,
  growRequests,
  hasRoom,
  isAnswerTo,
  leavesLeft,
  type OpenRequest,
  restOf,
  shrinkRequests,
} from './fetch-peer.ts';
import { type AnswerFrame, decodeAnswer, encodeSegmentFrame } from './frames.ts';
import { chooseActive } from './choose-active.ts';
import { createDiskBudget, type DiskBudget, partialFileBytes } from './disk-budget.ts';
import { createHashTree } from './hash-tree.ts';
import { sealedCorrupt } from './sealed-file.ts';
import { LEAF_BYTES } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import type { FetchDeps, FetchEvent, SegmentFetcher } from './segment-fetcher.ts';
import { startTransfer, type TransferTask, type Verdict } from './transfer.ts';
import { comesBefore, createWanted, type Wanted, type WantedStatus } from './wanted.ts';

/** Milliseconds after which a peer that owes something and says nothing is passed by where another one could help. */
export const PEER_SILENCE_MS_MAX = 5000;
const SILENCE_CHECK_MS = 1000;
/** With an allowance of nothing there is no moment to wait for. */
const BUDGET_CHECK_MS = 1000;
/** Of so many requests one goes to the smallest segment, also while a person waits for larger ones. */
const SMALL_TURN = 4;

const overBudget = (name: SealedName, { bytesMax }: DiskBudget) =>
  new GranaryError(
    'LIMIT_EXCEEDED',
    `The sealed segment ${name} is larger than the ${bytesMax} bytes that files being received may take. Raise that limit.`,
    { segment: name, bytesMax },
  );

const stoppedError = () => new GranaryError('CANCELLED', 'The transfers were stopped.');

export function createSegmentFetcher(deps: FetchDeps): SegmentFetcher {
  const { folder, clock, count } = deps;
  const tree = createHashTree(deps.blake3);
  const peers = new Set<FetchPeer>();
  /** In the order in which they come. */
  const queue: Wanted[] = [];
  /** Peers that sent something wrong, by segment; kept while the segment is not whole. */
  const blamed = new Map<SealedName, Set<string>>();
  /** Files that are being let go of: the next transfer of the segment waits for that. */
  const closing = new Map<SealedName, Promise<void>>();
  const stopped = new AbortController();
  const bandwidth = createTokenBucket(clock, deps.budget?.bytesPerSecond ?? Number.POSITIVE_INFINITY, LEAF_BYTES);
  const disk = createDiskBudget(deps.budget?.partialBytes ?? Number.POSITIVE_INFINITY);
  const leftBefore = folder.listPartials().then((found) => {
    for (const { name, byteCount } of found) disk.hold(name, byteCount);
  });
  leftBefore.catch(() => undefined);
  let overDisk: ReadonlySet<Wanted> = new Set();
  let isBudgetAwaited = false;
  let turn = 0;

  const mayAsk = (peer: FetchPeer, wanted: Wanted) =>
    !wanted.excluded.has(peer.id) && !blamed.get(wanted.name)?.has(peer.id);

  /** The first of the queue that some peer can be asked for; undefined after a change of the queue, the peers or of blame. */
  let active: readonly Wanted[] | undefined;
  const opened = new Set<Wanted>();

  const canBeAsked = (wanted: Wanted) => {
    for (const peer of peers) if (mayAsk(peer, wanted)) return true;
    return false;
  };

  // Segments

  function renewActive(): readonly Wanted[] {
    const choice = chooseActive(queue, canBeAsked, disk);
    const { chosen, abandoned } = choice;
    overDisk = choice.overDisk;
    for (const name of abandoned) removePartial(name);
    for (const wanted of opened) {
      if (chosen.includes(wanted)) continue;
      rest(wanted);
      // Its size was learned from its root, which is all that lies there.
      if (overDisk.has(wanted)) removePartial(wanted.name);
    }
    for (const wanted of chosen) if (!wanted.transfer) start(wanted);
    return chosen;
  }

  function enqueue(wanted: Wanted): void {
    const index = queue.findIndex((other) => comesBefore(wanted, other));
    queue.splice(index < 0 ? queue.length : index, 0, wanted);
    active = undefined;
  }

  function enqueueAnew(wanted: Wanted): void {
    queue.splice(queue.indexOf(wanted), 1);
    enqueue(wanted);
  }

  function start(wanted: Wanted): void {
    const { name } = wanted;
    const before = closing.get(name);
    opened.add(wanted);
    wanted.transfer = startTransfer(
      {
        tree,
        openPartial: async () => {
          await before;
          return folder.openPartial(name);
        },
        onChange: pump,
        onDone: () => finish(wanted),
        onError: (error) => finish(wanted, asGranaryError(error)),
      },
      name,
    );
  }

  /** Lets go of the file; what is there stays. */
  function rest(wanted: Wanted): void {
    const { name, transfer } = wanted;
    wanted.transfer = undefined;
    opened.delete(wanted);
    for (const peer of peers) giveBackAll(peer, wanted);
    if (transfer) letGo(name, () => transfer.close());
  }

  function letGo(name: SealedName, work: () => Promise<void>): void {
    const done = (closing.get(name) ?? Promise.resolve())
      .then(work)
      .catch(() => undefined)
      .then(() => {
        if (closing.get(name) === done) closing.delete(name);
      });
    closing.set(name, done);
  }

  function removePartial(name: SealedName): void {
    disk.free(name);
    for (const wanted of opened) if (wanted.name === name) rest(wanted);
    letGo(name, () => folder.removeLeaves(name));
  }

  function finish(wanted: Wanted, error?: GranaryError): void {
    if (wanted.isOver) return;
    wanted.isOver = true;
    queue.splice(queue.indexOf(wanted), 1);
    opened.delete(wanted);
    active = undefined;
    if (error) {
      rest(wanted);
      wanted.done.reject(error);
    } else {
      blamed.delete(wanted.name);
      disk.free(wanted.name);
      for (const peer of peers) giveBackAll(peer, wanted);
      wanted.done.resolve();
    }
    pump();
  }

  // Peers

  function send(peer: FetchPeer, frame: Uint8Array): void {
    peer.channel.send(frame).catch(() => drop(peer));
  }

  function ask(peer: FetchPeer, wanted: Wanted): boolean {
    const leavesMax = Math.min(peer.requestLeaves, Math.floor(bandwidth.available / LEAF_BYTES));
    if (leavesMax < 1) {
      awaitBudget();
      return false;
    }
    const task = wanted.transfer?.next(leavesMax);
    if (!task) return false;
    const reserved = LEAF_BYTES * (task.kind === 'leaves' ? task.end - task.first : 1);
    bandwidth.use(reserved);
    const number = peer.nextRequest++;
    const next = task.kind === 'leaves' ? task.first : 0;
    const askedAt = clock.monotonic();
    peer.requests.set(number, { wanted, task, next, askedAt, reserved, isCancelled: false, isGivenBack: false });
    send(peer, encodeSegmentFrame(frameFor(number, wanted.name, task)));
    return true;
  }

  /** Asks on once there is enough of the allowance for requests that are worth their frame. */
  function awaitBudget(): void {
    if (isBudgetAwaited) return;
    isBudgetAwaited = true;
    const milliseconds = Math.min(bandwidth.waitFor(4 * LEAF_BYTES), BUDGET_CHECK_MS);
    void deps
      .wait(milliseconds, { signal: stopped.signal })
      .catch(() => undefined)
      .then(() => {
        isBudgetAwaited = false;
        pump();
      });
  }

  /** Counts what came against what was set aside for it. */
  function useBudget(request: OpenRequest, byteCount: number): void {
    bandwidth.use(Math.max(0, byteCount - request.reserved));
    request.reserved = Math.max(0, request.reserved - byteCount);
  }

  function end(peer: FetchPeer, number: number, request: OpenRequest): void {
    peer.requests.delete(number);
    bandwidth.giveBack(request.reserved);
  }

  /** Hands out what there is to do; called after every change. */
  function pump(): void {
    if (stopped.signal.aborted) return;
    active ??= renewActive();
    const inOrder = active;
    const smallestFirst = [...inOrder].sort((left, right) => left.size - right.size);
    const next = () => (turn++ % SMALL_TURN === SMALL_TURN - 1 ? smallestFirst : inOrder);
    for (const peer of [...peers].sort(byUse)) {
      while (hasRoom(peer) && next().some((wanted) => mayAsk(peer, wanted) && ask(peer, wanted)));
    }
    for (const peer of peers) if (peer.requests.size === 0 && !peer.isSilent) stealFor(peer);
  }

  /** Has the peer that owes most stop, so that one with nothing to do can take over. */
  function stealFor(idle: FetchPeer): void {
    let most: { peer: FetchPeer; number: number; request: OpenRequest; left: number } | undefined;
    for (const peer of peers) {
      if (peer === idle) continue;
      // The next leaf of the oldest request is on its way, if anything is.
      let onItsWay = 1;
      for (const [number, request] of peer.requests) {
        const left = leavesLeft(request) - onItsWay;
        onItsWay = 0;
        if (request.isCancelled || request.isGivenBack || left <= (most?.left ?? 0)) continue;
        if (request.wanted.transfer?.isDraining && mayAsk(idle, request.wanted)) most = { peer, number, request, left };
      }
    }
    if (!most) return;
    most.request.isCancelled = true;
    shrinkRequests(most.peer);
    count('stolen', most.peer.id);
    send(most.peer, encodeCancel(most.number));
  }

  function giveBack(request: OpenRequest): void {
    if (request.isGivenBack) return;
    request.isGivenBack = true;
    request.wanted.transfer?.giveBack(restOf(request));
  }

  /** Takes back all that a peer was asked for of one segment. */
  function giveBackAll(peer: FetchPeer, wanted: Wanted): void {
    for (const [number, request] of peer.requests) {
      if (request.wanted !== wanted || request.isGivenBack) continue;
      giveBack(request);
      if (!request.isCancelled) send(peer, encodeCancel(number));
      request.isCancelled = true;
    }
  }

  function drop(peer: FetchPeer): void {
    if (!peers.delete(peer)) return;
    active = undefined;
    for (const [number, request] of peer.requests) {
      giveBack(request);
      end(peer, number, request);
    }
    peer.channel.close();
    pump();
  }

  function blame(peer: FetchPeer, wanted: Wanted, event: FetchEvent): void {
    count(event, peer.id);
    const known = blamed.get(wanted.name) ?? new Set();
    blamed.set(wanted.name, known.add(peer.id));
    active = undefined;
    giveBackAll(peer, wanted);
  }

  async function listen(peer: FetchPeer): Promise<void> {
    try {
      for await (const bytes of peer.channel.frames) {
        if (!peers.has(peer)) break;
        const frame = decodeAnswer(bytes);
        const request = frame.kind === 'fault' ? undefined : peer.requests.get(frame.request);
        if (frame.kind === 'fault' || !request || !isAnswerTo(request, frame)) {
          count(frame.kind === 'fault' ? frame.reason : 'unasked', peer.id);
          break;
        }
        peer.lastHeard = clock.monotonic();
        peer.isSilent = false;
        useBudget(request, bytes.length);
        await take(peer, request, frame);
        pump();
      }
    } finally {
      drop(peer);
    }
  }

  async function take(peer: FetchPeer, request: OpenRequest, frame: AnswerFrame): Promise<void> {
    const { wanted, task } = request;
    if (frame.kind !== 'leaf') end(peer, frame.request, request);
    if (frame.kind === 'refused') {
      count(frame.reason, peer.id);
      wanted.excluded.add(peer.id);
      active = undefined;
      return giveBack(request);
    }
    if (frame.kind === 'end') {
      if (leavesLeft(request) === 0) growRequests(peer);
      else if (!request.isCancelled) blame(peer, wanted, 'short');
      return giveBack(request);
    }
    const verdict = mayAsk(peer, wanted) ? await judge(wanted, task, frame) : 'unneeded';
    if (verdict === 'wrong') blame(peer, wanted, `${frame.kind}-wrong`);
    else if (verdict === 'unneeded') count('unneeded', peer.id);
    else if (frame.kind === 'leaf') count('leaf-stored', peer.id);
    if (frame.kind === 'leaf') request.next += 1;
    else if (verdict === 'wrong') giveBack(request);
    return undefined;
  }

  async function judge(
    wanted: Wanted,
    task: TransferTask,
    frame: AnswerFrame & { readonly kind: 'root' | 'page' | 'leaf' },
  ): Promise<Verdict> {
    const { transfer } = wanted;
    if (!transfer || wanted.isOver) return 'unneeded';
    if (frame.kind === 'leaf') return transfer.takeLeaf(frame.leaf, frame.bytes);
    if (task.kind === 'page' && frame.kind === 'page') return transfer.takePage(task.page, frame.leafHashes);
    if (frame.kind !== 'root') return 'unneeded';
    const verdict = await transfer.takeRoot(frame.rootRecord);
    if (verdict === 'taken') learnSize(wanted);
    return verdict;
  }

  /** Puts a segment in its place once its size is known. */
  function learnSize(wanted: Wanted): void {
    const byteCount = wanted.transfer?.byteCount;
    if (byteCount === undefined || wanted.isOver) return;
    if (wanted.expectedBytes !== undefined && wanted.expectedBytes !== byteCount) {
      return finish(wanted, sealedCorrupt(wanted.name, 'its size is not the one of the record'));
    }
    wanted.byteCount = byteCount;
    if (partialFileBytes(byteCount) > disk.bytesMax) {
      finish(wanted, overBudget(wanted.name, disk));
      return removePartial(wanted.name);
    }
    if (!wanted.isPartOfWhole) wanted.size = byteCount;
    enqueueAnew(wanted);
  }

  function waitsFor(wanted: Wanted): WantedStatus['waitsFor'] {
    if (!canBeAsked(wanted)) return 'peer';
    if (overDisk.has(wanted)) return 'disk';
    if (!wanted.transfer) return 'turn';
    if (bandwidth.available >= LEAF_BYTES) return undefined;
    const isAskedFor = ({ requests }: FetchPeer) => requests.values().some((request) => request.wanted === wanted);
    return [...peers].some(isAskedFor) ? undefined : 'budget';
  }

  /** Hands what silent peers owe to others. */
  function passBySilentPeers(): void {
    const now = clock.monotonic();
    for (const peer of peers) {
      for (const request of peer.requests.values()) {
        const silentFor = now - Math.max(peer.lastHeard, request.askedAt);
        if (request.isGivenBack || silentFor < PEER_SILENCE_MS_MAX) continue;
        const isOther = (other: FetchPeer) => other !== peer && !other.isSilent && mayAsk(other, request.wanted);
        if (![...peers].some(isOther)) continue;
        if (!peer.isSilent) count('silent', peer.id);
        peer.isSilent = true;
        peer.requestLeaves = 1;
        giveBack(request);
      }
    }
    pump();
  }

  const watching = (async () => {
    while (!stopped.signal.aborted) {
      await deps.wait(SILENCE_CHECK_MS, { signal: stopped.signal }).catch(() => undefined);
      if (!stopped.signal.aborted) passBySilentPeers();
    }
  })();

  return {
    async fetch(name, { urgency = 'background', signal, ...sizes } = {}) {
      const whole = await folder.open(name);
      if (whole) return whole.close();
      await leftBefore;
      if (stopped.signal.aborted) throw stoppedError();
      let wanted = queue.find((other) => other.name === name);
      if (!wanted) {
        wanted = createWanted(name, urgency, sizes);
        if (partialFileBytes(wanted.expectedBytes ?? 0) > disk.bytesMax) throw overBudget(name, disk);
        enqueue(wanted);
      } else if (urgency === 'person') {
        wanted.urgency = urgency;
        enqueueAnew(wanted);
      }
      wanted.waiters += 1;
      pump();
      try {
        await raceAbort(wanted.done.promise, signal);
      } finally {
        wanted.waiters -= 1;
        if (wanted.waiters === 0)
          finish(wanted, new GranaryError('CANCELLED', 'Nobody waits for the segment any more.'));
        await closing.get(name);
      }
    },
    addPeer(peerId, channel) {
      if (stopped.signal.aborted) return channel.close();
      for (const peer of peers) if (peer.id === peerId) drop(peer);
      for (const wanted of queue) wanted.excluded.delete(peerId);
      active = undefined;
      const peer = createFetchPeer(peerId, channel, clock.monotonic());
      peers.add(peer);
      void listen(peer).catch(() => undefined);
      pump();
      return undefined;
    },
    askAgain() {
      for (const wanted of queue) if (!canBeAsked(wanted)) wanted.excluded.clear();
      active = undefined;
      pump();
    },
    status: () =>
      queue.map((wanted) => ({
        name: wanted.name,
        urgency: wanted.urgency,
        haveBytes: wanted.transfer?.haveBytes ?? 0,
        byteCount: wanted.byteCount,
        waitsFor: waitsFor(wanted),
      })),
    async close() {
      stopped.abort();
      while (queue.length > 0) finish(queue[0]!, stoppedError());
      for (const peer of peers) drop(peer);
      await watching;
      await Promise.all(closing.values());
    },
  };
}
