/** How members promise each other to keep segments, over one stream of `/granary/pledge/1` a question. */
import {
  type AbortOptions,
  asGranaryError,
  type Clock,
  fromHex,
  GranaryError,
  type Random,
  toHex,
  type Wait,
} from '#core/kernel/index.ts';
import type { Catalog } from '#core/catalog/index.ts';
import type { KeyValueStore } from '#core/platform/ports.ts';
import type { Blake3, Ed25519, SigningKey } from '#sync/log/index.ts';
import {
  askPledges,
  createServeGate,
  type FrameChannel,
  givePledges,
  PLEDGE_FRAME_BYTES_MAX,
  type PledgeBook,
  type SealedFolder,
  type SealedName,
  type ServeLimits,
} from '#sync/segments/index.ts';
import { readProved, readRowsHere, readWanted, type Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';

export const PLEDGE_PROTOCOL = '/granary/pledge/1';

/** Streams that one peer asks over: the one that it uses, and one that it has just given up. */
const STREAMS_PER_PEER_MAX = 2;

/** Members who are not connected are waited for so long. Milliseconds. */
const REACH_MS_MAX = 15_000;

export interface PledgeDeps {
  readonly store: KeyValueStore;
  readonly catalog: Catalog;
  readonly spaces: Spaces;
  readonly transport: Transport;
  readonly key: SigningKey;
  readonly book: PledgeBook;
  readonly blake3: Blake3;
  readonly ed25519: Ed25519;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: Wait;
  /** What this node holds: `createServedSegments`. */
  readonly served: Pick<SealedFolder, 'open'>;
  /** What proofs may read for one peer. */
  readonly limits: ServeLimits;
  readonly count: (event: string) => void;
}

/** Answers members who ask this device to keep segments. */
export function handlePledges(deps: PledgeDeps): void {
  const { store, spaces, transport, count } = deps;
  const gate = createServeGate(deps, deps.limits);

  /** Members are promised what lies here, unless a person has said that the rows are to go. */
  async function mayPledge(peer: string, name: SealedName): Promise<boolean> {
    const segment = await readProved(store, name);
    if (!segment) return false;
    const opened = await spaces.opened();
    const device = fromHex(peer);
    for (const { asset, space } of await readRowsHere(deps, segment.hash)) {
      const isShared = (opened.get(space)?.access.levelNow(device) ?? null) !== null;
      if (isShared && (await readWanted(store, asset)) !== 'metadata') return true;
    }
    return false;
  }

  transport.handle(
    PLEDGE_PROTOCOL,
    { maxFrameBytes: PLEDGE_FRAME_BYTES_MAX, maxStreamsPerPeer: STREAMS_PER_PEER_MAX },
    (stream) =>
      givePledges(
        { ...deps, folder: deps.served, mayPledge, gate, count },
        { id: toHex(stream.peer), publicKey: stream.peer },
        channelOf(stream),
      ),
  );
}

/**
 * Asks devices to keep segments until a moment, milliseconds since the epoch; what they promise is in the book then. Returns
 * how many of them could be asked. Errors: `SEGMENT_MISSING`, `CANCELLED`.
 */
export async function askMembers(
  deps: PledgeDeps,
  devices: readonly string[],
  question: { readonly names: readonly SealedName[]; readonly until: number },
  { signal }: AbortOptions = {},
): Promise<number> {
  const ask = async (device: string): Promise<boolean> => {
    const publicKey = fromHex(device);
    try {
      const channel = channelOf(await open(deps, publicKey, signal));
      await askPledges({ ...deps, folder: deps.served }, { id: device, publicKey }, channel, question, { signal });
      return true;
    } catch (error) {
      const { code } = asGranaryError(error);
      if (signal?.aborted || code === 'SEGMENT_MISSING' || code === 'INTERNAL') throw error;
      deps.count(`ask-${code}`);
      return false;
    }
  };
  const asked = await Promise.all(devices.map(ask));
  return asked.filter(Boolean).length;
}

/** A stream to a device, unless it cannot be reached in time. */
async function open({ transport, wait }: PledgeDeps, device: Uint8Array, signal: AbortSignal | undefined) {
  const late = new AbortController();
  const either = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
  wait(REACH_MS_MAX, { signal: either }).then(
    () => late.abort(new GranaryError('TIMED_OUT', 'The device was not reached in time.')),
    () => undefined,
  );
  try {
    return await transport.open(device, PLEDGE_PROTOCOL, { signal: either, maxFrameBytes: PLEDGE_FRAME_BYTES_MAX });
  } finally {
    late.abort();
  }
}

const channelOf = (stream: PeerStream): FrameChannel => ({
  send: (frame) => stream.send(frame),
  frames: stream.frames,
  close: () => void stream.close().catch(() => undefined),
});
