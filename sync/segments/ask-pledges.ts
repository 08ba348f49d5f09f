import { type AbortOptions, equalBytes, GranaryError, type Random, throwIfAborted } from '#core/kernel/index.ts';
import type { Blake3, Ed25519 } from '#sync/log/index.ts';
import type { PledgePeer } from './give-pledges.ts';
import type { PledgeBook } from './pledge-book.ts';
import {
  type DeclineReason,
  decodePledgeAnswer,
  encodeAsk,
  PLEDGE_NAMES_MAX,
  type PledgeAnswer,
} from './pledge-frames.ts';
import { isPledge, type PledgeTerms } from './pledges.ts';
import type { FrameChannel, SealedFolder } from './ports.ts';
import { NONCE_BYTES, provePossession } from './possession.ts';
import type { SealedName } from './sealed-segment.ts';

export interface AskDeps {
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  readonly random: Random;
  readonly book: PledgeBook;
  /** What this node holds, to compare proofs with: `createServedSegments`. */
  readonly folder: Pick<SealedFolder, 'open'>;
}

/**
 * What a peer said of a segment. `pledged`: its pledge is in the book. `bound`: it was not asked, as this device has pledged
 * the segment itself. `unproven`: its proof is not that of the segment. `unsigned`: its signature does not hold.
 */
export type PledgeOutcome = 'pledged' | DeclineReason | 'bound' | 'unproven' | 'unsigned';

/**
 * Asks one peer to hold segments until a moment (milliseconds since the epoch). One call a channel, which is closed at the
 * end. Errors: `SYNC_REFUSED` when the peer breaks the rules, `SYNC_INTERRUPTED` when the line ends early, `SEGMENT_MISSING`
 * for a segment that is not here, `CANCELLED`; what was pledged before stays in the book.
 */
export async function askPledges(
  deps: AskDeps,
  peer: PledgePeer,
  channel: FrameChannel,
  { names, until }: { readonly names: readonly SealedName[]; readonly until: number },
  { signal }: AbortOptions = {},
): Promise<Map<SealedName, PledgeOutcome>> {
  const { book, random } = deps;
  const outcomes = new Map<SealedName, PledgeOutcome>();
  const answers = channel.frames[Symbol.asyncIterator]();
  const close = () => channel.close();
  signal?.addEventListener('abort', close, { once: true });

  async function nextAnswer(): Promise<PledgeAnswer> {
    const { value, done } = await answers.next();
    throwIfAborted(signal);
    if (done) throw interrupted(peer);
    const answer = decodePledgeAnswer(value);
    if (answer.kind === 'fault') throw refused(peer, answer.reason);
    return answer;
  }

  async function judge(terms: PledgeTerms, answer: PledgeAnswer): Promise<PledgeOutcome> {
    if (answer.kind === 'declined') return answer.reason;
    const pledge = { ...terms, signature: answer.signature };
    if (!isPledge(deps.ed25519, pledge)) return 'unsigned';
    if (!equalBytes(answer.proof, await expectedProof(deps, terms))) return 'unproven';
    await book.take(pledge);
    return 'pledged';
  }

  async function ask(asked: readonly SealedName[]): Promise<void> {
    const nonce = random.bytes(NONCE_BYTES);
    await channel.send(encodeAsk({ nonce, until, names: asked })).catch((error: unknown) => {
      throwIfAborted(signal);
      throw interrupted(peer, error);
    });
    for (const name of asked) {
      const terms = { holder: peer.publicKey, asker: book.self, name, until, nonce };
      outcomes.set(name, await judge(terms, await nextAnswer()));
    }
  }

  try {
    throwIfAborted(signal);
    return await book.leaving(names, async () => {
      const free: SealedName[] = [];
      for (const name of new Set(names)) {
        if (await book.isBound(name)) outcomes.set(name, 'bound');
        else free.push(name);
      }
      for (let i = 0; i < free.length; i += PLEDGE_NAMES_MAX) await ask(free.slice(i, i + PLEDGE_NAMES_MAX));
      return outcomes;
    });
  } finally {
    signal?.removeEventListener('abort', close);
    close();
  }
}

async function expectedProof({ blake3, folder }: AskDeps, { nonce, holder, name }: PledgeTerms): Promise<Uint8Array> {
  const source = await folder.open(name);
  if (!source) {
    throw new GranaryError(
      'SEGMENT_MISSING',
      `The sealed segment ${name} is not on this node: nothing can be evicted.`,
      {
        segment: name,
      },
    );
  }
  try {
    return await provePossession(blake3, source, { nonce, holder, name });
  } finally {
    await source.close();
  }
}

const interrupted = ({ id }: PledgePeer, cause?: unknown) =>
  new GranaryError(
    'SYNC_INTERRUPTED',
    `The line to ${id} ended before it answered about pledges. Ask again.`,
    { peer: id },
    { cause },
  );

const refused = ({ id }: PledgePeer, reason: string) =>
  new GranaryError('SYNC_REFUSED', `${id} answered about pledges with something else (${reason}). Update both nodes.`, {
    peer: id,
    reason,
  });
