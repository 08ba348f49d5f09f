import { type AbortOptions, type Clock, throwIfAborted } from '#core/kernel/index.ts';
import type { Blake3, SigningKey } from '#sync/log/index.ts';
import type { FrameFault } from './frames.ts';
import type { PledgeBook } from './pledge-book.ts';
import { type AskFrame, decodeAsk, encodePledgeAnswer, type PledgeAnswer } from './pledge-frames.ts';
import { signPledge } from './pledges.ts';
import type { FrameChannel, SealedFolder } from './ports.ts';
import { PROOF_LEAVES, provePossession } from './possession.ts';
import { LEAF_BYTES } from './sealed-layout.ts';
import type { SealedName } from './sealed-segment.ts';
import type { ServeGate } from './serve-gate.ts';

/** For how long a device gives its word at most: nobody may have it keep a segment for ever by asking once. */
export const PLEDGE_MS_MAX = 92 * 24 * 3600 * 1000;

/** What a giver counts of one peer. Frames that cannot be and `busy` (too many streams) end the session. */
export type GiveEvent =
  | FrameFault['reason']
  | 'busy'
  | 'forbidden'
  | 'missing'
  | 'leaving'
  | 'period'
  | 'failed'
  | 'pledged';

export interface GiveDeps {
  /** The key of this device, whose public key the book has as its own. */
  readonly key: SigningKey;
  readonly blake3: Blake3;
  readonly clock: Clock;
  readonly book: PledgeBook;
  /** What this node holds: `createServedSegments`. */
  readonly folder: Pick<SealedFolder, 'open'>;
  /** Whether this device keeps the segment for that peer until a moment; the same answer as for one that is not here. */
  readonly mayPledge: (peerId: string, name: SealedName, until: number) => boolean | Promise<boolean>;
  /** Counts what proofs read. */
  readonly gate: ServeGate;
  readonly count: (event: GiveEvent, peerId: string) => void;
}

export interface PledgePeer {
  readonly id: string;
  /** The public key that the line has proved, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/**
 * Answers the questions of one peer, in order, until the channel ends or the peer breaks the rules. A pledge is on the disk
 * before it is sent. The next question is taken from the channel when the last one is answered.
 */
export async function givePledges(
  deps: GiveDeps,
  peer: PledgePeer,
  channel: FrameChannel,
  { signal }: AbortOptions = {},
): Promise<void> {
  const { key, blake3, clock, book, folder, gate } = deps;
  const count = (event: GiveEvent) => deps.count(event, peer.id);
  const pass = gate.enter(peer.id);
  const close = () => channel.close();
  if (!pass) {
    count('busy');
    return close();
  }

  /** Undefined when the segment is not here. */
  async function prove(name: SealedName, nonce: Uint8Array): Promise<Uint8Array | undefined> {
    const source = await folder.open(name);
    if (!source) return undefined;
    try {
      return await provePossession(blake3, source, { nonce, holder: key.publicKey, name });
    } finally {
      await source.close();
    }
  }

  const declined = (event: GiveEvent, reason: Exclude<PledgeAnswer, { kind: 'pledged' }>['reason']): PledgeAnswer => {
    count(event);
    return { kind: 'declined', reason };
  };

  async function answer({ nonce, until }: AskFrame, name: SealedName): Promise<PledgeAnswer> {
    const now = clock.now();
    if (until <= now || until > now + PLEDGE_MS_MAX) return declined('period', 'period');
    try {
      if (!(await deps.mayPledge(peer.id, name, until))) return declined('forbidden', 'unavailable');
      const proof = await book.give(name, peer.publicKey, until, () => prove(name, nonce));
      if (proof === 'leaving') return declined('leaving', 'leaving');
      if (proof === 'unavailable') return declined('missing', 'unavailable');
      const { signature } = signPledge(key, { holder: key.publicKey, asker: peer.publicKey, name, until, nonce });
      count('pledged');
      return { kind: 'pledged', proof, signature };
    } catch {
      return declined('failed', 'failed');
    }
  }

  signal?.addEventListener('abort', close, { once: true });
  try {
    throwIfAborted(signal);
    for await (const bytes of channel.frames) {
      const frame = decodeAsk(bytes);
      if (frame.kind === 'fault') {
        count(frame.reason);
        break;
      }
      for (const name of frame.names) {
        await pass.spend(PROOF_LEAVES * LEAF_BYTES, { signal });
        await channel.send(encodePledgeAnswer(await answer(frame, name)));
      }
    }
  } catch {
    // A peer that hangs up in the middle of its answers ends the session like one that does so at their end.
    throwIfAborted(signal);
  } finally {
    signal?.removeEventListener('abort', close);
    close();
    pass.leave();
  }
}
