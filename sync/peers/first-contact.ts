import { type AbortOptions, throwIfAborted } from '#core/kernel/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { SessionReport } from '#sync/reconcile/index.ts';
import type { SigningHold } from '#sync/spaces/index.ts';

/**
 * How long a node that starts waits for its first session before it signs anything. In a session it gets back what it had
 * signed and no longer has, should its home have been restored; when nobody can be reached, nobody waits for it either.
 * Milliseconds.
 */
export const FIRST_CONTACT_MS_MAX = 10_000;

/** Holds what this device signs until a peer has handed it what it signed before, once after each start. */
export interface FirstContact extends SigningHold {
  /** The node begins to look for its peers. It is not held when it has none. */
  begin(hasPeers: boolean, options: Required<AbortOptions>): void;
  /** A session has ended. It is the first contact when a space is the same on both sides after it. */
  met(report: Pick<SessionReport, 'end' | 'spaces'>): void;
}

export function createFirstContact({ wait }: { readonly wait: Wait }): FirstContact {
  const released = Promise.withResolvers<void>();
  // Often nobody waits for it.
  released.promise.catch(() => undefined);
  let isHeld = false;
  const end = (): void => {
    isHeld = false;
    released.resolve();
  };
  return {
    get isHeld() {
      return isHeld;
    },
    whenReleased: async () => {
      if (isHeld) await released.promise;
    },
    begin(hasPeers, options) {
      if (!hasPeers) return;
      isHeld = true;
      // A node that stops signs nothing more.
      wait(FIRST_CONTACT_MS_MAX, options)
        .then(() => {
          throwIfAborted(options.signal);
          end();
        })
        .catch(released.reject);
    },
    met({ end: how, spaces }) {
      // Whoever has no space in common, or keeps back what it has, hands nothing back either.
      if (how === 'complete' && spaces.some(({ equal }) => equal)) end();
    },
  };
}
