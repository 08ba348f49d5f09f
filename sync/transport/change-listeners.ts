import type { TransportEvent } from './ports.ts';

/** Listeners that do not disturb each other, nor whoever tells them. */
export class ChangeListeners {
  readonly #listeners = new Set<(event: TransportEvent) => void>();

  add(listener: (event: TransportEvent) => void): () => void {
    const own = (event: TransportEvent) => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  tell(kind: TransportEvent['kind'], peer: Uint8Array): void {
    for (const listener of this.#listeners) queueMicrotask(() => listener({ kind, peer }));
  }
}
