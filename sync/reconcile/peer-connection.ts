import { type AbortOptions, GranaryError, raceAbort, throwIfAborted } from '#core/kernel/index.ts';
import { decodeFrame, encodeFrame, type Frame, type FrameBody, type FrameName } from './frames.ts';
import { SYNC_WINDOW_BYTES_MAX } from './limits.ts';
import type { FrameChannel } from './ports.ts';
import type { Amount } from './progress.ts';
import { refuse, type RefusalReason } from './refusal.ts';

/**
 * A channel that speaks in frames and keeps the account of operations under way. One frame at most waits here while the
 * sender of operations looks for acknowledgements.
 */
export class PeerConnection {
  readonly #channel: FrameChannel;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #onStored: (amount: Amount) => void;
  #early: Frame | undefined;
  #underWay = { operationCount: 0, byteCount: 0 };
  #byteCounts = { sent: 0, received: 0 };

  constructor(channel: FrameChannel, onStored: (amount: Amount) => void, { signal }: AbortOptions) {
    this.#channel = channel;
    this.#frames = channel.receive()[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#onStored = onStored;
  }

  /** Bytes of all frames, without what the line adds. */
  get byteCounts(): { readonly sent: number; readonly received: number } {
    return this.#byteCounts;
  }

  async send<N extends FrameName>(name: N, body: FrameBody<N>): Promise<void> {
    throwIfAborted(this.#signal);
    const bytes = encodeFrame(name, body);
    this.#byteCounts.sent += bytes.length;
    await raceAbort(this.#channel.send(bytes), this.#signal);
  }

  /** The next frame, which must be one of these. Errors: `SYNC_REFUSED`, `SYNC_INTERRUPTED`, `CANCELLED`. */
  async receive<N extends FrameName>(...names: readonly N[]): Promise<Frame<N>> {
    let frame = this.#early;
    this.#early = undefined;
    while (!frame || frame.name === 'stored') {
      if (frame?.name === 'stored') this.#settle(frame.body);
      frame = await this.#next();
    }
    if (!names.includes(frame.name as N)) {
      throw refuse('frame-unexpected', `a frame ${frame.name} came instead of ${names.join(' or ')}`);
    }
    return frame as unknown as Frame<N>;
  }

  /** Sends operations once the other side has stored enough of those before. */
  async sendOperations(operations: readonly Uint8Array[], byteCount: number): Promise<void> {
    while (this.#underWay.byteCount + byteCount > SYNC_WINDOW_BYTES_MAX) {
      const frame = await this.#next();
      if (frame.name === 'stored') this.#settle(frame.body);
      else if (this.#early) throw refuse('frame-unexpected', `a frame ${frame.name} came instead of stored`);
      else this.#early = frame;
    }
    this.#underWay.operationCount += operations.length;
    this.#underWay.byteCount += byteCount;
    await this.send('operations', { operations });
  }

  /** The other side has said that it is through with everything. */
  settleAll(): void {
    this.#settle({ ...this.#underWay });
  }

  async refuse(reason: RefusalReason): Promise<void> {
    await this.send('refused', { reason });
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }

  async #next(): Promise<Frame> {
    throwIfAborted(this.#signal);
    const { done, value } = await raceAbort(this.#frames.next(), this.#signal);
    if (done) throw new GranaryError('SYNC_INTERRUPTED', 'The other node closed the line in the middle of a sync.');
    this.#byteCounts.received += value.length;
    const frame = decodeFrame(value);
    if (frame.name === 'refused') {
      const { reason } = frame.body;
      throw new GranaryError('SYNC_REFUSED', `The other node ended the sync: ${reason}.`, { reason, byPeer: true });
    }
    return frame;
  }

  #settle(amount: Amount): void {
    const { operationCount, byteCount } = this.#underWay;
    if (amount.operationCount > operationCount || amount.byteCount > byteCount) {
      throw refuse('acknowledgement-too-large', 'more was acknowledged than was sent');
    }
    this.#underWay = {
      operationCount: operationCount - amount.operationCount,
      byteCount: byteCount - amount.byteCount,
    };
    this.#onStored(amount);
  }
}
