import {
  type AbortOptions,
  equalBytes,
  GranaryError,
  isGranaryError,
  raceAbort,
  type Random,
  throwIfAborted,
  toHex,
} from '#core/kernel/index.ts';
import type { Blake3 } from '#sync/log/index.ts';
import { type FrameBody, NONCE_BYTES, ROOT_CHECK_BYTES, TAG_BYTES } from './frames.ts';
import { SESSION_SPACES_MAX } from './limits.ts';
import { compareBytes } from './log-tip.ts';
import { PeerConnection } from './peer-connection.ts';
import type { AgreementStore, FrameChannel } from './ports.ts';
import { ProgressMeter, type SyncProgress } from './progress.ts';
import { reconcileSpace, recordAgreement, type SpaceExchange, type SpaceReport } from './reconcile-space.ts';
import { refuse, type RefusalReason } from './refusal.ts';
import { createSessionKeys, type SessionKeys, type SessionRole } from './session-keys.ts';
import type { SpaceView } from './space-view.ts';

export interface SessionDeps {
  readonly blake3: Blake3;
  readonly random: Random;
  readonly agreements: AgreementStore;
  /** Told of every fault of a peer, so that they can be counted. */
  readonly onRefusal?: (reason: RefusalReason, peerId: Uint8Array) => void;
}

export interface Session {
  readonly role: SessionRole;
  readonly channel: FrameChannel;
  /** Names the peer in the store of agreements; as the transport has proved it. */
  readonly peerId: Uint8Array;
  /** What both sides know of this session on this line and nobody else has, such as the hash of the line's handshake. */
  readonly binding: Uint8Array;
  /** The views that this peer may read, one a space. */
  readonly views: readonly SpaceView[];
  readonly onProgress?: (progress: SyncProgress) => void;
}

export interface SessionReport {
  /** `refused`: the other side broke the protocol. `refusedByPeer`: it says that this side did. */
  readonly end: 'complete' | 'refused' | 'refusedByPeer' | 'interrupted';
  readonly refusal: RefusalReason | undefined;
  /** The spaces both sides have, as far as the session came. */
  readonly spaces: readonly SpaceReport[];
  readonly progress: SyncProgress;
  /** Bytes of operations that the peer lacked, sent or not: all were read to say how many they are. */
  readonly offeredBytes: number;
  /** Bytes of all frames, without what the line adds. */
  readonly byteCounts: { readonly sent: number; readonly received: number };
}

/**
 * Compares the common spaces with a peer and exchanges what each lacks, then closes the channel. What the peer or the
 * line does wrong is in the report; a peer that falls silent is ended by the signal. Errors: `CANCELLED`, `LIMIT_EXCEEDED` for too many views, and those of the stores.
 */
export async function runSession(
  deps: SessionDeps,
  session: Session,
  { signal }: AbortOptions = {},
): Promise<SessionReport> {
  const { channel, peerId } = session;
  refuseManyViews(session.views.length);
  const meter = new ProgressMeter(session.onProgress);
  const connection = new PeerConnection(channel, (amount) => meter.finish(amount), { signal });
  const spaces: SpaceReport[] = [];
  const report = (end: SessionReport['end'], refusal?: RefusalReason): SessionReport => {
    const { progress, offeredBytes } = meter;
    return { end, refusal, spaces, progress, offeredBytes, byteCounts: connection.byteCounts };
  };
  try {
    throwIfAborted(signal);
    const { keys, common } = await (session.role === 'initiator' ? sayHello : answerHello)(deps, session, connection);
    const exchangeDeps = {
      blake3: deps.blake3,
      connection,
      keys,
      role: session.role,
      peerId,
      agreements: deps.agreements,
      meter,
    };
    for (const { exchange, equal } of common) {
      if (!equal) spaces.push(await reconcileSpace(exchangeDeps, exchange));
      else {
        await recordAgreement(exchangeDeps, exchange);
        const { spaceId } = exchange.view;
        spaces.push({ spaceId, equal, missingHere: new Map(), missingThere: new Map() });
      }
    }
    return report('complete');
  } catch (error) {
    if (isGranaryError(error, 'SYNC_INTERRUPTED')) return report('interrupted');
    if (!isGranaryError(error, 'SYNC_REFUSED')) throw error;
    const reason = error.details['reason'] as RefusalReason;
    if (error.details['byPeer']) return report('refusedByPeer', reason);
    deps.onRefusal?.(reason, peerId);
    // The peer is told why, if it still listens.
    await connection.refuse(reason).catch(() => undefined);
    return report('refused', reason);
  } finally {
    // Closing waits for what is under way; whoever has given the session up does not wait for a peer that takes nothing.
    await raceAbort(channel.close(), signal).catch(() => undefined);
  }
}

interface Opening {
  readonly keys: SessionKeys;
  /** In the order of their tags, which is the same on both sides. */
  readonly common: readonly { readonly exchange: SpaceExchange; readonly equal: boolean }[];
}

async function openExchange(view: SpaceView): Promise<SpaceExchange> {
  await view.refresh();
  return { view, tree: view.snapshot().tree };
}

async function sayHello(deps: SessionDeps, session: Session, connection: PeerConnection): Promise<Opening> {
  const nonce = deps.random.bytes(NONCE_BYTES);
  const keys = createSessionKeys(deps.blake3, nonce, session.binding);
  const offers = [];
  for (const view of session.views) {
    const exchange = await openExchange(view);
    const root = keys.rootCheck('initiator', view.spaceId, exchange.tree.root);
    offers.push({ tag: keys.tag(view.spaceId), root, exchange });
  }
  const spaces = [...offers, ...blanks(deps.random, offers.length)].sort((left, right) =>
    compareBytes(left.tag, right.tag),
  );
  await connection.send('hello', { nonce, spaces });
  const answer = (await connection.receive('answer')).body;
  const equalCount = answer.verdicts.filter((verdict) => verdict === 'equal').length;
  if (answer.verdicts.length !== spaces.length || answer.roots.length !== equalCount) {
    throw refuse('answer-incomplete', 'it did not answer for each space that was named');
  }
  const roots = answer.roots[Symbol.iterator]();
  const common = spaces.flatMap(({ exchange }, i) => {
    const verdict = answer.verdicts[i]!;
    if (verdict === 'unknown') return [];
    const equal = verdict === 'equal';
    if (!exchange) throw refuse('root-unproven', 'it claims to have a space that nobody has');
    const proof = keys.rootCheck('responder', exchange.view.spaceId, exchange.tree.root);
    if (equal && !equalBytes(roots.next().value!, proof)) {
      throw refuse('root-unproven', 'it claims to have the same operations and cannot show it');
    }
    return [{ exchange, equal }];
  });
  return { keys, common };
}

async function answerHello(deps: SessionDeps, session: Session, connection: PeerConnection): Promise<Opening> {
  const { nonce, spaces } = (await connection.receive('hello')).body;
  const keys = createSessionKeys(deps.blake3, nonce, session.binding);
  const views = new Map(session.views.map((view) => [toHex(keys.tag(view.spaceId)), view]));
  const verdicts: FrameBody<'answer'>['verdicts'][number][] = [];
  const roots: Uint8Array[] = [];
  const common: Opening['common'][number][] = [];
  for (const { tag, root } of spaces) {
    const view = views.get(toHex(tag));
    if (!view) {
      verdicts.push('unknown');
      continue;
    }
    const exchange = await openExchange(view);
    const equal = equalBytes(root, keys.rootCheck('initiator', view.spaceId, exchange.tree.root));
    if (equal) roots.push(keys.rootCheck('responder', view.spaceId, exchange.tree.root));
    verdicts.push(equal ? 'equal' : 'differs');
    common.push({ exchange, equal });
  }
  await connection.send('answer', { verdicts, roots });
  return { keys, common };
}

/** Offers of nothing that round their number up to a power of two: a peer does not see how many other spaces there are. */
const blanks = (random: Random, count: number) =>
  Array.from({ length: (count === 0 ? 1 : 2 ** Math.ceil(Math.log2(count))) - count }, () => ({
    tag: random.bytes(TAG_BYTES),
    root: random.bytes(ROOT_CHECK_BYTES),
    exchange: undefined,
  }));

function refuseManyViews(count: number): void {
  if (count <= SESSION_SPACES_MAX) return;
  throw new GranaryError(
    'LIMIT_EXCEEDED',
    `${count} spaces are too many for one session; the limit is ${SESSION_SPACES_MAX} (SESSION_SPACES_MAX).`,
    { count, limit: SESSION_SPACES_MAX },
  );
}
