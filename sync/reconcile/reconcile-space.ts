/**
 * One space, two sides. A round: one side lists tips, the other plans from the list what goes which way and sends its
 * part, the lister sends its own, and both compare roots. The first round lists what changed since the last agreement;
 * when there is none, or the roots still differ, hashes of buckets say which tips to list.
 */
import { equalBytes } from '#core/kernel/index.ts';
import { changedSince, type ChangedLog, makeAgreement } from './agreement.ts';
import { decodeBucketSet, encodeBucketSet } from './bucket-set.ts';
import type { FrameBody } from './frames.ts';
import { LISTED_LOGS_MAX, SESSION_ROUNDS_MAX } from './limits.ts';
import { compareBytes } from './log-tip.ts';
import type { PeerConnection } from './peer-connection.ts';
import { type ListedTip, planExchange, wantedRanges } from './plan-exchange.ts';
import type { AgreementStore } from './ports.ts';
import { addMissing, listMissing, type MissingCounts, type ProgressMeter } from './progress.ts';
import { type MissingReason, refuse } from './refusal.ts';
import type { SessionKeys, SessionRole } from './session-keys.ts';
import type { SpaceView } from './space-view.ts';
import { BUCKET_COUNT, HINT_BYTES, type TipTree, type TreeEntry } from './tip-tree.ts';
import {
  measureRanges,
  type ReceiveDeps,
  type Receipts,
  receiveOperations,
  sendOperations,
} from './transfer-operations.ts';

export interface SpaceExchangeDeps {
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
  if (known && equalBytes(known.root, tree.root) && equalBytes(known.incarnation, view.store.incarnation)) return;
  const agreement = makeAgreement(view.store, tree, view.snapshot());
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
  const receiving: ReceiveDeps = { connection, view, tree, meter };
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
      tips: entries.map(({ key, tip }) => ({ hint: key.subarray(0, HINT_BYTES), seq: tip.seq })),
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
      tips: entries.map(({ key, tip }) => ({
        hint: key.subarray(0, HINT_BYTES),
        seq: tip.seq,
        check: tipCheck(tip.operationId),
      })),
    });
    return serve((await connection.receive('plan')).body, entries, false);
  }

  /** The side that got the list plans, and sends its operations first. */
  async function plan(
    listed: readonly ListedTip[],
    scope: Iterable<ChangedLog>,
    byAgreement: boolean,
  ): Promise<SpaceReport> {
    const receipts = { storedCount: 0, missing: new Map<MissingReason, number>() };
    const { pushes, wants, wantedCount } = planExchange(tree, listed, scope, tipCheck);
    const announced = await measureRanges(store, pushes);
    meter.expect(announced);
    await connection.send('plan', { ...announced, wants });
    await sendOperations(connection, store, pushes);
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
    if (planned.wants.some(({ index, seqStart }) => !(seqStart <= (listed[index]?.seq ?? -1)))) {
      throw refuse('want-outside-list', 'it asked for operations that were not listed');
    }
    const receipts = { storedCount: 0, missing: new Map<MissingReason, number>() };
    const ranges = wantedRanges(listed, planned.wants);
    const supply = await measureRanges(store, ranges);
    meter.expect(planned);
    meter.expect(supply);
    await connection.send('supply', supply);
    await receiveOperations(receiving, planned, receipts);
    await sendOperations(connection, store, ranges);
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
    // What was refused once would be refused again; the next session tries it.
    const clean = here.missing.size === 0 && there.missing.length === 0;
    const worthwhile = byAgreement || (clean && here.storedCount + there.storedCount > 0);
    if (!equal && worthwhile && rounds < SESSION_ROUNDS_MAX) return undefined;
    if (equal) await recordAgreement(deps, exchange);
    return { spaceId, equal, missingHere, missingThere };
  }
}

/** Of logs with one hint the first. */
const distinctHints = (entries: readonly TreeEntry[]): readonly TreeEntry[] =>
  entries.filter(
    ({ key }, i) => i === 0 || !equalBytes(key.subarray(0, HINT_BYTES), entries[i - 1]!.key.subarray(0, HINT_BYTES)),
  );
