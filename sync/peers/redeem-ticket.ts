/**
 * How a ticket is redeemed, over one stream that the new device opens to the one that made the ticket. The new device sends
 * a request; the answer is a verdict and, when the ticket is granted, the operations of all control logs of the space, one a
 * frame, log after log.
 */
import {
  type AbortOptions,
  createMutex,
  equalBytes,
  GranaryError,
  isGranaryError,
  raceAbort,
  throwIfAborted,
  type Uuid,
} from '#core/kernel/index.ts';
import type { AgreementKey, Ticket } from '#sync/access/index.ts';
import { type LogStore, OPERATION_BYTES_MAX, orInvalid } from '#sync/log/index.ts';
import type { Wait } from '#core/kernel/index.ts';
import type { JoinedSpace, OpenSpace, Spaces } from '#sync/spaces/index.ts';
import type { PeerStream, Transport } from '#sync/transport/index.ts';
import { type InviteDeps, type InviteRefusal, useInvite } from './invites.ts';
import {
  decodeJoinRequest,
  decodeJoinVerdict,
  encodeJoinRequest,
  encodeJoinVerdict,
  type JoinRequest,
  type JoinVerdict,
} from './join-frames.ts';

export const JOIN_PROTOCOL = '/granary/join/1';

/** Redeeming goes on one after another; who opens more is guessing. */
export const JOIN_STREAMS_PER_PEER_MAX = 1;
/** Frames hold one operation each. */
export const JOIN_FRAME_BYTES_MAX = OPERATION_BYTES_MAX;
/** Control operations that a new device takes from the one that invites it, in bytes, as it holds them until it knows the founder. */
export const JOIN_BYTES_MAX = 32 * 2 ** 20;
/** What holding one of them costs beside its bytes, so that small ones are not for nothing: 64,000 are the most. Bytes. */
export const JOIN_OPERATION_COST = 512;
/** A device on the local network answers within a second when it is asked who is there, and is asked every ten. Milliseconds. */
const DISCOVER_MS_MAX = 12_000;
export interface AdmitDeps extends InviteDeps {
  readonly logs: LogStore;
  readonly spaces: Spaces;
  readonly count: (event: InviteRefusal | 'malformed' | 'granted') => void;
}

/** Redeems the ticket of the device at the other end of a stream, if it has one. */
export function createAdmission(deps: AdmitDeps): (stream: PeerStream) => Promise<void> {
  // Two devices with copies of one ticket must not both find it unused.
  const oneAtATime = createMutex();
  return async (stream) => {
    for await (const bytes of stream.frames) {
      const request = orInvalid(() => decodeJoinRequest(bytes));
      if (!request) {
        deps.count('malformed');
        return stream.abort();
      }
      const space = await oneAtATime(() => admit(deps, stream.peer, request));
      if (typeof space === 'string') return stream.send(encodeJoinVerdict(space));
      await stream.send(encodeJoinVerdict('granted'));
      await sendControl(deps.logs, space, stream);
      return stream.close();
    }
  };
}

async function admit(deps: AdmitDeps, device: Uint8Array, request: JoinRequest): Promise<OpenSpace | JoinVerdict> {
  const invite = await useInvite(deps, request.secret, device);
  deps.count(typeof invite === 'string' ? invite : 'granted');
  if (typeof invite === 'string') return invite;
  const space = (await deps.spaces.opened()).get(invite.space);
  if (!space) return 'refused';
  if (space.access.levelNow(device) !== null) return space;
  const { encryptionKey, name } = request;
  try {
    await deps.spaces.admit(space, { device, level: invite.level, encryptionKey, name });
  } catch (error) {
    // This device manages the space no more, or the other one was removed from it.
    if (isGranaryError(error, 'FORBIDDEN')) return 'refused';
    throw error;
  }
  return space;
}

async function sendControl(logs: LogStore, { store }: OpenSpace, stream: PeerStream): Promise<void> {
  for (const { author, logId } of store.controlLogs()) {
    for await (const bytes of logs.operationsFrom(author, logId, 0)) await stream.send(bytes);
  }
}

export interface RedeemDeps {
  readonly transport: Transport;
  readonly wait: Wait;
  /** True when devices on the local network are heard. */
  readonly discovers: boolean;
  readonly agreementKey: AgreementKey;
  readonly deviceName: string;
}

/**
 * Redeems a ticket at the device that made it and returns what it hands over. Errors: `PEER_UNREACHABLE`, `TICKET_INVALID`
 * when it is not redeemed, `SYNC_REFUSED`, `SYNC_INTERRUPTED`, `LIMIT_EXCEEDED`, `CANCELLED`.
 */
export async function redeemTicket(
  deps: RedeemDeps,
  { issuer, addresses, secret, space, genesisId, spaceName }: Ticket,
  { signal }: AbortOptions = {},
): Promise<JoinedSpace> {
  const { transport, agreementKey, deviceName } = deps;
  transport.addAddresses(issuer, addresses);
  const stream = await openTo(deps, issuer, { signal });
  try {
    await raceAbort(
      stream.send(encodeJoinRequest({ secret, encryptionKey: agreementKey.publicKey, name: deviceName })),
      signal,
    );
    const frames = stream.frames[Symbol.asyncIterator]();
    const next = async () => {
      const { done, value } = await raceAbort(frames.next(), signal);
      return done ? undefined : (value as Uint8Array);
    };
    const answer = await next();
    if (!answer) throw new GranaryError('SYNC_INTERRUPTED', 'The device that made the ticket hung up. Try again.');
    const verdict = orInvalid(() => decodeJoinVerdict(answer));
    if (verdict !== 'granted') throw notRedeemed(verdict);
    const operations: Uint8Array[] = [];
    let byteCount = 0;
    for (let bytes = await next(); bytes; bytes = await next()) {
      byteCount += bytes.length + JOIN_OPERATION_COST;
      if (byteCount > JOIN_BYTES_MAX) throw tooMuch();
      operations.push(bytes);
    }
    return { space: space as Uuid, genesisId, name: spaceName, operations };
  } finally {
    stream.abort();
  }
}

/** The addresses of a ticket may be old, or none: the device is waited for on the local network then. */
async function openTo(
  { transport, wait, discovers }: RedeemDeps,
  issuer: Uint8Array,
  { signal }: AbortOptions,
): Promise<PeerStream> {
  const found = new AbortController();
  const stopListening = transport.onChange(({ peer }) => {
    if (equalBytes(peer, issuer)) found.abort();
  });
  const open = () => transport.open(issuer, JOIN_PROTOCOL, { signal, maxFrameBytes: JOIN_FRAME_BYTES_MAX });
  try {
    return await open();
  } catch (error) {
    if (!discovers || !isGranaryError(error, 'PEER_UNREACHABLE')) throw error;
    const either = AbortSignal.any([found.signal, ...(signal ? [signal] : [])]);
    await wait(DISCOVER_MS_MAX, { signal: either }).catch(() => throwIfAborted(signal));
    if (!found.signal.aborted) throw error;
    return await open();
  } finally {
    stopListening();
  }
}

const REFUSALS: Readonly<Record<Exclude<JoinVerdict, 'granted'>, string>> = {
  unknown: 'is not known to the device that it names. Ask for another one',
  expired: 'has expired. Ask for another one',
  used: 'was redeemed by another device already. Ask for another one',
  refused: 'cannot be redeemed: the device that made it does not manage the space, or this one was removed from it',
};

const notRedeemed = (verdict: Exclude<JoinVerdict, 'granted'> | undefined) =>
  verdict
    ? new GranaryError('TICKET_INVALID', `The ticket ${REFUSALS[verdict]}.`, { verdict })
    : new GranaryError('SYNC_REFUSED', 'The device that made the ticket gave an answer that makes no sense.');

const tooMuch = () =>
  new GranaryError(
    'LIMIT_EXCEEDED',
    `The device that made the ticket sends more about its members than fits into ${JOIN_BYTES_MAX} bytes (JOIN_BYTES_MAX).`,
    { limit: JOIN_BYTES_MAX },
  );
