/**
 * How a device hears that a space goes on without it: it asks any member by the genesis id of the space, in one frame, and
 * gets the control operations that ended its membership with all that their authors had seen, one a frame, log after log.
 * Nothing later goes to it, and nothing but control operations. They are signed: it believes them, not the member.
 */
import { type AbortOptions, type Clock, equalBytes, toHex } from '#core/kernel/index.ts';
import { logPath, OPERATION_BYTES_MAX } from '#sync/log/index.ts';
import { createTokenBucket, type TokenBucket } from '#sync/segments/index.ts';
import type { OpenSpace, Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { JOIN_BYTES_MAX } from './redeem-ticket.ts';

export const REMOVAL_PROTOCOL = '/granary/removal/1';

/** Frames hold one operation each. */
export const REMOVAL_FRAME_BYTES_MAX = OPERATION_BYTES_MAX;
/** Who asks more at once asks for nothing new. */
export const REMOVAL_STREAMS_PER_PEER_MAX = 1;
/** Times that a removed device is told at once; its line may break. */
export const REMOVALS_TOLD_MAX = 3;
/** After that it is told once more each time so long has passed: it may cost megabytes. Milliseconds. */
export const REMOVALS_TOLD_MS = 10 * 60_000;

const GENESIS_ID_BYTES = 32;

export interface TellRemovalDeps {
  readonly spaces: Pick<Spaces, 'opened'>;
  readonly clock: Clock;
  readonly count: (event: 'malformed' | 'told' | 'foreign' | 'too-often') => void;
}

/** Answers devices that ask whether a space goes on without them. */
export function createRemovalTeller(deps: TellRemovalDeps): (stream: PeerStream) => Promise<void> {
  const { spaces, clock, count } = deps;
  /** Of devices that were members; there are no more of them than control operations. */
  const allowances = new Map<string, TokenBucket>();

  function mayAsk(device: string): boolean {
    const allowance = allowances.get(device) ?? createTokenBucket(clock, 1000 / REMOVALS_TOLD_MS, REMOVALS_TOLD_MAX);
    allowances.set(device, allowance);
    if (allowance.available < 1) return false;
    allowance.use(1);
    return true;
  }

  async function tell(stream: PeerStream, genesisId: Uint8Array): Promise<void> {
    const space = [...(await spaces.opened()).values()].find((each) => equalBytes(each.genesisId, genesisId));
    const farewell = space?.access.farewellTo(stream.peer) ?? [];
    if (!space || farewell.length === 0) return count('foreign');
    if (!mayAsk(toHex(stream.peer))) return count('too-often');
    const counts = new Map<string, number>();
    for (const { author, logId, seq } of farewell) {
      const path = logPath(author, logId);
      counts.set(path, Math.max(counts.get(path) ?? 0, seq + 1));
    }
    for (const { author, logId } of space.store.controlLogs()) {
      let rest = counts.get(logPath(author, logId)) ?? 0;
      if (rest === 0) continue;
      for await (const bytes of space.store.operationsFrom(author, logId, 0)) {
        await stream.send(bytes);
        if (--rest === 0) break;
      }
    }
    count('told');
  }

  return async (stream) => {
    for await (const bytes of stream.frames) {
      if (bytes.length !== GENESIS_ID_BYTES) {
        count('malformed');
        return stream.abort();
      }
      await tell(stream, bytes);
      return stream.close();
    }
  };
}

/**
 * Asks a connected peer whether a space goes on without this device, and takes in what it says. Errors: `PEER_UNREACHABLE`,
 * `SYNC_INTERRUPTED`, `CANCELLED`, those of the store.
 */
export async function askRemoval(
  { transport }: { readonly transport: Transport },
  peer: Uint8Array,
  space: OpenSpace,
  { signal }: AbortOptions = {},
): Promise<void> {
  const stream = await transport.open(peer, REMOVAL_PROTOCOL, { signal, maxFrameBytes: REMOVAL_FRAME_BYTES_MAX });
  try {
    await stream.send(space.genesisId);
    const operations: Uint8Array[] = [];
    let byteCount = 0;
    for await (const bytes of stream.frames) {
      byteCount += bytes.length;
      // No more than a space is joined with is believed.
      if (byteCount > JOIN_BYTES_MAX) return;
      operations.push(bytes);
    }
    if (operations.length > 0) await space.view.append(operations);
  } finally {
    stream.abort();
  }
}
