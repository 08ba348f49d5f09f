/**
 * One space, two sides. A round: one side lists tips, the other plans from the list what goes which way and sends its
 * part, the lister sends its own, and both compare roots. The first round lists what changed since the last agreement;
 * when there is none, or the roots still differ, hashes of buckets say which tips to list.
 */
import { equalBytes } from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { changedSince, type ChangedLog, makeAgreement } from './agreement.ts';
import { decodeBucketSet, encodeBucketSet } from './bucket-set.ts';
import { ForkSearch } from './find-forks.ts';
import type { FrameBody } from './frames.ts';
import { AGREEMENT_LAG_MAX, LISTED_LOGS_MAX, ROUND_OPERATIONS_MAX, SESSION_ROUNDS_MAX } from './limits.ts';
import { compareBytes, itemCount } from './log-tip.ts';
import type { PeerConnection } from './peer-connection.ts';
import { type ListedTip, type LogRange, planExchange, rangeOf } from './plan-exchange.ts';
import type { AgreementStore, OperationStore } from './ports.ts';
import { addMissing, listMissing, type MissingCounts, type ProgressMeter } from './progress.ts';
import { type MissingReason, refuse } from './refusal.ts';
import type { SessionKeys, SessionRole } from './session-keys.ts';
import type { SpaceView } from './space-view.ts';
import { BUCKET_COUNT, HINT_BYTES, type TipTree, type TreeEntry } from './tip-tree.ts';
import {
  measureRanges,
  newReceipts,
  type ReceiveDeps,
  type Receipts,
  receiveOperations,
  sendOperations,
} from './transfer-operations.ts';

export interface SpaceExchangeDeps {
  readonly blake3: Blake3;
  readonly connection: PeerConnection;
  readonly keys: SessionKeys;
  readonly role: SessionRole;
  readonly peerId: Uint8Array;
  readonly agreements: AgreementStore;
  readonly meter: ProgressMeter;
}

/** How one space stands at the end of a session. */
export interface SpaceReport {
  readonly spaceId: Uint8Array;
  /** Both sides have the same operations, as they were when the session began. */
  readonly equal: boolean;
  /** Operations that were sent to this node or to the other and could not be stored there. */
  readonly missingHere: MissingCounts;
  readonly missingThere: MissingCounts;
}

/** The state of one space in one session. */
export interface SpaceExchange {
  readonly view: SpaceView;
  /** The tips of the moment the session began, and what it has brought since. */
  readonly tree: TipTree;
}

/** Remembers that both sides have what `tree` holds. */
export async function recordAgreement(deps: SpaceExchangeDeps, { view, tree }: SpaceExchange): Promise<void> {
  const known = await deps.agreements.get(deps.peerId, view.spaceId);
  const live = view.snapshot();
  const isSame = known && equalBytes(known.root, tree.root) && equalBytes(known.incarnation, view.store.incarnation);
  if (isSame && live.arrival - known.arrival < AGREEMENT_LAG_MAX) return;
  const agreement = makeAgreement(view.store, tree, live);
  if (agreement) await deps.agreements.put(deps.peerId, view.spaceId, agreement);
}

/** Brings one space in which the roots differ together. Both sides call this at the same point of a session. */
export async function reconcileSpace(deps: SpaceExchangeDeps, exchange: SpaceExchange): Promise<SpaceReport> {
  const { connection, keys, role, peerId, agreements, meter } = deps;
  const { view, tree } = exchange;
  const { spaceId, store } = view;
  const otherRole: SessionRole = role === 'initiator' ? 'responder' : 'initiator';
  const tipCheck = (operationId: Uint8Array) => keys.tipCheck(spaceId, operationId);
  const bucketCheck = (bucket: number) => keys.bucketCheck(spaceId, tree.bucketHash(bucket));
  const forks = new ForkSearch(deps.blake3);
  const receiving: ReceiveDeps = { connection, view, tree, meter, onFork: (tip) => forks.note(tip) };
  const missingHere = new Map<MissingReason, number>();
  const missingThere = new Map<MissingReason, number>();
  let rounds = 0;

  const agreement = await agreements.get(peerId, spaceId);
  const changed = agreement && (await changedSince(store, agreement, tree));
  if (role === 'responder') return changed ? listChanges(agreement.root, changed) : sendBuckets();

  const opening = await connection.receive('changes', 'buckets');
  if (opening.name === 'buckets') return listBuckets(opening.body);
  const agreed = changed && equalBytes(keys.agreementCheck(spaceId, agreement.root), opening.body.agreement);
  return agreed ? plan(opening.body.tips, changed, true) : sendBuckets();

  async function listChanges(root: Uint8Array, logs: readonly ChangedLog[]): Promise<SpaceReport> {
    const entries = distinctHints(
      logs.map(({ entry }) => entry).sort((left, right) => compareBytes(left.key, right.key)),
    );
    await connection.send('changes', {
      agreement: keys.agreementCheck(spaceId, root),
      tips: entries.map(listTip),
    });
    const answer = await connection.receive('plan', 'buckets');
    return answer.name === 'plan' ? serve(answer.body, entries, true) : listBuckets(answer.body);
  }

  async function sendBuckets(): Promise<SpaceReport> {
    const buckets = Array.from({ length: BUCKET_COUNT }, (_, bucket) => bucket);
    const filled = buckets.filter((bucket) => tree.bucket(bucket).length > 0);
    await connection.send('buckets', { filled: encodeBucketSet(filled), checks: filled.map(bucketCheck) });
    const { covered, tips } = (await connection.receive('tips')).body;
    const coveredBuckets = decodeBucketSet(covered);
    const inside = new Set(coveredBuckets);
    if (tips.some(({ hint }) => !inside.has(hint[0]!))) {
      throw refuse('tip-outside-buckets', 'it listed a tip of a bucket that its list does not cover');
    }
    const scope = coveredBuckets.flatMap((bucket) => tree.bucket(bucket).map((entry) => ({ entry, seqBefore: -1 })));
    return plan(tips, scope, false);
  }

  async function listBuckets({ filled, checks }: FrameBody<'buckets'>): Promise<SpaceReport> {
    const theirs = new Map<number, Uint8Array>();
    const buckets = decodeBucketSet(filled);
    if (buckets.length !== checks.length)
      throw refuse('answer-incomplete', 'its buckets and their checks do not match');
    for (const [i, bucket] of buckets.entries()) theirs.set(bucket, checks[i]!);
    const covered: number[] = [];
    const entries: TreeEntry[] = [];
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const check = theirs.get(bucket);
      const mine = tree.bucket(bucket);
      if (check ? equalBytes(check, bucketCheck(bucket)) : mine.length === 0) continue;
      // What does not fit this list goes into the next round; a bucket too large for any list is compared in part.
      if (covered.length > 0 && entries.length + mine.length > LISTED_LOGS_MAX) break;
      covered.push(bucket);
      entries.push(...distinctHints(mine).slice(0, LISTED_LOGS_MAX));
    }
    await connection.send('tips', {
      covered: encodeBucketSet(covered),
      tips: entries.map((entry) => ({ ...listTip(entry), check: tipCheck(entry.tip.operationId) })),
    });
    return serve((await connection.receive('plan')).body, entries, false);
  }

  /** The side that got the list plans, and sends its operations first. */
  async function plan(
    listed: readonly ListedTip[],
    scope: Iterable<ChangedLog>,
    byAgreement: boolean,
  ): Promise<SpaceReport> {
    const receipts = newReceipts();
    const forkStarts = await forks.starts(store, tree, listed, tipCheck);
    const { pushes, wants, wantedCount } = planExchange(tree, listed, scope, forkStarts);
    const announced = await measureRanges(store, pushes);
    meter.offer(announced);
    await connection.send('plan', { ...announced, wants });
    await sendOperations(connection, store, byRank(store, pushes), announced);
    const supply = (await connection.receive('supply')).body;
    if (supply.operationCount > wantedCount) throw refuse('announcement-too-large', 'it sends more than was asked for');
    meter.expect(supply);
    await receiveOperations(receiving, supply, receipts);
    const done = (await connection.receive('done')).body;
    await sendDone(receipts);
    return (await endRound(receipts, done, byAgreement)) ?? sendBuckets();
  }

  /** The side that sent the list. */
  async function serve(
    planned: FrameBody<'plan'>,
    entries: readonly TreeEntry[],
    byAgreement: boolean,
  ): Promise<SpaceReport> {
    const listed = entries.map(({ tip }) => tip);
    const ranges = planned.wants.map(({ index, itemStart, itemCount: count }) => {
      const tip = listed[index];
      if (!tip || count === 0 || itemStart + count > itemCount(tip)) {
        throw refuse('want-outside-list', 'it asked for operations that were not listed');
      }
      return rangeOf(tip, itemStart, count);
    });
    const wantedCount = ranges.reduce((sum, range) => sum + range.itemCount, 0);
    if (wantedCount > ROUND_OPERATIONS_MAX) throw refuse('number-too-large', 'it asked for too much in one round');
    const receipts = newReceipts();
    const supply = await measureRanges(store, ranges);
    meter.expect(planned);
    meter.offer(supply);
    await connection.send('supply', supply);
    await receiveOperations(receiving, planned, receipts);
    await sendOperations(connection, store, byRank(store, ranges), supply);
    await sendDone(receipts);
    const done = (await connection.receive('done')).body;
    return (await endRound(receipts, done, byAgreement)) ?? listBuckets((await connection.receive('buckets')).body);
  }

  async function sendDone({ storedCount, missing }: Receipts): Promise<void> {
    const root = keys.closingCheck(role, spaceId, tree.root);
    await connection.send('done', { root, storedCount, missing: listMissing(missing) });
  }

  /** The report, or undefined when another round follows; both sides come to the same from the two `done` frames. */
  async function endRound(
    here: Receipts,
    there: FrameBody<'done'>,
    byAgreement: boolean,
  ): Promise<SpaceReport | undefined> {
    rounds += 1;
    connection.settleAll();
    for (const [reason, count] of here.missing) addMissing(missingHere, reason, count);
    for (const { reason, operationCount } of there.missing) addMissing(missingThere, reason, operationCount);
    const equal = equalBytes(there.root, keys.closingCheck(otherRole, spaceId, tree.root));
    // What was refused once would be refused again, and the next session tries it; but a fork may lie deeper.
    const reasons = [...here.missing.keys(), ...there.missing.map(({ reason }) => reason)];
    const moved = here.storedCount + there.storedCount + reasons.length > 0;
    const worthwhile = byAgreement || (moved && reasons.every((reason) => reason === 'fork'));
    if (!equal && worthwhile && rounds < SESSION_ROUNDS_MAX) return undefined;
    if (equal) await recordAgreement(deps, exchange);
    return { spaceId, equal, missingHere, missingThere };
  }
}

const listTip = ({ key, tip }: TreeEntry) => ({
  hint: key.subarray(0, HINT_BYTES),
  logOperations: tip.seq + 1,
  fork: (tip.forkSeq ?? -1) + 1,
});

/** The order in which the store wants its logs sent. */
const byRank = (store: OperationStore, ranges: readonly LogRange[]): readonly LogRange[] =>
  ranges
    .map((range) => ({ range, rank: store.rank(range.author, range.logId) }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ range }) => range);

/** Of logs with one hint the first. */
const distinctHints = (entries: readonly TreeEntry[]): readonly TreeEntry[] =>
  entries.filter(
    ({ key }, i) => i === 0 || !equalBytes(key.subarray(0, HINT_BYTES), entries[i - 1]!.key.subarray(0, HINT_BYTES)),
  );
