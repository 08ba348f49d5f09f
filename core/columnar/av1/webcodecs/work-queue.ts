import { GranaryError } from '#core/kernel/index.ts';

export type CodecState = 'unconfigured' | 'configured' | 'closed';

/**
 * What encoder and decoder share (W3C WebCodecs, "Codec processing model"): work is queued and done later in order, an
 * error closes the codec and goes to its callback.
 */
export class WorkQueue {
  #state: CodecState = 'unconfigured';
  #length = 0;
  #tail: Promise<void> = Promise.resolve();
  /** Work of an earlier generation was dropped by reset or close. */
  #generation = 0;
  readonly #onError: (error: GranaryError) => void;

  constructor(onError: (error: GranaryError) => void) {
    this.#onError = onError;
  }

  get state(): CodecState {
    return this.#state;
  }

  /** Work that has not begun. */
  get length(): number {
    return this.#length;
  }

  /** Errors: `INPUT_INVALID` once closed. */
  configure(): void {
    if (this.#state === 'closed') throw new GranaryError('INPUT_INVALID', 'The codec is closed. Make a new one.');
    this.#state = 'configured';
  }

  /** Errors: `INPUT_INVALID` unless configured. */
  requireConfigured(): void {
    if (this.#state !== 'configured')
      throw new GranaryError('INPUT_INVALID', `The codec is ${this.#state}. Call configure first.`);
  }

  /** Queues work on `input`, which may still be on its way. */
  push<Input>(input: Input | Promise<Input>, work: (input: Input) => void): void {
    const generation = this.#generation;
    this.#length++;
    this.#tail = this.#tail.then(async () => {
      const ready = await input;
      if (generation !== this.#generation) return;
      this.#length--;
      try {
        work(ready);
      } catch (error) {
        this.close();
        this.#onError(
          error instanceof GranaryError
            ? error
            : new GranaryError('INTERNAL', 'The codec failed.', {}, { cause: error }),
        );
      }
    });
  }

  /** Resolves when all work so far is done. Errors: `CANCELLED` when it was dropped, `INPUT_INVALID`. */
  async flush(): Promise<void> {
    this.requireConfigured();
    const generation = this.#generation;
    await this.#tail;
    if (generation !== this.#generation)
      throw new GranaryError('CANCELLED', 'The codec was reset or closed before its work was done.');
  }

  /** Drops what has not begun. Errors: `INPUT_INVALID` once closed. */
  reset(): void {
    if (this.#state === 'closed') throw new GranaryError('INPUT_INVALID', 'The codec is closed. Make a new one.');
    this.#drop('unconfigured');
  }

  close(): void {
    this.#drop('closed');
  }

  #drop(state: CodecState): void {
    this.#state = state;
    this.#generation++;
    this.#length = 0;
  }
}
