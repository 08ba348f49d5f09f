import { toHex } from '#core/kernel/index.ts';
import { blake3 } from '#sync/log/testing/fixtures.ts';
import { sessionBinding } from '../session-stream.ts';

/** What `tests/golden/peers-v1/sessions.json` holds. */
export const goldenSessions = () => ({
  bindings: Object.fromEntries(
    [0, 1, 2, 10, 2 ** 32].map((number) => [number, toHex(sessionBinding(blake3, new Uint8Array(32).fill(3), number))]),
  ),
});
